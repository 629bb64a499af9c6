//! The deadlines of connections: a table of which to look at, and when. It only says "look": the connection's own
//! deadlines say whether anything is due. So a deadline that moves to a later time, as most do, costs nothing.

use crate::sync::lock;
use sanket::Time;
use sanket::driver::Grace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

/// Who is to be looked at when. `T` is a connection; nothing is known of it.
#[derive(Debug)]
pub(super) struct Deadlines<T>(Mutex<Table<T>>);

/// A look that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look((Time, u64));

impl Look {
    pub(super) fn at(self) -> Time {
        self.0.0
    }
}

#[derive(Debug)]
struct Table<T> {
    /// By time, and by a number, since several may want the same moment.
    looks: BTreeMap<(Time, u64), Weak<T>>,
    number: u64,
    grace: Grace,
}

impl<T> Deadlines<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Table { looks: BTreeMap::new(), number: 0, grace: Grace::default() }))
    }

    /// Asks for a look at `line` at `at`.
    pub(super) fn arm(&self, at: Time, line: &Arc<T>) -> Look {
        let mut table = lock(&self.0);
        table.number += 1;
        let key = (at, table.number);
        table.looks.insert(key, Arc::downgrade(line));
        Look(key)
    }

    /// Takes back what was asked for.
    pub(super) fn disarm(&self, look: Look) {
        lock(&self.0).looks.remove(&look.0);
    }

    /// When there is something to look at next.
    pub(super) fn next(&self) -> Option<Time> {
        let table = lock(&self.0);
        table.looks.first_key_value().map(|((at, _), _)| table.grace.judged(*at))
    }

    /// The host was called at `now`, and had asked for `asked`.
    pub(super) fn notice(&self, asked: Option<Time>, now: Time) {
        lock(&self.0).grace.notice(asked, now);
    }

    /// A connection that is to be looked at by `now`.
    pub(super) fn take(&self, now: Time) -> Option<Option<Arc<T>>> {
        let mut table = lock(&self.0);
        if table.grace.holds(now) {
            return None;
        }
        let first = table.looks.first_entry()?;
        (first.key().0 <= now).then(|| first.remove().upgrade())
    }
}
