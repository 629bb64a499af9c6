//! The handlers of a namespace.

use super::arguments::read;
use super::context::{Connecting, Cx, credentials};
use super::error::Error;
use super::inside::{Io, Outgoing};
use super::pattern::Pattern;
use super::reply::{Outcome, Reply};
use crate::engine::Reason;
use crate::room::{ConnectError, PreviousSocket};
use crate::socket::{Event, Message};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::de::DeserializeOwned;

/// A handler: a function or a closure of a context and what it is about. Implemented for all functions of this form.
#[diagnostic::on_unimplemented(
    message = "this is not a handler: a handler is a closure `|cx, arguments| -> reply`, or a function `fn(&mut Cx<'_, State, Data>, Arguments) -> Reply`",
    label = "not a closure `|cx, arguments| …`",
    note = "for an event without arguments it is `|cx, ()| …`; several arguments are a tuple: `|cx, (a, b): (String, u8)| …`"
)]
pub trait Handler<S, D, A, R>: FnMut(&mut Cx<'_, S, D>, A) -> R + Send + 'static {}

impl<S, D, A, R, F: FnMut(&mut Cx<'_, S, D>, A) -> R + Send + 'static> Handler<S, D, A, R> for F {}

/// A handler of something that has no arguments. Implemented for all functions of this form.
#[diagnostic::on_unimplemented(
    message = "this is not a handler: here a handler is a closure `|cx| -> reply`, or a function `fn(&mut Cx<'_, State, Data>) -> Reply`",
    label = "not a closure `|cx| …`"
)]
pub trait Hook<S, D, R>: FnMut(&mut Cx<'_, S, D>) -> R + Send + 'static {}

impl<S, D, R, F: FnMut(&mut Cx<'_, S, D>) -> R + Send + 'static> Hook<S, D, R> for F {}

/// Who decides on a client that asks to connect. Implemented for all functions of this form.
#[diagnostic::on_unimplemented(
    message = "this cannot authorize: it is a closure `|cx, auth| -> Result<Data, ConnectError>`, or a function `fn(&mut Connecting<'_, State>, Auth) -> Result<Data, ConnectError>`",
    label = "not a closure `|cx, auth| …`"
)]
pub trait Authorize<S, D, A>: FnMut(&mut Connecting<'_, S>, A) -> Result<D, ConnectError> + Send + 'static {}

impl<S, D, A, F> Authorize<S, D, A> for F where
    F: FnMut(&mut Connecting<'_, S>, A) -> Result<D, ConnectError> + Send + 'static
{
}

/// A handler whose types are forgotten.
pub(crate) type Boxed<S, D, A> = Box<dyn FnMut(&mut Cx<'_, S, D>, A) -> Outcome + Send>;
type OnEvent<S, D> = Box<dyn FnMut(&mut Cx<'_, S, D>, &Event) -> Outcome + Send>;
type OnOutgoing<S, D> = Box<dyn FnMut(&mut Io<'_, S, D>, &Outgoing) + Send>;
type OnAuthorize<S, D> = Box<dyn FnMut(&mut Connecting<'_, S>) -> Result<D, ConnectError> + Send>;

/// How clients that ask to connect are decided on.
pub(crate) enum Admittance<S, D> {
    /// Everybody is let in.
    Open,
    At(OnAuthorize<S, D>),
    #[cfg(feature = "async")]
    Later(super::tasks::OnAuthorizeLater<S, D>),
}

/// What is done about an event.
pub(crate) enum EventHandler<S, D> {
    At(OnEvent<S, D>),
    #[cfg(feature = "async")]
    Later(super::tasks::OnEventLater<S, D>),
}

/// A namespace, or several of one form, and their handlers: what [`Router::of`](super::Router::of) returns.
///
/// Each method that adds a handler returns the namespace, so that calls can be chained. A handler that is added for the same thing
/// again replaces the one before, except for [`on_any`](Self::on_any), [`middleware`](Self::middleware) and
/// [`on_any_outgoing`](Self::on_any_outgoing), which are called one after the other.
pub struct Namespace<S, D> {
    pub(crate) pattern: Pattern,
    pub(crate) handlers: Handlers<S, D>,
    /// For handlers that wait.
    #[cfg(feature = "async")]
    pub(crate) handle: super::tasks::Handle<S, D>,
}

/// The handlers alone: they are called with the pattern.
pub(crate) struct Handlers<S, D> {
    pub(crate) admittance: Admittance<S, D>,
    pub(crate) connect: Option<Boxed<S, D, ()>>,
    pub(crate) recover: Option<Boxed<S, D, PreviousSocket>>,
    pub(crate) disconnecting: Option<Boxed<S, D, Reason>>,
    pub(crate) disconnect: Option<Boxed<S, D, Reason>>,
    pub(crate) message: Option<Boxed<S, D, Message>>,
    pub(crate) events: BTreeMap<Box<str>, EventHandler<S, D>>,
    pub(crate) others: Option<EventHandler<S, D>>,
    any: Vec<OnEvent<S, D>>,
    pub(crate) outgoing: Vec<OnOutgoing<S, D>>,
}

/// A handler that knows no types, from one that does.
fn boxed<S: 'static, D: 'static, A: 'static, R: Reply + 'static>(
    mut handler: impl Handler<S, D, A, R>,
) -> Boxed<S, D, A> {
    Box::new(move |cx, about| handler(cx, about).into_outcome(false))
}

impl<S: 'static, D: 'static> Namespace<S, D> {
    pub(crate) fn new(pattern: Pattern, #[cfg(feature = "async")] handle: super::tasks::Handle<S, D>) -> Self {
        let handlers = Handlers {
            admittance: Admittance::Open,
            connect: None,
            recover: None,
            disconnecting: None,
            disconnect: None,
            message: None,
            events: BTreeMap::new(),
            others: None,
            any: Vec::new(),
            outgoing: Vec::new(),
        };
        Self {
            pattern,
            handlers,
            #[cfg(feature = "async")]
            handle,
        }
    }

    /// Decides on clients that ask to connect. `auth` is read from the client's credentials, the `auth` of `io(url, { auth })`; in
    /// EIO=3 from the query behind the namespace's name. What the function returns is the socket's data from then on, or what the
    /// client gets as a `connect_error`. One whose credentials cannot be read as an `A` gets the message `invalid credentials`.
    ///
    /// Without it, everybody is let in, with the default data.
    #[doc(alias = "use")]
    pub fn authorize<A: DeserializeOwned + 'static>(&mut self, mut authorize: impl Authorize<S, D, A>) -> &mut Self {
        self.handlers.admittance = Admittance::At(Box::new(move |cx| authorize(cx, credentials(cx.request)?)));
        self
    }

    /// A socket is connected. With [recovery](crate::Config::recovery) also one whose session was restored ([`Cx::recovered`]),
    /// unless [`Namespace::on_recover`] is there; as in the reference.
    #[doc(alias = "connection")]
    pub fn on_connect<R: Reply + 'static>(&mut self, mut handler: impl Hook<S, D, R>) -> &mut Self {
        self.handlers.connect = Some(Box::new(move |cx, ()| handler(cx).into_outcome(false)));
        self
    }

    /// A socket is connected, and its session was restored: see [`App::recover`](crate::App::recover). Its data and its rooms are
    /// those of the socket before.
    ///
    /// Without it, [`Namespace::on_disconnect`] is called if the socket before was still connected, and then
    /// [`Namespace::on_connect`].
    #[doc(alias = "connectionStateRecovery")]
    pub fn on_recover<R: Reply + 'static>(&mut self, handler: impl Handler<S, D, PreviousSocket, R>) -> &mut Self {
        self.handlers.recover = Some(boxed(handler));
        self
    }

    /// A socket sent an event of this name. Its arguments are read as an `A`: a tuple is several arguments, `()` is none, and
    /// everything else is the first. More arguments than that are ignored; those that are missing are `None`. What the handler returns
    /// is the acknowledgement, if the client asked for one: see [`Reply`].
    ///
    /// If the arguments are not an `A`, the handler is not called, which is an [`ErrorKind::Arguments`](super::ErrorKind::Arguments).
    ///
    /// An array of fixed length, as the type of the arguments, counts as a tuple, as it does for serde; `([u8; 2],)` is one
    /// argument that is an array.
    pub fn on<A: DeserializeOwned + 'static, R: Reply + 'static>(
        &mut self,
        name: impl Into<String>,
        handler: impl Handler<S, D, A, R>,
    ) -> &mut Self {
        self.handlers.events.insert(name.into().into(), EventHandler::At(typed(handler)));
        self
    }

    /// A socket sent an event of this name; its arguments are not read. For what is passed on as it is: see
    /// [`Event::args_json`], [`Emitter::emit_json`](super::Emitter::emit_json), [`Cx::ack_json`].
    pub fn on_event<R: Reply + 'static>(
        &mut self,
        name: impl Into<String>,
        mut handler: impl FnMut(&mut Cx<'_, S, D>, &Event) -> R + Send + 'static,
    ) -> &mut Self {
        let handler = move |cx: &mut Cx<'_, S, D>, event: &Event| {
            let reply = handler(cx, event);
            reply.into_outcome(cx.wants_ack())
        };
        self.handlers.events.insert(name.into().into(), EventHandler::At(Box::new(handler)));
        self
    }

    /// A socket sent an event that no other handler is for.
    pub fn on_other<R: Reply + 'static>(
        &mut self,
        mut handler: impl FnMut(&mut Cx<'_, S, D>, &Event) -> R + Send + 'static,
    ) -> &mut Self {
        self.handlers.others = Some(EventHandler::At(Box::new(move |cx, event| {
            let reply = handler(cx, event);
            reply.into_outcome(cx.wants_ack())
        })));
        self
    }

    /// A socket sent an event, whatever its name. Called before the event's handler, and before middleware.
    #[doc(alias = "onAny")]
    pub fn on_any(&mut self, mut handler: impl FnMut(&mut Cx<'_, S, D>, &Event) + Send + 'static) -> &mut Self {
        self.handlers.any.push(Box::new(move |cx, event| {
            handler(cx, event);
            Outcome(Ok(None))
        }));
        self
    }

    /// Decides whether an event comes to its handler: the `socket.use` of the reference. An error ends in the event's
    /// acknowledgement and in [`Router::on_error`](super::Router::on_error), as that of a handler.
    #[doc(alias = "use")]
    pub fn middleware(
        &mut self,
        mut middleware: impl FnMut(&mut Cx<'_, S, D>, &Event) -> Result<(), Error> + Send + 'static,
    ) -> &mut Self {
        self.handlers.any.push(Box::new(move |cx, event| Outcome(middleware(cx, event).map(|()| None))));
        self
    }

    /// An event was sent to sockets of the namespace, by a handler of this router. Called when that has returned, once for a broadcast.
    #[doc(alias = "onAnyOutgoing")]
    pub fn on_any_outgoing(&mut self, handler: impl FnMut(&mut Io<'_, S, D>, &Outgoing) + Send + 'static) -> &mut Self {
        self.handlers.outgoing.push(Box::new(handler));
        self
    }

    /// A socket is about to be disconnected. It is still in its rooms.
    #[doc(alias = "disconnecting")]
    pub fn on_disconnecting<R: Reply + 'static>(&mut self, handler: impl Handler<S, D, Reason, R>) -> &mut Self {
        self.handlers.disconnecting = Some(boxed(handler));
        self
    }

    /// A socket is disconnected. It has left its rooms.
    #[doc(alias = "disconnect")]
    pub fn on_disconnect<R: Reply + 'static>(&mut self, handler: impl Handler<S, D, Reason, R>) -> &mut Self {
        self.handlers.disconnect = Some(boxed(handler));
        self
    }

    /// A client sent a message, with Engine.IO alone.
    pub fn on_message<R: Reply + 'static>(&mut self, handler: impl Handler<S, D, Message, R>) -> &mut Self {
        self.handlers.message = Some(boxed(handler));
        self
    }
}

impl<S, D> Handlers<S, D> {
    /// Whoever comes before handlers. An error: the event does not come to its handler.
    pub(crate) fn before(&mut self, cx: &mut Cx<'_, S, D>, event: &Event) -> Result<(), Error> {
        for before in &mut self.any {
            before(cx, event).0?;
        }
        Ok(())
    }

    /// Who is called for an event of this name.
    pub(crate) fn handler(&mut self, name: &str) -> Option<&mut EventHandler<S, D>> {
        self.events.get_mut(name).or(self.others.as_mut())
    }
}

/// A handler of events from one that wants arguments.
fn typed<S: 'static, D: 'static, A: DeserializeOwned + 'static, R: Reply + 'static>(
    mut handler: impl Handler<S, D, A, R>,
) -> OnEvent<S, D> {
    Box::new(move |cx, event| match read(event) {
        Ok(arguments) => {
            let reply = handler(cx, arguments);
            reply.into_outcome(cx.wants_ack())
        }
        Err(error) => Outcome(Err(Error::arguments(&error))),
    })
}

impl<S, D> fmt::Debug for Namespace<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace")
            .field("pattern", &self.pattern)
            .field("events", &self.handlers.events.keys())
            .finish_non_exhaustive()
    }
}
