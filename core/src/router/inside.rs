//! What a router knows beside its handlers and its state: the data of sockets, questions that wait for answers, timers.

use super::error::Error;
use crate::by_socket::BySocket;
use crate::engine::Handshake;
use crate::id::SocketId;
use crate::room::{BroadcastAckId, Effects};
use crate::socket::{AckId, ConnectRequest, Event, Nsp};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::cell::RefCell;
use core::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The time that answers are waited for, if a question says nothing else.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The data of a socket: any value with a default that serializes, so that it comes back with a session that is restored.
/// Implemented for all such types.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the data of a socket: derive `Default`, `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Data: Default + Serialize + DeserializeOwned + Send + 'static {}

impl<T: Default + Serialize + DeserializeOwned + Send + 'static> Data for T {}

/// Everything that handlers reach through their context.
pub(crate) struct Inside<S, D> {
    pub(crate) members: BySocket<Member<D>>,
    /// The data of sockets that are let in, until they are connected.
    pub(crate) admitted: BTreeMap<SocketId, D>,
    pub(crate) questions: BTreeMap<BroadcastAckId, Box<dyn Question<S, D>>>,
    pub(crate) timers: Timers<S, D>,
    pub(crate) answer_timeout: Duration,
    /// What was sent and has not been told to those who listen. Nothing if nobody does.
    pub(crate) outgoing: Option<Vec<Outgoing>>,
}

impl<S, D> Inside<S, D> {
    pub(crate) fn new() -> Self {
        Self {
            members: BySocket::default(),
            admitted: BTreeMap::new(),
            questions: BTreeMap::new(),
            timers: Timers::default(),
            answer_timeout: ANSWER_TIMEOUT,
            outgoing: None,
        }
    }
}

/// What a socket came with.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) nsp: Nsp,
    pub(crate) auth: Box<str>,
    /// The attachments of the placeholders in `auth`.
    pub(crate) attachments: Vec<Bytes>,
    pub(crate) handshake: Option<Arc<Handshake>>,
}

impl Origin {
    pub(crate) fn of(request: &ConnectRequest) -> Box<Self> {
        let ConnectRequest { nsp, auth, attachments, handshake, .. } = request;
        let (nsp, auth) = (nsp.clone(), auth.clone());
        Self { nsp, auth, attachments: attachments.clone(), handshake: handshake.clone() }.into()
    }
}

/// A connected socket.
pub(crate) struct Member<D> {
    /// Whose handlers are for it.
    pub(crate) place: usize,
    /// Nothing while a handler has it.
    pub(crate) held: Option<(Box<Origin>, D)>,
}

/// What handlers can reach: the hub's effects, and the router's tables.
pub(crate) struct Reach<'a, S, D> {
    pub(crate) fx: Effects<'a>,
    pub(crate) inside: &'a mut Inside<S, D>,
    /// The first thing that went wrong and was not returned.
    pub(crate) failure: Option<Error>,
    /// The right to acknowledge the event that is handled.
    pub(crate) ack: Option<AckId>,
}

impl<'a, S, D> Reach<'a, S, D> {
    pub(crate) fn new(fx: Effects<'a>, inside: &'a mut Inside<S, D>, ack: Option<AckId>) -> Self {
        Self { fx, inside, failure: None, ack }
    }

    pub(crate) fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
    }

    /// Has `work` done at this time.
    pub(crate) fn at(&mut self, time: Time, work: Timer<S, D>) {
        self.inside.timers.add(time, work);
        self.fx.wake_at(time);
    }
}

/// The server without a socket that it is about: the `io` of the reference. Timers, answers to questions and work from outside get
/// one; [`Cx`](super::Cx) is the same for a socket.
#[doc(alias = "Server")]
pub struct Io<'a, S, D = ()> {
    /// The application's state.
    pub state: &'a mut S,
    pub(crate) reach: RefCell<Reach<'a, S, D>>,
}

/// A question to sockets, whose answers are collected.
pub(crate) trait Question<S, D>: Send {
    /// A socket has answered.
    fn answer(&mut self, socket: SocketId, answer: &Event);

    /// There will be no more answers.
    fn done(self: Box<Self>, io: &mut Io<'_, S, D>, missing: &[SocketId]);
}

/// Something that is done once.
pub(crate) type Once<S, D> = Box<dyn FnOnce(&mut Io<'_, S, D>) + Send>;

/// Something that is done again and again.
type Again<S, D> = Box<dyn FnMut(&mut Io<'_, S, D>) + Send>;

/// Something that is done at a time.
pub(crate) enum Timer<S, D> {
    Once(Once<S, D>),
    Every(Duration, Again<S, D>),
}

/// What is to be done, in the order of times.
pub(crate) struct Timers<S, D> {
    due: BTreeMap<(Time, u64), Timer<S, D>>,
    /// Those that begin when the server does.
    pub(crate) at_start: Vec<Timer<S, D>>,
    last: u64,
}

impl<S, D> Default for Timers<S, D> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), at_start: Vec::new(), last: 0 }
    }
}

impl<S, D> Timers<S, D> {
    fn add(&mut self, time: Time, timer: Timer<S, D>) {
        self.last += 1;
        self.due.insert((time, self.last), timer);
    }

    /// Takes the next that is due.
    pub(crate) fn take(&mut self, now: Time) -> Option<Timer<S, D>> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.due.first_key_value().map(|((time, _), _)| *time)
    }
}

/// An event that was sent: what [`Namespace::on_any_outgoing`](super::Namespace::on_any_outgoing) is told. A broadcast is one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The namespace.
    pub nsp: Nsp,
    /// The socket, if it is for one.
    pub socket: Option<SocketId>,
    /// The rooms whose members get it; all sockets in the namespace if there are none.
    pub rooms: Vec<String>,
    /// The event's name.
    pub name: String,
    /// Its arguments, JSON values with commas between them.
    pub args_json: String,
}

/// Milliseconds, and at least one: no timer is due at once again and again.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
