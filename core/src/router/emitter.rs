//! Where an event is sent, and how.

use super::arguments::{Written, read, write};
use super::error::{Error, ErrorKind};
use super::inside::{Io, Outgoing, Question, Reach, millis};
use crate::id::SocketId;
use crate::room::{BroadcastOptions, Effects, Emit, Target};
use crate::socket::{Event, Nsp};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use bytes::Bytes;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Some sockets of a namespace, and how they are sent something: the `BroadcastOperator` of the reference.
///
/// At first it is all sockets in a namespace, or one. [`Emitter::to`] and [`Emitter::except`] choose among them; a socket in several
/// of the rooms counts once.
///
/// What is sent is encoded once for all sockets. A value that cannot be JSON is an [`Error`] of the handler.
#[must_use = "nothing is sent until `emit` is called"]
#[doc(alias = "BroadcastOperator")]
pub struct Emitter<'c, 'a, S, D> {
    reach: &'c RefCell<Reach<'a, S, D>>,
    nsp: Nsp,
    /// The only one, whatever its rooms.
    only: Option<SocketId>,
    /// One that was chosen, and is disconnected: it gets nothing, and nobody gets it instead.
    gone: Option<SocketId>,
    rooms: Names<'c>,
    except_rooms: Names<'c>,
    except: Vec<SocketId>,
    volatile: bool,
    recoverable: bool,
    compress: bool,
    timeout: Option<Duration>,
}

/// Names of rooms. Usually there is one at most.
#[derive(Default)]
struct Names<'c> {
    first: Option<Cow<'c, str>>,
    more: Vec<Cow<'c, str>>,
}

impl<'c> Names<'c> {
    fn add(&mut self, name: Cow<'c, str>) {
        if self.first.is_none() { self.first = Some(name) } else { self.more.push(name) }
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        self.first.iter().chain(&self.more).map(|name| &**name)
    }
}

/// The members of a room, or one socket: what [`Emitter::to`] and [`Emitter::except`] take.
#[derive(Clone, Debug)]
pub enum Among<'c> {
    /// The members of a room.
    Room(Cow<'c, str>),
    /// A socket.
    Socket(SocketId),
}

impl<'c> From<&'c str> for Among<'c> {
    fn from(room: &'c str) -> Self {
        Self::Room(room.into())
    }
}

impl<'c> From<&'c String> for Among<'c> {
    fn from(room: &'c String) -> Self {
        Self::Room(room.as_str().into())
    }
}

impl From<String> for Among<'_> {
    fn from(room: String) -> Self {
        Self::Room(room.into())
    }
}

impl From<SocketId> for Among<'_> {
    fn from(socket: SocketId) -> Self {
        Self::Socket(socket)
    }
}

impl<'c, 'a, S, D> Emitter<'c, 'a, S, D> {
    pub(crate) fn new(reach: &'c RefCell<Reach<'a, S, D>>, nsp: Nsp) -> Self {
        Self {
            reach,
            nsp,
            only: None,
            gone: None,
            rooms: Names::default(),
            except_rooms: Names::default(),
            except: Vec::new(),
            volatile: false,
            recoverable: true,
            compress: true,
            timeout: None,
        }
    }

    pub(crate) fn only(reach: &'c RefCell<Reach<'a, S, D>>, nsp: Nsp, socket: SocketId) -> Self {
        Self { only: Some(socket), ..Self::new(reach, nsp) }
    }

    /// Chooses the members of a room, or one socket. Called again, those too.
    #[doc(alias = "in")]
    pub fn to(mut self, whom: impl Into<Among<'c>>) -> Self {
        match whom.into() {
            Among::Room(room) => self.rooms.add(room),
            // Every socket is in a room of its own.
            Among::Socket(socket) => match self.reach.borrow().fx.id(socket) {
                Some(id) => self.rooms.add(id.into()),
                None => self.gone = Some(socket),
            },
        }
        self
    }

    /// Leaves out the members of a room, or one socket.
    pub fn except(mut self, whom: impl Into<Among<'c>>) -> Self {
        match whom.into() {
            Among::Room(room) => self.except_rooms.add(room),
            Among::Socket(socket) => self.except.push(socket),
        }
        self
    }

    /// Drops the event for clients that cannot take it at once: [`Emit::volatile`].
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Keeps the event out of the recovery log: [`Emit::not_recoverable`].
    pub fn not_recoverable(mut self) -> Self {
        self.recoverable = false;
        self
    }

