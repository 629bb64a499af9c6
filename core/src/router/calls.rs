//! What the hub calls: the router as an [`App`].

use super::app::{Left, Router};
use super::context::Connecting;
use super::error::{Error, ErrorKind};
use super::inside::{Data, Member, Origin, Reach, Timer, millis};
use super::namespace::{Admittance, Namespace};
use super::reply::Outcome;
use crate::engine::Reason;
use crate::id::SocketId;
use crate::room::{Admission, App, BroadcastAckId, Effects, PreviousSocket};
use crate::socket::{AckId, ConnectRequest, Event, Message};
use crate::time::Time;
use core::task::Waker;

impl<S: Send + 'static, D: Data> App for Router<S, D> {
    fn admit(&mut self, socket: SocketId, request: &ConnectRequest, fx: &mut Effects<'_>) -> Admission {
        let Some(place) = self.place(&request.nsp) else { return Admission::NoSuchNamespace };
        let Namespace { pattern, handlers, .. } = &mut self.namespaces[place];
        let decision = match &mut handlers.admittance {
            Admittance::Open => Ok(D::default()),
            Admittance::At(authorize) => {
                let now = fx.now();
                authorize(&mut Connecting { state: &mut self.state, request, socket, pattern, now })
            }
            #[cfg(feature = "async")]
            Admittance::Later(authorize) => match self.tasks.authorize(authorize, socket, request, fx) {
                Ok(()) => return Admission::Later,
                Err(error) => Err(error),
            },
        };
        match decision {
            Ok(data) => {
                self.inside.admitted.insert(socket, data);
                Admission::Accept
            }
            Err(error) => Admission::Refuse(error),
        }
    }

    fn gave_up(&mut self, socket: SocketId, fx: &mut Effects<'_>) {
        #[cfg(feature = "async")]
        self.tasks.gave_up(socket);
        let _ = (socket, fx);
    }

    fn connect(&mut self, socket: SocketId, request: &ConnectRequest, fx: &mut Effects<'_>) {
        let data = self.inside.admitted.remove(&socket).unwrap_or_default();
        self.insert(socket, request, data);
        self.call(socket, "connect", fx, (), |handlers| &mut handlers.connect);
    }

    fn recover(&mut self, socket: SocketId, previous: PreviousSocket, request: &ConnectRequest, fx: &mut Effects<'_>) {
        #[cfg(feature = "async")]
        self.tasks.cancel(previous.socket);
        let place = self.place(&request.nsp);
        let hears = place.is_some_and(|place| self.namespaces[place].handlers.recover.is_some());
        let data = match self.inside.members.remove(previous.socket) {
            Some(Member { place, held }) => {
                let (origin, mut data) = held.unwrap_or_default();
                if !hears {
                    let whom = (previous.socket, place);
                    self.disconnected(whom, (&origin, &mut data), Reason::TransportClose, fx);
                }
                Ok(data)
            }
            None if size_of::<D>() == 0 => Ok(D::default()),
            None => serde_json::from_str(fx.data(socket).unwrap_or("null")),
        };
        match data {
            Ok(data) => {
                self.insert(socket, request, data);
                if hears {
                    self.call(socket, "recover", fx, previous, |handlers| &mut handlers.recover);
                } else {
                    self.call(socket, "connect", fx, (), |handlers| &mut handlers.connect);
                }
            }
            Err(error) => {
                let error = Error::of(ErrorKind::Data, error);
                self.finish(Some(socket), "recover", Outcome(Err(error)), Left::default(), fx);
                fx.disconnect(socket, false);
            }
        }
    }

    fn event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        #[cfg(feature = "async")]
        if self.tasks.is_busy(socket) {
            return self.later(socket, event, ack, fx);
        }
        self.handle_event(socket, event, ack, fx);
    }

    fn message(&mut self, socket: SocketId, message: &Message, fx: &mut Effects<'_>) {
        self.call(socket, "message", fx, message.clone(), |handlers| &mut handlers.message);
    }

    fn ack(&mut self, id: BroadcastAckId, socket: SocketId, ack: &Event, _: &mut Effects<'_>) {
        if let Some(question) = self.inside.questions.get_mut(&id) {
            question.answer(socket, ack);
        }
    }

    fn acks_done(&mut self, id: BroadcastAckId, missing: &[SocketId], fx: &mut Effects<'_>) {
        if let Some(question) = self.inside.questions.remove(&id) {
            self.io("answers", fx, |io| question.done(io, missing));
        }
    }

    fn disconnecting(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        self.call(socket, "disconnecting", fx, reason, |handlers| &mut handlers.disconnecting);
        // It comes back with the session if that is restored.
        if size_of::<D>() > 0
            && reason.is_recoverable()
            && fx.can_recover()
            && let Some(Member { held: Some((_, data)), .. }) = self.inside.members.get(socket)
        {
            match serde_json::to_string(data) {
                Ok(json) => fx.set_data_json(socket, json),
                Err(error) => {
                    let error = Error::of(ErrorKind::Data, error);
                    self.finish(Some(socket), "disconnecting", Outcome(Err(error)), Left::default(), fx);
                }
            }
        }
    }

    fn disconnect(&mut self, socket: SocketId, reason: Reason, fx: &mut Effects<'_>) {
        if let Some(Member { place, held }) = self.inside.members.remove(socket) {
            let (origin, mut data) = held.unwrap_or_default();
            self.disconnected((socket, place), (&origin, &mut data), reason, fx);
        }
    }

    fn attach(&mut self, waker: Waker) {
        let begins = !self.inside.timers.at_start.is_empty();
        #[cfg(feature = "async")]
        let begins = begins | self.tasks.attach(&waker);
        if begins {
            waker.wake();
        }
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        let now = fx.now();
        for timer in core::mem::take(&mut self.inside.timers.at_start) {
            self.schedule(timer, now, fx);
        }
        while let Some(timer) = self.inside.timers.take(now) {
            match timer {
                Timer::Once(work) => self.io("timer", fx, work),
                Timer::Every(period, mut work) => {
                    self.io("timer", fx, &mut work);
                    self.schedule(Timer::Every(period, work), now, fx);
                }
            }
        }
        #[cfg(feature = "async")]
        self.run_mail(fx);
        if let Some(at) = self.inside.timers.next() {
            fx.wake_at(at);
        }
    }
}

impl<S: Send + 'static, D: Data> Router<S, D> {
    fn schedule(&mut self, timer: Timer<S, D>, now: Time, fx: &mut Effects<'_>) {
        if let Timer::Every(period, _) = &timer {
            let at = now.after(millis(*period));
            Reach::new(fx.reborrow(), &mut self.inside, None).at(at, timer);
        }
    }

    /// A socket has gone.
    fn disconnected(&mut self, whom: (SocketId, usize), held: (&Origin, &mut D), reason: Reason, fx: &mut Effects<'_>) {
        let socket = whom.0;
        #[cfg(feature = "async")]
        self.tasks.cancel(socket);
        let (outcome, left) = self.enter(whom, held, None, fx, |handlers, cx| {
            handlers.disconnect.as_mut().map(|handler| handler(cx, reason))
        });
        if let Some(outcome) = outcome {
            self.finish(Some(socket), "disconnect", outcome, left, fx);
        }
    }
}
