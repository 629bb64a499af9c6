//! The news of a socket, under loom: interleavings of the thread that has it, of the one that waits for the system, and of
//! whoever writes to it. They are compiled from their very file, on loom's atomics.

#[path = "../../server-async-std/src/reactor/news.rs"]
#[allow(dead_code, reason = "not everything is of use here")]
mod news;

/// What the file knows as `crate::sync`.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicU8, Ordering, fence};
}

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use loom::thread;
use news::{Board, News};

/// A socket, what is in it, and what is to be waited for. What threads do with it is what `reactor` does.
struct Socket {
    board: Board,
    /// Messages that have come, and those of them that were read.
    come: AtomicUsize,
    read: AtomicUsize,
    /// What is to be waited for: whether it is read, and something else that the driver has to be told of.
    interest: AtomicU8,
    /// What the driver has acted upon.
    seen: AtomicU8,
    /// A thread has it.
    is_in_hands: AtomicBool,
}

const READS: u8 = 1;
const OTHER: u8 = 2;

impl Socket {
    /// One that no thread has.
    fn new(interest: u8) -> Self {
        let board = Board::taken(News::NONE, interest);
        assert!(!board.let_go(News::NONE, interest & READS != 0));
        Self {
            board,
            come: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            interest: AtomicU8::new(interest),
            seen: AtomicU8::new(interest),
            is_in_hands: AtomicBool::new(false),
        }
    }

    /// The system says that there is something to be read.
    fn comes(&self) {
        self.come.fetch_add(1, Ordering::Relaxed);
        if self.board.announce(News::READABLE) {
            self.turn();
        }
    }

    /// What is to be waited for changes, and not by a turn: under a lock, from one value to the next.
    fn changes(&self, interest: u8) {
        self.interest.store(interest, Ordering::Release);
        if self.board.tell(interest) {
            self.turn();
        }
    }

    /// A thread is given the socket, and again while there is more.
    fn turn(&self) {
        loop {
            assert!(!self.is_in_hands.swap(true, Ordering::Relaxed), "two threads have the socket");
            let news = self.board.take();
            let reads = self.interest.load(Ordering::Acquire) & READS != 0;
            if news.has(News::READABLE) && reads {
                // What the news were announced after, at least.
                self.read.store(self.come.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            let unseen = if reads { News::NONE } else { News::NONE.and(News::READABLE, news.has(News::READABLE)) };
            let known = self.board.know(|| self.interest.load(Ordering::Acquire));
            self.seen.store(known, Ordering::Relaxed);
            self.is_in_hands.store(false, Ordering::Relaxed);
            if !self.board.let_go(unseen, known & READS != 0) {
                return;
            }
        }
    }

    /// All threads have ended: then everything is done.
    fn is_seen_to(&self, come: usize) {
        let interest = self.interest.load(Ordering::SeqCst);
        assert_eq!(self.seen.load(Ordering::SeqCst), interest, "nobody knows what is to be waited for");
        if interest & READS != 0 {
            assert_eq!(self.read.load(Ordering::SeqCst), come, "there is something to be read, and nobody reads");
        }
        assert!(self.board.announce(News::LOOK), "a thread still has it");
    }
}

/// Lets each of `others` happen in a thread of its own, and `first` in this one.
fn together(interest: u8, come: usize, first: fn(&Socket), others: &'static [fn(&Socket)]) {
    let mut model = loom::model::Builder::new();
    // All that take a thread from its processor against its will three times at most: without a bound two of these tests take
    // longer than five minutes.
    model.preemption_bound = Some(3);
    model.check(move || {
        let socket = Arc::new(Socket::new(interest));
        let threads: Vec<_> = others
            .iter()
            .map(|other| {
                let socket = socket.clone();
                thread::spawn(move || other(&socket))
            })
            .collect();
        first(&socket);
        for thread in threads {
            thread.join().expect("it does not panic");
        }
        socket.is_seen_to(come);
    });
}

#[test]
fn what_comes_while_a_thread_has_the_socket_is_read() {
    together(READS, 2, Socket::comes, &[Socket::comes]);
}

#[test]
fn what_comes_twice_while_a_thread_has_the_socket_is_read() {
    together(
        READS,
        3,
        Socket::comes,
        &[|socket| {
            socket.comes();
            socket.comes();
        }],
    );
}

#[test]
fn what_is_to_be_waited_for_changes_while_a_thread_has_the_socket() {
    together(READS, 1, Socket::comes, &[|socket| socket.changes(READS | OTHER)]);
}

/// It is not told of what is the same again, and yet nobody is left with what was in between.
#[test]
fn it_changes_there_and_back_while_a_thread_has_the_socket() {
    together(
        READS,
        1,
        Socket::comes,
        &[|socket| {
            socket.changes(READS | OTHER);
            socket.changes(READS);
        }],
    );
}

/// What was not wanted is read when it is.
#[test]
fn what_came_too_early_is_read_when_reading_goes_on() {
    together(0, 1, Socket::comes, &[|socket| socket.changes(READS)]);
}

/// Reading stops, and what has come waits; reading goes on.
#[test]
fn reading_stops_and_goes_on_while_something_comes() {
    together(
        READS,
        1,
        Socket::comes,
        &[|socket| {
            socket.changes(0);
            socket.changes(READS);
        }],
    );
}
