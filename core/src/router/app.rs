//! The router as an application: finds the handler, calls it, and sees to what it returns.

use super::context::Cx;
use super::error::{Error, Failure};
use super::inside::{Data, Inside, Io, Member, Origin, Reach, Timer};
use super::namespace::{Boxed, EventHandler, Handlers, Namespace};
use super::pattern::{Form, Pattern};
use super::reply::Outcome;
#[cfg(feature = "async")]
use super::tasks::{Handle, TaskLimits, Tasks};
use crate::id::SocketId;
use crate::room::Effects;
use crate::socket::{AckId, ConnectRequest, Event, Nsp};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;

type OnError<S, D> = Box<dyn FnMut(&mut Io<'_, S, D>, &mut Failure<'_>) + Send>;

/// An application made of handlers, by the names of namespaces and events. `S` is its state, of which there is one, and `D` the data
/// of a socket. The [module](super) says how it is used.
pub struct Router<S, D = ()> {
    pub(super) state: S,
    /// The first is `/`, which every server has.
    pub(super) namespaces: Vec<Namespace<S, D>>,
    pub(super) inside: Inside<S, D>,
    #[cfg(feature = "async")]
    pub(super) tasks: Tasks<S, D>,
    pub(super) on_error: Option<OnError<S, D>>,
}

impl<S: Default + Send + 'static, D: Data> Default for Router<S, D> {
    fn default() -> Self {
        Self::new(S::default())
    }
}