    /// Whether the event is worth compressing in the response to a poll. It is, by default.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// How long answers are waited for, to the millisecond. By default as long as
    /// [`Router::answer_timeout`](super::Router::answer_timeout) says.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends an event. A tuple is several arguments, `()` none, and everything else one. An array of fixed length counts as a
    /// tuple, as it does for serde. [`Binary`](super::Binary) may be anywhere.
    pub fn emit(self, name: impl AsRef<str>, arguments: impl Serialize) {
        match write(&arguments) {
            Ok(written) => self.send(name.as_ref(), &written.json, &written.attachments),
            Err(error) => self.reach.borrow_mut().fail(Error::value(&error)),
        }
    }

    /// Sends an event whose arguments are JSON: values with commas between them, as [`Event::args_json`] has them. They are not
    /// checked. For passing on what a client sent, as it sent it.
    pub fn emit_json(self, name: impl AsRef<str>, args: &str, attachments: &[Bytes]) {
        self.send(name.as_ref(), args, attachments);
    }

    /// Sends an event with the arguments that a client sent, as it sent them.
    pub fn forward(self, name: impl AsRef<str>, event: &Event) {
        self.send(name.as_ref(), event.args_json(), event.attachments());
    }

    /// Sends an event that is to be acknowledged, with the arguments that a client sent, and calls `then` with the answers as they are:
    /// see [`Emitter::emit_with_ack`].
    pub fn forward_with_ack(
        self,
        name: impl AsRef<str>,
        event: &Event,
        then: impl FnOnce(&mut Io<'_, S, D>, Answers<Event>) + Send + 'static,
    ) {
        self.emit_json_with_ack(name, event.args_json(), event.attachments(), then);
    }

    /// The same, with JSON as [`Emitter::emit_json`] takes it.
    pub fn emit_json_with_ack(
        self,
        name: impl AsRef<str>,
        args: &str,
        attachments: &[Bytes],
        then: impl FnOnce(&mut Io<'_, S, D>, Answers<Event>) + Send + 'static,
    ) {
        let read = |answer: &Event| Ok(answer.clone());
        self.ask(name.as_ref(), args, attachments, Box::new(Asked { answers: Vec::new(), read, then }));
    }

    /// Sends an event that is to be acknowledged, and calls `then` with the answers as soon as there will be no more: all have
    /// arrived, the sockets are gone, or the time is over. `T` is what the arguments of an answer are read as, by the same rule
    /// as those of an event.
    ///
    /// Such an event is not sent again after recovery.
    #[doc(alias = "emitWithAck")]
    pub fn emit_with_ack<T: DeserializeOwned + Send + 'static>(
        self,
        name: impl AsRef<str>,
        arguments: impl Serialize,
        then: impl FnOnce(&mut Io<'_, S, D>, Answers<T>) + Send + 'static,
    ) {
        let read = |answer: &Event| read(answer).map_err(|error| Error::arguments(&error));
        match write(&arguments) {
            Ok(Written { json, attachments }) => {
                self.ask(name.as_ref(), &json, &attachments, Box::new(Asked { answers: Vec::new(), read, then }));
            }
            Err(error) => self.reach.borrow_mut().fail(Error::value(&error)),
        }
    }

    /// Sends text, with Engine.IO alone.
    pub fn send_text(self, text: &str) {
        self.each(|fx, target| fx.send_text(target, text));
    }

    /// Sends bytes, with Engine.IO alone.
    pub fn send_binary(self, bytes: impl Into<Bytes>) {
        self.each(|fx, target| fx.send_binary(target, bytes.into()));
    }

    /// The sockets, each once.
    #[must_use]
    #[doc(alias = "fetchSockets")]
    pub fn fetch_sockets(self) -> Vec<SocketId> {
        self.each(|fx, target| fx.fetch_sockets(target))
    }

    /// Adds the sockets to a room. Returns how many could not join it: see [`JoinError`](crate::JoinError).
    #[doc(alias = "socketsJoin")]
    pub fn sockets_join(self, room: impl AsRef<str>) -> usize {
        self.each(|fx, target| fx.sockets_join(target, room.as_ref()))
    }

    /// Removes the sockets from a room.
    #[doc(alias = "socketsLeave")]
    pub fn sockets_leave(self, room: impl AsRef<str>) {
        self.each(|fx, target| fx.sockets_leave(target, room.as_ref()));
    }

    /// Disconnects the sockets from their namespace, or closes their clients' connections if `close` is set.
    #[doc(alias = "disconnectSockets")]
    pub fn disconnect_sockets(self, close: bool) {
        self.each(|fx, target| fx.disconnect_sockets(target, close));
    }

    fn send(self, name: &str, args: &str, attachments: &[Bytes]) {
        let event = self.event(name, args, attachments);
        self.each(|fx, target| fx.send(target, &event));
        self.tell(name, args);
    }

    pub(crate) fn ask(self, name: &str, args: &str, attachments: &[Bytes], question: Box<dyn Question<S, D>>) {
        let event = self.event(name, args, attachments);
        let timeout = self.timeout.unwrap_or(self.reach.borrow().inside.answer_timeout);
        let id = self.each(|fx, target| fx.emit_with_ack(target, &event, millis(timeout)));
        self.reach.borrow_mut().inside.questions.insert(id, question);
        self.tell(name, args);
    }

    fn event<'e>(&self, name: &'e str, args: &'e str, attachments: &'e [Bytes]) -> Emit<'e> {
        let mut event = Emit::new(name).args_json(args).attachments(attachments);
        if self.volatile {
            event = event.volatile();
        }
        if !self.recoverable {
            event = event.not_recoverable();
        }
        if self.compress { event } else { event.uncompressed() }
    }

