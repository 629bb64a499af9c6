//! The handle of a client in a namespace.

use super::args::{self, Args};
use super::peer::Peer;
use super::place::{BY_CLIENT, BY_SERVER, Heard, Place, Refusal, State};
use super::stage::Stage;
use crate::engine::{Reason, Transport};
use crate::frame::Frame;
use crate::socket::Nsp;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::mem::take;
use serde::Serialize;

/// A client in a namespace of a [`Bench`](super::Bench). Clones are the same client.
///
/// It does what `socket.io-client` does: it answers pings, buffers events while it is not connected, remembers what
/// recovery needs, and closes its connection when its last namespace is gone. It does not reconnect by itself.
///
/// Its methods panic inside of [`Bench::app`](super::Bench::app) and of the application, where the bench is in use.
#[derive(Clone)]
pub struct Client {
    pub(super) stage: Rc<RefCell<Stage>>,
    pub(super) who: usize,
    pub(super) nsp: Nsp,
}

impl Client {
    fn peer<R>(&self, look: impl FnOnce(&mut Peer) -> R) -> R {
        look(&mut self.stage.borrow_mut().peers[self.who])
    }

    #[track_caller]
    fn place<R>(&self, look: impl FnOnce(&mut Place) -> R) -> R {
        let mut stage = self.stage.borrow_mut();
        match stage.peers[self.who].place(&self.nsp) {
            Some(place) => look(place),
            None => panic!("expected {self:?} to be in its namespace, but it has never been"),
        }
    }

    /// Changes the client, and lets everything happen that follows.
    fn act<R>(&self, act: impl FnOnce(&mut Peer) -> R) -> R {
        let mut stage = self.stage.borrow_mut();
        let result = act(&mut stage.peers[self.who]);
        stage.settle();
        result
    }

    /// Connects to one more namespace over the same connection.
    #[track_caller]
    pub fn join(&self, nsp: &str, auth: impl Serialize) -> Self {
        let joined = Self { nsp: Nsp::new(nsp), ..self.clone() };
        if let Some(state) = self.peer(|peer| peer.place(&joined.nsp).map(|place| place.state.clone())) {
            assert!(
                !matches!(state, State::Connecting | State::Connected),
                "expected {joined:?} to be new there, but it is {state:?} already"
            );
        }
        assert!(self.peer(|peer| peer.link.is_some()), "expected {self:?} to have a connection, but it has none");
        self.act(|peer| peer.join(&joined.nsp, args::auth(auth)));
        joined
    }

    /// Whether the namespace is connected, as far as the client knows.
    #[must_use]
    #[track_caller]
    pub fn is_connected(&self) -> bool {
        self.place(|place| place.state == State::Connected)
    }

    /// What the namespace refused the last connect request with, if it did.
    #[must_use]
    #[track_caller]
    pub fn refusal(&self) -> Option<Refusal> {
        self.place(|place| match &place.state {
            State::Refused(refusal) => Some(refusal.clone()),
            State::Connecting | State::Connected | State::Ended(_) => None,
        })
    }

