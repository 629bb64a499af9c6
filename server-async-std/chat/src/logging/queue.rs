//! A queue of lines between those who log and the one who writes. Bounded in lines and bytes; what does not fit is counted where
//! it would have been. Knows no clock but that of waiting, and nothing of how a line is made.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much may wait to be written. Beyond it lines are dropped and counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lines. 10,000 (tracing-appender: 128,000, of any length).
    pub(super) lines: usize,
    /// Bytes of them. 1 MiB: sixteen times what a pipe holds on Linux.
    pub(super) bytes: usize,
    /// Bytes that are taken to be written at once, if there are more than one line. 64 KiB, what a pipe holds. They count no
    /// longer as waiting.
    pub(super) chunk: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lines: 10_000, bytes: 1024 * 1024, chunk: 64 * 1024 }
    }
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    bounds: Bounds,
    state: Mutex<State>,
    /// There is something for who writes.
    filled: Condvar,
    /// All that there was has been written.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    lines: usize,
    bytes: usize,
    is_writing: bool,
    reminder: Option<Instant>,
}

#[derive(Debug)]
enum Entry {
    Line(Box<[u8]>),
    /// So many lines, one after another, had no room.
    Dropped(u64),
}

/// What who writes has to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Work {
    Write(Vec<u8>),
    /// To say that so many lines were dropped.
    SayDropped(u64),
    /// The time that was given to [`Queue::remind`] has come.
    Reminder,
}

impl Queue {
    /// Takes a line, or counts it.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.lines >= self.bounds.lines || state.bytes + line.len() > self.bounds.bytes {
            match state.entries.back_mut() {
                Some(Entry::Dropped(count)) => *count += 1,
                _ => state.entries.push_back(Entry::Dropped(1)),
            }
        } else {
            state.lines += 1;
            state.bytes += line.len();
            state.entries.push_back(Entry::Line(line.into()));
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Whoever writes is to be reminded at this time, if not earlier.
    pub(super) fn remind(&self, at: Instant) {
        let mut state = self.lock();
        state.reminder = Some(state.reminder.map_or(at, |earlier| earlier.min(at)));
        drop(state);
        self.filled.notify_one();
    }

    /// Waits until there is something to do; what was given out before counts as done.
    pub(super) fn next(&self) -> Work {
        let mut state = self.lock();
        state.is_writing = false;
        loop {
            let now = Instant::now();
            if state.reminder.is_some_and(|at| at <= now) {
                state.reminder = None;
                return Work::Reminder;
            }
            if let Some(work) = state.take(self.bounds.chunk) {
                state.is_writing = true;
                return work;
            }
            self.emptied.notify_all();
            state = match state.reminder {
                Some(at) => {
                    self.filled.wait_timeout(state, at - now).map_or_else(|error| error.into_inner().0, |it| it.0)
                }
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Waits until all is written, or so long.
    pub(super) fn flush(&self, patience: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.entries.is_empty();
        // Who is told in vain that it took too long?
        let _ = self.emptied.wait_timeout_while(self.lock(), patience, is_busy);
    }

    /// Nobody panics while the lock is held.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, chunk: usize) -> Option<Work> {
        let mut bytes = Vec::new();
        loop {
            match self.entries.front() {
                Some(Entry::Line(line)) if bytes.is_empty() || bytes.len() + line.len() <= chunk => {
                    bytes.extend_from_slice(line);
                    self.lines -= 1;
                    self.bytes -= line.len();
                    self.entries.pop_front();
                }
                Some(Entry::Dropped(count)) if bytes.is_empty() => {
                    let count = *count;
                    self.entries.pop_front();
                    return Some(Work::SayDropped(count));
                }
                _ => return (!bytes.is_empty()).then_some(Work::Write(bytes)),
            }
        }
    }
}

/// Writes into a queue, a line at a time.
pub(super) struct Lines<'a>(pub(super) &'a Queue);

impl Write for Lines<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_where_it_would_have_been() {
        let queue = Queue { bounds: Bounds { lines: 3, bytes: 10, chunk: 4 }, ..Queue::default() };
        for line in ["ab", "cd", "efg", "no", "neither"] {
            queue.push(line.as_bytes());
        }
        assert_eq!(queue.next(), Work::Write(b"abcd".into()), "as many as a chunk takes");
        for line in ["hi", "too many bytes", "jk"] {
            queue.push(line.as_bytes());
        }
        let expected = [
            Work::Write(b"efg".into()),
            Work::SayDropped(2),
            Work::Write(b"hi".into()),
            Work::SayDropped(1),
            Work::Write(b"jk".into()),
        ];
        assert_eq!([(); 5].map(|()| queue.next()), expected);
        queue.remind(Instant::now());
        assert_eq!(queue.next(), Work::Reminder);
        queue.flush(Duration::from_secs(60));
    }

    #[test]
    fn a_flush_waits_no_longer_than_it_is_told_to() {
        let queue = Queue::default();
        queue.push(b"line");
        queue.flush(Duration::from_millis(1));
    }
}