    fn tell(&self, name: &str, args: &str) {
        if let Some(outgoing) = &mut self.reach.borrow_mut().inside.outgoing {
            outgoing.push(Outgoing {
                nsp: self.nsp.clone(),
                socket: self.only,
                rooms: self.rooms.iter().map(String::from).collect(),
                name: name.to_string(),
                args_json: args.to_string(),
            });
        }
    }

    /// Lets `work` have what this stands for.
    fn each<R>(&self, work: impl FnOnce(&mut Effects<'_>, Target<'_>) -> R) -> R {
        let fx = &mut self.reach.borrow_mut().fx;
        let nsp = &self.nsp;
        if let Some(socket) = self.only.or(self.gone.filter(|_| self.rooms.first.is_none())) {
            return work(fx, Target::Socket(socket));
        }
        let is_whole = self.except_rooms.first.is_none() && self.except.is_empty();
        match (&self.rooms.first, is_whole) {
            (None, true) => work(fx, Target::Namespace(nsp)),
            (Some(room), true) if self.rooms.more.is_empty() => work(fx, Target::Room(nsp, room)),
            _ => {
                let rooms: Vec<&str> = self.rooms.iter().collect();
                let except_rooms: Vec<&str> = self.except_rooms.iter().collect();
                let (rooms, except_rooms) = (&rooms[..], &except_rooms[..]);
                work(fx, Target::Broadcast(BroadcastOptions { nsp, rooms, except_rooms, except: &self.except }))
            }
        }
    }
}

impl<S, D> fmt::Debug for Emitter<'_, '_, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter").field("nsp", &self.nsp).field("only", &self.only).finish_non_exhaustive()
    }
}

/// The answers to a question.
#[derive(Debug)]
pub struct Answers<T> {
    /// Those that came, in the order in which they came. One whose arguments are not a `T` is an error.
    pub answers: Vec<(SocketId, Result<T, Error>)>,
    /// The sockets that have not answered.
    pub missing: Vec<SocketId>,
}

impl<T> Answers<T> {
    /// The only answer, to a question that one socket was asked.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoAnswer`] if there is none, [`ErrorKind::Arguments`] if it is not a `T`.
    pub fn one(self) -> Result<T, Error> {
        let first = self.answers.into_iter().next();
        first.map_or_else(|| Err(Error::of(ErrorKind::NoAnswer, "no answer")), |(_, answer)| answer)
    }

    /// The answers that are what was wanted.
    pub fn ok(self) -> impl Iterator<Item = T> {
        self.answers.into_iter().filter_map(|(_, answer)| answer.ok())
    }
}

/// A question whose answers a closure gets.
struct Asked<T, R, F> {
    answers: Vec<(SocketId, Result<T, Error>)>,
    read: R,
    then: F,
}

impl<S, D, T, R, F> Question<S, D> for Asked<T, R, F>
where
    T: Send,
    R: FnMut(&Event) -> Result<T, Error> + Send,
    F: FnOnce(&mut Io<'_, S, D>, Answers<T>) + Send,
{
    fn answer(&mut self, socket: SocketId, answer: &Event) {
        let answer = (self.read)(answer);
        self.answers.push((socket, answer));
    }

    fn done(self: Box<Self>, io: &mut Io<'_, S, D>, missing: &[SocketId]) {
        let Self { answers, then, .. } = *self;
        then(io, Answers { answers, missing: missing.to_vec() });
    }
}