    /// Why the client is not connected any more, in the client's words (`io server disconnect`, `io client disconnect`,
    /// `transport close`, `transport error`, `ping timeout`).
    #[must_use]
    #[track_caller]
    pub fn disconnected(&self) -> Option<&'static str> {
        self.place(|place| match place.state {
            State::Ended(reason) => Some(reason),
            State::Connecting | State::Connected | State::Refused(_) => None,
        })
    }

    /// Why the server ended the client's last session, if it has.
    #[must_use]
    pub fn session_end(&self) -> Option<Reason> {
        self.peer(|peer| peer.session.and_then(|(_, end)| end))
    }

    /// Whether the server restored the session when the client was connected last.
    #[must_use]
    #[track_caller]
    pub fn recovered(&self) -> bool {
        self.place(|place| place.recovered)
    }

    /// The socket's id, as the client knows it: [`Effects::find`](crate::Effects::find) finds the socket by it.
    ///
    /// # Panics
    ///
    /// If the client has not been connected.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> String {
        let (id, state) = self.place(|place| (place.id.clone(), place.state.clone()));
        assert!(!id.is_empty(), "expected {self:?} to be connected, but it is {state:?}");
        id
    }

    /// What the connection goes over. `None` if there is none.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.peer(|peer| {
            let link = peer.link.as_ref()?;
            Some(if link.ws.is_some() { Transport::WebSocket } else { Transport::Polling })
        })
    }

    /// Emits an event. A client that is not connected yet, or that lost its connection, sends it when it is connected.
    ///
    /// # Panics
    ///
    /// If the namespace has refused the client, or one of the two has left the other.
    #[track_caller]
    pub fn emit(&self, name: &str, arguments: impl Serialize) {
        self.send(name, &args::args(arguments), false);
    }

    /// Emits an event that asks for an ack.
    ///
    /// # Panics
    ///
    /// As [`Client::emit`].
    #[track_caller]
    pub fn emit_with_ack(&self, name: &str, arguments: impl Serialize) -> Answer {
        let id = self.send(name, &args::args(arguments), true);
        Answer { client: self.clone(), name: name.into(), id: id.unwrap_or_default() }
    }

    #[track_caller]
    fn send(&self, name: &str, args: &Args, ack: bool) -> Option<u64> {
        let state = self.place(|place| place.state.clone());
        assert!(
            !matches!(state, State::Refused(_) | State::Ended(BY_SERVER | BY_CLIENT)),
            "expected {self:?} to be connected when it emits {name:?}, but it is {state:?}"
        );
        self.act(|peer| peer.emit(&self.nsp, name, args, ack))
    }

    /// Takes the events of this name that have come since they were taken last: the arguments of each. Those that ask
    /// for an ack are taken too, and not answered.
    #[track_caller]
    pub fn heard(&self, name: &str) -> Vec<Args> {
        self.take(|heard| heard.name == name).into_iter().map(|heard| heard.args).collect()
    }

    /// Takes all events that have come since they were taken last, in order: the name of each, and its arguments after
    /// it.
    #[track_caller]
    pub fn heard_all(&self) -> Vec<Args> {
        let whole = |Heard { name, mut args, .. }| {
            args.insert_first(name.into());
            args
        };
        self.take(|_| true).into_iter().map(whole).collect()
    }

    /// Takes the one event of this name that has come since they were taken last.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one.
    #[track_caller]
    pub fn expect(&self, name: &str) -> Args {
        let before = self.place(|place| place.heard.clone());
        match &self.heard(name)[..] {
            [args] => args.clone(),
            _ => {
                let seen: Vec<String> =
                    before.iter().map(|heard| format!("{:?} {:?}", heard.name, heard.args)).collect();
                panic!("expected {self:?} to hear {name:?} once, but it has heard {seen:?}")
            }
        }
    }

    /// Takes the events of this name that ask for an ack.
    #[must_use]
    #[track_caller]
    pub fn asked(&self, name: &str) -> Vec<Question> {
        let asked = self.take(|heard| heard.name == name && heard.ack.is_some());
        let question = |Heard { args, ack, .. }| Question { client: self.clone(), args, id: ack.unwrap_or_default() };
        asked.into_iter().map(question).collect()
    }

    #[track_caller]
    fn take(&self, wanted: impl Fn(&Heard) -> bool) -> Vec<Heard> {
        self.place(|place| {
            let (taken, left) = take(&mut place.heard).into_iter().partition(wanted);
            place.heard = left;
            taken
        })
    }

    /// Leaves the namespace. The server is told `client namespace disconnect`. If it was the last one, the client
    /// closes the connection.
    #[track_caller]
    pub fn leave(&self) {
        self.act(|peer| peer.leave(&self.nsp));
    }

    /// Closes the connection without leaving the namespaces, as a browser does when its page is closed. The server is
    /// told `transport close`.
    pub fn close(&self) {
        let mut stage = self.stage.borrow_mut();
        stage.close(self.who, "transport close");
        stage.settle();
    }

    /// The connection breaks, and both sides notice. The server is told `transport error`.
    pub fn cut(&self) {
        self.stage.borrow_mut().cut(self.who);
    }

    /// The connection becomes a black hole: nothing arrives any more in either direction, and neither side is told. Both
    /// find out by the heartbeat, when enough time passes. [`Client::reconnect`] opens another connection.
    ///
    /// # Panics
    ///
    /// If there is no connection.
    #[track_caller]
    pub fn vanish(&self) {
        let there = self.peer(|peer| peer.link.as_mut().map(|link| link.hole = true));
        assert!(there.is_some(), "expected {self:?} to have a connection, but it has none");
    }

    /// Opens a new connection, and asks for all namespaces that neither side has left, with what the client remembers.
    /// If there still is a connection, the client gives it up without a word.
    ///
    /// # Panics
    ///
    /// If the server takes no connection.
    #[track_caller]
    pub fn reconnect(&self) {
        let result = self.stage.borrow_mut().open(self.who);
        if let Err(error) = result {
            panic!("expected the server to take a connection of {self:?}, but it answers: {error}");
        }
    }

    /// Moves the connection from polling to WebSocket.
    ///
    /// # Panics
    ///
    /// If the client does not poll, does not read, or the server does not take the WebSocket.
    #[track_caller]
    pub fn upgrade(&self) {
        let before = self.transport();
        assert!(before == Some(Transport::Polling), "expected {self:?} to poll, but its transport is {before:?}");
        assert!(self.peer(|peer| peer.reads), "expected {self:?} to read during an upgrade, but it is paused");
        self.stage.borrow_mut().upgrade(self.who);
        let after = self.transport();
        assert!(
            after == Some(Transport::WebSocket),
            "expected the server to take the WebSocket of {self:?}, but its transport is {after:?}"
        );
    }

    /// Reads nothing any more, until [`Client::resume`]: what the server sends stays in the server's queue. So pings are
    /// not answered either. The client can still write.
    pub fn pause(&self) {
        self.peer(|peer| peer.reads = false);
    }

    /// Reads again, and first what has come meanwhile.
    pub fn resume(&self) {
        self.act(|peer| peer.reads = true);
    }

    /// Answers no pings from now on (EIO=3: sends none), or answers them again.
    pub fn set_heartbeat(&self, on: bool) {
        self.act(|peer| peer.set_heartbeat(on));
    }

    /// Writes a packet of Engine.IO as it is (`42["say"]`), which a real client may not do.
    pub fn write(&self, packet: &str) {
        self.act(|peer| peer.out.push(Frame::new(packet.into(), &[])));
    }

    /// What the client has written (`>`) and read (`<`) since it was taken last: requests, bodies of polls and POSTs,
    /// WebSocket messages. At most the last 1,000 lines.
    pub fn wire(&self) -> Vec<String> {
        self.peer(|peer| take(&mut peer.lines).into())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {} in {}", self.who + 1, self.nsp)
    }
}

