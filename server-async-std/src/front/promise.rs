//! An answer that is owed to a client, for which its connection waits. Whoever has it sends it from where it is, straight into
//! the socket, and wakes nobody: the connection's task has nothing to do before the client says something again. What the
//! socket does not take, or takes time to be made, is the task's to see to. Knows nothing of who answers what.
use super::answer::Answer;
use super::gate::{Gate, Phase};
use super::reply::Asked;
use super::stream::Stream;
use std::cell::RefCell;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

thread_local! {
    /// What is sent at the moment.
    static OUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// An answer that takes time to be made.
pub(crate) type Making = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// One answer to one request, which has no body left to be read.
pub(crate) struct Promise {
    stream: Stream,
    gate: Arc<Gate>,
    asked: Asked,
    /// Locked while the answer is sent, which a socket that does not block makes short.
    inside: Mutex<Inside>,
}

struct Inside {
    state: State,
    task: Option<Waker>,
    /// The task has read what comes after the request: it goes on as soon as there is the answer.
    pressed: bool,
}

enum State {
    /// Nobody has answered yet.
    Open,
    /// All is said and done, since then.
    Sent(Instant),
    Left(Left),
    /// Nobody waits for the answer, or it has been taken care of.
    Over,
}

/// What is left to the task.
pub(super) enum Left {
    /// To send these bytes.
    Bytes { rest: Vec<u8>, kept: bool },
    /// To wait for the answer, and send it.
    Making(Making, Asked),
    /// The socket is broken.
    Broken,
}

/// How a promise stands.
pub(super) enum Standing {
    Open,
    Sent(Instant),
    Left(Left),
}

impl Promise {
    pub(super) fn new(stream: Stream, gate: Arc<Gate>, asked: Asked) -> Self {
        let inside = Inside { state: State::Open, task: None, pressed: false };
        Self { stream, gate, asked, inside: Mutex::new(inside) }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Nothing in here panics while it is half done.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it, here and now.
    pub(crate) fn keep(&self, answer: Answer) {
        if answer.is_long() {
            return self.keep_with(Box::pin(ready(answer)));
        }
        let asked = Asked { close: self.asked.close || self.gate.reached(Phase::Draining), ..self.asked };
        OUT.with_borrow_mut(|bytes| {
            bytes.clear();
            let kept = answer.encode(asked, bytes);
            self.send(bytes, kept);
        });
    }

    fn send(&self, bytes: &[u8], kept: bool) {
        let mut inside = self.lock();
        if !matches!(inside.state, State::Open) {
            return;
        }
        let sent = match self.stream.send(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(_) => return inside.leave(Left::Broken),
            Ok(n) => n,
        };
        if sent < bytes.len() || !kept {
            return inside.leave(Left::Bytes { rest: bytes[sent..].to_vec(), kept });
        }
        inside.state = State::Sent(Instant::now());
        if inside.pressed {
            inside.wake();
        }
    }

    /// Lets the task keep it.
    pub(crate) fn keep_with(&self, answer: Making) {
        let mut inside = self.lock();
        if matches!(inside.state, State::Open) {
            inside.leave(Left::Making(answer, self.asked));
        }
    }

    /// How it stands. If it is open, `task` is woken if there is something left for it, or, if it is `pressed`, in any case.
    pub(super) fn look(&self, task: &Waker, pressed: bool) -> Standing {
        let mut inside = self.lock();
        match inside.state {
            State::Sent(at) => return Standing::Sent(at),
            State::Left(_) => {
                if let State::Left(left) = std::mem::replace(&mut inside.state, State::Over) {
                    return Standing::Left(left);
                }
            }
            State::Open | State::Over => {}
        }
        inside.pressed = pressed;
        if !inside.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            inside.task = Some(task.clone());
        }
        Standing::Open
    }

    /// Nobody waits for it any more. Returns whether it was still open.
    pub(super) fn cancel(&self) -> bool {
        let state = std::mem::replace(&mut self.lock().state, State::Over);
        matches!(state, State::Open)
    }
}

impl Inside {
    fn leave(&mut self, left: Left) {
        self.state = State::Left(left);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("asked", &self.asked).finish_non_exhaustive()
    }
}