impl<S: Send + 'static, D: Data> Router<S, D> {
    /// A router with `/` and no handlers.
    #[must_use]
    pub fn new(state: S) -> Self {
        #[cfg(feature = "async")]
        let tasks = Tasks::new();
        let root = Namespace::new(
            Pattern::Name(Nsp::ROOT),
            #[cfg(feature = "async")]
            tasks.handle(),
        );
        Self {
            state,
            namespaces: [root].into(),
            inside: Inside::new(),
            #[cfg(feature = "async")]
            tasks,
            on_error: None,
        }
    }

    /// The state.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// The state.
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.state
    }

    /// A namespace by its name, or several by a form: `/org/{org}` is for every name with one or more characters, but `/`, in place of
    /// the braces, and [`Cx::param`] has those. `/` is there from the beginning; others are there as soon as this was called for
    /// them.
    ///
    /// A name goes before forms and predicates, and those are tried in the order in which they were added.
    pub fn of(&mut self, name: &str) -> &mut Namespace<S, D> {
        let nsp = Nsp::new(name);
        let pattern = match Form::parse(nsp.as_str()) {
            Some(form) => Pattern::Form(form),
            None => Pattern::Name(nsp),
        };
        let known = self.namespaces.iter().position(|known| match (&known.pattern, &pattern) {
            (Pattern::Name(one), Pattern::Name(other)) => one == other,
            (Pattern::Form(one), Pattern::Form(other)) => one == other,
            _ => false,
        });
        self.namespace(known, pattern)
    }

    /// The namespaces whose names a function accepts.
    pub fn of_matching(&mut self, accepts: impl Fn(&str) -> bool + Send + 'static) -> &mut Namespace<S, D> {
        self.namespace(None, Pattern::Predicate(Box::new(accepts)))
    }

    fn namespace(&mut self, known: Option<usize>, pattern: Pattern) -> &mut Namespace<S, D> {
        let place = known.unwrap_or_else(|| {
            self.namespaces.push(Namespace::new(
                pattern,
                #[cfg(feature = "async")]
                self.tasks.handle(),
            ));
            self.namespaces.len() - 1
        });
        &mut self.namespaces[place]
    }

    /// Has `work` done again and again, the first time `period` after the server has begun: the `setInterval` of JavaScript. In
    /// milliseconds, and one at least.
    #[doc(alias = "setInterval")]
    pub fn every(&mut self, period: Duration, work: impl FnMut(&mut Io<'_, S, D>) + Send + 'static) -> &mut Self {
        self.inside.timers.at_start.push(Timer::Every(period, Box::new(work)));
        self
    }

    /// How long answers to questions are waited for, if a question says nothing else ([`Emitter::timeout`](super::Emitter::timeout)).
    /// Default 20 s. The reference waits for ever.
    pub fn answer_timeout(&mut self, timeout: Duration) -> &mut Self {
        self.inside.answer_timeout = timeout;
        self
    }

    /// Every error of a handler ends here: one that it returns, arguments that are not what it wants, values that cannot be JSON.
    /// [`Failure::reply`] changes what the client's acknowledgement is. Without a handler, errors are logged; one that wants them logged,
    /// too, calls [`Failure::log`].
    pub fn on_error(&mut self, handler: impl FnMut(&mut Io<'_, S, D>, &mut Failure<'_>) + Send + 'static) -> &mut Self {
        self.on_error = Some(Box::new(handler));
        self
    }

    /// The limits of asynchronous handlers.
    #[cfg(feature = "async")]
    pub fn task_limits(&mut self) -> &mut TaskLimits {
        &mut self.tasks.limits
    }

    /// A way into the router, for tasks, other threads, and the rest of a program. It can be used before there is a server: what is
    /// asked is done when that has begun.
    #[cfg(feature = "async")]
    #[must_use]
    pub fn handle(&self) -> Handle<S, D> {
        self.tasks.handle()
    }

    /// The handlers of a connected socket.
    #[cfg(feature = "async")]
    pub(crate) fn handlers_of(&mut self, socket: SocketId) -> Option<&mut Handlers<S, D>> {
        let place = self.inside.members.get(socket)?.place;
        Some(&mut self.namespaces[place].handlers)
    }

    /// Whose handlers are for a namespace.
    pub(super) fn place(&self, nsp: &Nsp) -> Option<usize> {
        let is_name = |namespace: &Namespace<S, D>| matches!(&namespace.pattern, Pattern::Name(name) if name == nsp);
        let by_name = self.namespaces.iter().position(is_name);
        by_name.or_else(|| self.namespaces.iter().position(|namespace| namespace.pattern.matches(nsp)))
    }

    /// Lets `work` have the handlers and the context of a socket, connected or not.
    pub(super) fn enter<R>(
        &mut self,
        (socket, place): (SocketId, usize),
        (origin, data): (&Origin, &mut D),
        ack: Option<AckId>,
        fx: &mut Effects<'_>,
        work: impl FnOnce(&mut Handlers<S, D>, &mut Cx<'_, S, D>) -> R,
    ) -> (R, Left) {
        let Namespace { pattern, handlers, .. } = &mut self.namespaces[place];
        let reach = RefCell::new(Reach::new(fx.reborrow(), &mut self.inside, ack));
        let mut cx = Cx { state: &mut self.state, data, socket, pattern, origin, reach };
        let result = work(handlers, &mut cx);
        let Reach { failure, ack, .. } = cx.reach.into_inner();
        (result, Left { failure, ack })
    }

    /// The same for a connected socket.
    pub(crate) fn enter_member<R>(
        &mut self,
        socket: SocketId,
        ack: Option<AckId>,
        fx: &mut Effects<'_>,
        work: impl FnOnce(&mut Handlers<S, D>, &mut Cx<'_, S, D>) -> R,
    ) -> Option<(R, Left)> {
        let member = self.inside.members.get_mut(socket)?;
        let (place, mut held) = (member.place, member.held.take()?);
        let result = self.enter((socket, place), (&held.0, &mut held.1), ack, fx, work);
        if let Some(member) = self.inside.members.get_mut(socket) {
            member.held = Some(held);
        }
        Some(result)
    }

    /// Calls a handler of a connected socket, if there is one.
    pub(super) fn call<A>(
        &mut self,
        socket: SocketId,
        event: &str,
        fx: &mut Effects<'_>,
        about: A,
        find: impl FnOnce(&mut Handlers<S, D>) -> &mut Option<Boxed<S, D, A>>,
    ) {
        let called = self.enter_member(socket, None, fx, |handlers, cx| Some(find(handlers).as_mut()?(cx, about)));
        if let Some((Some(outcome), left)) = called {
            self.finish(Some(socket), event, outcome, left, fx);
        }
    }

    /// Lets `work` have the router without a socket. `event` is what its errors are said to be of.
    pub(crate) fn io<R>(&mut self, event: &str, fx: &mut Effects<'_>, work: impl FnOnce(&mut Io<'_, S, D>) -> R) -> R {
        let reach = RefCell::new(Reach::new(fx.reborrow(), &mut self.inside, None));
        let mut io = Io { state: &mut self.state, reach };
        let result = work(&mut io);
        let Reach { failure, ack, .. } = io.reach.into_inner();
        self.finish(None, event, Outcome(Ok(None)), Left { failure, ack }, fx);
        result
    }

    /// A handler has returned: acknowledges, reports what went wrong, and tells what was sent.
    #[inline]
    pub(crate) fn finish(
        &mut self,
        socket: Option<SocketId>,
        event: &str,
        outcome: Outcome,
        left: Left,
        fx: &mut Effects<'_>,
    ) {
        let written = match (outcome.0, left.failure) {
            // Nearly always.
            (Ok(None), None) if self.inside.outgoing.is_none() => return,
            (Ok(written), None) => written,
            (Err(error), _) | (Ok(_), Some(error)) => Some(self.report(socket, event, error, fx).into_reply()),
        };
        if let (Some(ack), Some(written)) = (left.ack, written) {
            fx.ack_json(ack, &written.json, &written.attachments);
        }
        if self.inside.outgoing.as_ref().is_some_and(|outgoing| !outgoing.is_empty()) {
            self.tell_outgoing(fx);
        }
    }

    /// Reports an error. Returns it, with the acknowledgement that it has now.
    pub(super) fn report(
        &mut self,
        socket: Option<SocketId>,
        event: &str,
        error: Error,
        fx: &mut Effects<'_>,
    ) -> Error {
        let mut failure = Failure { socket, event, error };
        match self.on_error.take() {
            None => failure.log(),
            Some(mut on_error) => {
                let reach = RefCell::new(Reach::new(fx.reborrow(), &mut self.inside, None));
                let mut io = Io { state: &mut self.state, reach };
                on_error(&mut io, &mut failure);
                if let Some(error) = io.reach.into_inner().failure {
                    Failure { socket, event: "error", error }.log();
                }
                self.on_error = Some(on_error);
            }
        }
        failure.error
    }

    /// Tells those who listen what was sent. What they send themselves is not told.
    pub(super) fn tell_outgoing(&mut self, fx: &mut Effects<'_>) {
        for outgoing in self.inside.outgoing.take().unwrap_or_default() {
            let Some(place) = self.place(&outgoing.nsp) else { continue };
            let reach = RefCell::new(Reach::new(fx.reborrow(), &mut self.inside, None));
            let mut io = Io { state: &mut self.state, reach };
            for listener in &mut self.namespaces[place].handlers.outgoing {
                listener(&mut io, &outgoing);
            }
            if let Some(error) = io.reach.into_inner().failure {
                self.report(None, "outgoing", error, fx);
            }
        }
        self.inside.outgoing = Some(Vec::new());
    }

    /// A socket is connected.
    pub(super) fn insert(&mut self, socket: SocketId, request: &ConnectRequest, data: D) {
        if let Some(place) = self.place(&request.nsp) {
            if self.inside.outgoing.is_none() && !self.namespaces[place].handlers.outgoing.is_empty() {
                self.inside.outgoing = Some(Vec::new());
            }
            self.inside.members.insert(socket, Member { place, held: Some((Origin::of(request), data)) });
        }
    }

    /// Handles an event, which waited for its turn or not.
    pub(crate) fn handle_event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        let name = event.name();
        #[cfg(feature = "async")]
        let mut work = None;
        let called = self.enter_member(socket, ack, fx, |handlers, cx| {
            if let Err(error) = handlers.before(cx, event) {
                return Outcome(Err(error));
            }
            match handlers.handler(&name) {
                Some(EventHandler::At(handler)) => handler(cx, event),
                #[cfg(feature = "async")]
                Some(EventHandler::Later(handler)) => {
                    let begun = handler.begin((socket, cx.nsp().clone()), event, cx.wants_ack());
                    Outcome(begun.map(|begun| {
                        work = Some((begun, handler.ordered));
                        None
                    }))
                }
                None => Outcome(Ok(None)),
            }
        });
        #[cfg(feature = "async")]
        let called = match work {
            Some(work) => called.map(|(_, left)| self.begin((socket, &name), work, left, fx)),
            None => called,
        };
        if let Some((outcome, left)) = called {
            self.finish(Some(socket), &name, outcome, left, fx);
        }
    }
}

/// What a call has left.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) failure: Option<Error>,
    pub(crate) ack: Option<AckId>,
}

impl<S: fmt::Debug, D> fmt::Debug for Router<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("state", &self.state)
            .field("namespaces", &self.namespaces)
            .finish_non_exhaustive()
    }
}