/// The ack that a client's event asks for.
#[derive(Clone)]
pub struct Answer {
    client: Client,
    name: String,
    id: u64,
}

impl Answer {
    /// The arguments of the ack, if it has come.
    #[must_use]
    #[track_caller]
    pub fn get(&self) -> Option<Args> {
        self.client.place(|place| place.acks.get(&self.id).cloned())
    }

    /// The arguments of the ack.
    ///
    /// # Panics
    ///
    /// If it has not come.
    #[must_use]
    #[track_caller]
    pub fn expect(&self) -> Args {
        match self.get() {
            Some(args) => args,
            None => {
                let state = self.client.place(|place| place.state.clone());
                panic!("expected an ack of {self:?} by now, but none has come; the client is {state:?}")
            }
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.name, self.client)
    }
}

/// An event of the server that asks for an ack. If it is dropped, it stays unanswered.
#[derive(Debug)]
pub struct Question {
    client: Client,
    /// The arguments of the event.
    pub args: Args,
    id: u64,
}

impl Question {
    /// Sends the ack. A client that is not connected any more sends nothing.
    pub fn answer(self, arguments: impl Serialize) {
        if self.client.is_connected() {
            self.client.act(|peer| peer.ack(&self.client.nsp, self.id, &args::args(arguments)));
        }
    }
}
