//! Well-behaved clients of each revision and transport, there all the time: none may be disconnected, miss what another
//! says, get it twice or out of order, or wait long for an ack. Whatever else happens to the server is to be no
//! business of theirs.

use crate::client::{Settings, Transport};
use crate::fault::{Fault, Result};
use crate::ledger::Ledger;
use crate::packet::{Revision, ack};
use crate::world::{Orders, Scenario, World};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

/// All ways to speak.
const WAYS: [(Revision, Transport); 6] = [
    (Revision::V4, Transport::Websocket),
    (Revision::V4, Transport::Polling),
    (Revision::V4, Transport::Upgrade),
    (Revision::V3, Transport::Websocket),
    (Revision::V3, Transport::Polling),
    (Revision::V3, Transport::Upgrade),
];
/// Witnesses of each.
const OF_EACH: usize = 2;
/// All of them.
const ALL: usize = WAYS.len() * OF_EACH;
/// How often each says something. The chat lets a person say five messages a second.
const PAUSE: Duration = Duration::from_millis(1_000);
/// How often it is looked whether an ack is late.
const LOOK: Duration = Duration::from_millis(100);
/// What their messages begin with.
const WORD: &str = "witness ";

/// What all witnesses know together.
#[derive(Debug)]
struct Company {
    book: Mutex<Book>,
    present: AtomicUsize,
    over: AtomicBool,
    failed: AtomicBool,
    start: Instant,
    /// How long anybody may wait.
    bound: Duration,
    deliveries: AtomicU64,
    /// Microseconds of the longest wait for an ack, and for a message of another.
    longest: [AtomicU64; 2],
}

#[derive(Debug)]
struct Book {
    ledger: Ledger,
    sent: Vec<u64>,
}

/// All witnesses, each way to speak in a thread of its own.
#[derive(Debug)]
pub struct Witnesses {
    company: Arc<Company>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl Witnesses {
    /// Brings them in. None of them may wait longer than `bound`.
    #[must_use]
    pub fn begin(address: SocketAddr, bound: Duration) -> Self {
        let company = Arc::new(Company {
            book: Mutex::new(Book { ledger: Ledger::new(ALL, ALL, true), sent: vec![0; ALL] }),
            present: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            start: Instant::now(),
            bound,
            deliveries: AtomicU64::new(0),
            longest: [AtomicU64::new(0), AtomicU64::new(0)],
        });
        let thread = |(number, (revision, transport)): (usize, &(Revision, Transport))| {
            let from = IpAddr::from([127, 2, 0, 1 + u8::try_from(number).unwrap_or(0)]);
            let (host, path) = (address.to_string(), "/socket.io/".to_owned());
            let (revision, transport) = (*revision, *transport);
            let settings =
                Settings { address, host, path, revision, transport, from: Some(from), sources: 0, namespaces: 0 };
            let company = company.clone();
            spawn(move || {
                let mut few = Few::new(company.clone(), number * OF_EACH);
                let outcome = World::new(settings, bound * 2, false).and_then(|mut world| world.run(&mut few));
                let outcome = outcome.and_then(|()| few.late.map_or(Ok(()), Err));
                company.failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
                outcome.map_err(|fault| fault.at(format!("witnesses on {transport:?}, EIO={}", revision.number())))
            })
        };
        let threads = WAYS.iter().enumerate().map(thread).collect();
        Self { company, threads }
    }

    /// Whether all are in.
    #[must_use]
    pub fn are_in(&self) -> bool {
        self.company.present.load(Ordering::Relaxed) == ALL
    }

    /// Whether one of them has found a fault.
    #[must_use]
    pub fn have_failed(&self) -> bool {
        self.company.failed.load(Ordering::Relaxed)
    }

    /// What they have seen, in words.
    #[must_use]
    pub fn seen(&self) -> String {
        let sent: u64 = self.company.book().sent.iter().sum();
        let deliveries = self.company.deliveries.load(Ordering::Relaxed);
        let [ack, message] = [0, 1].map(|at| self.company.longest[at].load(Ordering::Relaxed) / 1_000);
        format!(
            "{ALL} witnesses: {sent} messages, {deliveries} deliveries; \
             longest wait for an ack {ack} ms, for a message {message} ms"
        )
    }

    /// Lets them hear what has been said, and go. What they have found, if that is a fault.
    #[must_use]
    pub fn end(&mut self) -> Vec<String> {
        self.company.over.store(true, Ordering::Relaxed);
        let outcome = |thread: JoinHandle<Result<()>>| match thread.join() {
            Ok(outcome) => outcome.err().map(|fault| fault.to_string()),
            Err(_) => Some("a witness panicked".to_owned()),
        };
        self.threads.drain(..).filter_map(outcome).collect()
    }
}

impl Company {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has waited so long for an ack (0) or a message (1).
    fn waited(&self, kind: usize, time: Duration) -> Result<()> {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.longest[kind].fetch_max(micros, Ordering::Relaxed);
        let what = ["an ack", "a message"][kind];
        if time > self.bound { Err(Fault::new(format!("{what} took {time:.1?}"))) } else { Ok(()) }
    }
}

/// The witnesses of one way to speak.
#[derive(Debug)]
struct Few {
    company: Arc<Company>,
    /// The number of the first one among all.
    first: usize,
    each: Vec<One>,
    opened: bool,
    closed: usize,
    /// Whether they were told to close.
    leaving: bool,
    /// How many of them are in.
    present: usize,
    progress: u64,
    late: Option<Fault>,
}

#[derive(Debug, Default)]
struct One {
    next_at: Option<Instant>,
    said: u64,
    /// Id and time of what is not acknowledged yet.
    pending: VecDeque<(u64, Instant)>,
}

impl Few {
    fn new(company: Arc<Company>, first: usize) -> Self {
        let each = std::iter::repeat_with(One::default).take(OF_EACH).collect();
        Self { company, first, each, opened: false, closed: 0, leaving: false, present: 0, progress: 0, late: None }
    }

    fn talk(&mut self, now: Instant, orders: &mut Orders) {
        for (who, one) in self.each.iter_mut().enumerate() {
            let at = *one.next_at.get_or_insert_with(|| now + PAUSE.mul_f64(fastrand::f64()));
            if at > now {
                continue;
            }
            one.next_at = Some(now + PAUSE);
            let (id, sender) = (one.said, self.first + who);
            one.said += 1;
            one.pending.push_back((id, now));
            self.company.book().sent[sender] += 1;
            let micros = (now - self.company.start).as_micros();
            orders.send(who, format_args!(r#"2{id}["chat message",{{"description":"{WORD}{sender} {id} {micros}"}}]"#));
        }
    }

    /// Whether everything that was said was heard here, and acknowledged.
    fn has_all(&self) -> bool {
        let book = self.company.book();
        let own = self.first..self.first + OF_EACH;
        self.each.iter().all(|one| one.pending.is_empty())
            && !book.ledger.behind(&book.sent).iter().any(|(who, ..)| own.contains(who))
    }

    fn heard(&mut self, who: usize, packet: &[u8]) -> Result<()> {
        let Some((sender, number, micros)) = said(packet) else { return Ok(()) };
        self.company.book().ledger.seen(self.first + who, sender, number)?;
        self.company.deliveries.fetch_add(1, Ordering::Relaxed);
        self.progress += 1;
        let then = self.company.start + Duration::from_micros(micros);
        self.company.waited(1, then.elapsed())
    }

    fn acked(&mut self, who: usize, packet: &[u8], at: Instant) -> Result<()> {
        let answer = String::from_utf8_lossy(packet);
        let id = ack(packet).filter(|(_, answer)| answer.starts_with(br#"[{"ok":true"#)).map(|(id, _)| id);
        let Some(id) = id else { return Err(Fault::new(format!("a message was refused: {answer}"))) };
        match self.each[who].pending.pop_front() {
            Some((wanted, then)) if wanted == id => self.company.waited(0, at - then),
            other => Err(Fault::new(format!("an ack of {id} where {other:?} was next"))),
        }
    }
}

impl Scenario for Few {
    fn ready(&mut self, _who: usize, _at: Instant, _orders: &mut Orders) -> Result<()> {
        self.company.present.fetch_add(1, Ordering::Relaxed);
        self.present += 1;
        self.progress += 1;
        Ok(())
    }

    fn packet(&mut self, who: usize, packet: &[u8], at: Instant, _orders: &mut Orders) -> Result<()> {
        if packet.starts_with(b"3") { self.acked(who, packet, at) } else { self.heard(who, packet) }
    }

    fn closed(&mut self, _who: usize, _at: Instant, _orders: &mut Orders) -> Result<()> {
        self.closed += 1;
        Ok(())
    }

    fn tick(&mut self, now: Instant, orders: &mut Orders) -> Option<Instant> {
        if !self.opened {
            self.opened = true;
            (0..OF_EACH).for_each(|_| orders.open());
        }
        let all_are_in = self.company.present.load(Ordering::Relaxed) == ALL;
        let over = self.company.over.load(Ordering::Relaxed);
        if all_are_in && !over {
            self.talk(now, orders);
        }
        if !all_are_in && self.present == OF_EACH {
            // The others may take their time: they find themselves what keeps them.
            self.progress += 1;
        }
        if over && !self.leaving && self.has_all() {
            self.leaving = true;
            (0..OF_EACH).for_each(|who| orders.close(who));
        }
        let oldest = self.each.iter().filter_map(|one| one.pending.front()).map(|(_, at)| now - *at).max();
        self.late = oldest.and_then(|age| self.company.waited(0, age).err());
        Some(now + LOOK)
    }

    fn is_done(&self) -> bool {
        // Nobody can be in the company of one who has failed: whoever waits for its words would wait in vain.
        self.closed == OF_EACH || self.late.is_some() || self.company.failed.load(Ordering::Relaxed)
    }

    fn progress(&self) -> u64 {
        self.progress
    }

    fn missing(&self) -> String {
        let book = self.company.book();
        let own = self.first..self.first + OF_EACH;
        let behind = book.ledger.behind(&book.sent);
        match behind.into_iter().find(|(who, ..)| own.contains(who)) {
            Some((who, sender, number)) => format!("witness {who} misses number {number} of {sender}"),
            None => format!("{} witnesses are in, of {ALL}", self.company.present.load(Ordering::Relaxed)),
        }
    }
}

/// Sender, number and time of a message of a witness, if that is what a packet is.
fn said(packet: &[u8]) -> Option<(usize, u64, u64)> {
    const START: &[u8] = br#"2["message from server",{"description":""#;
    let text = std::str::from_utf8(packet.strip_prefix(START)?).ok()?;
    let mut numbers = text.strip_prefix(WORD)?.split('"').next()?.split(' ').map(|number| number.parse::<u64>().ok());
    let sender = usize::try_from(numbers.next()??).ok()?;
    Some((sender, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_witnesses_say_is_known_from_what_others_say() {
        let said_by =
            |text: &str| said(format!(r#"2["message from server",{{"description":"{text}","id":1}}]"#).as_bytes());
        assert_eq!(said_by("witness 3 17 123456"), Some((3, 17, 123_456)));
        assert_eq!(said_by("witness 3"), None);
        assert_eq!(said_by("hello"), None);
    }
}
