//! The hub: every socket's seat, the rooms, and the application that is asked what to do. Events go in, deliveries come
//! out. There is one for a whole server, whatever the number of shards, which is what gives every room one order of
//! events.

use super::app::{Admission, App, Refusal};
use super::effects::Effects;
use super::rooms::Rooms;
use crate::config::Config;
use crate::engine::Reason;
use crate::frame::Revision;
use crate::id::SocketId;
use crate::socket::{Connect, Delivery, Event, Nsp, Received};
use crate::time::Time;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// The hub of a server and its application.
#[derive(Debug)]
pub struct Hub<A> {
    app: A,
    state: State,
    now: Time,
}

/// What effects work on.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) seats: BTreeMap<SocketId, Seat>,
    pub(crate) rooms: Rooms,
    pub(crate) out: VecDeque<(SocketId, Delivery)>,
    pub(crate) wake: Time,
}

/// A socket in its namespace.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) nsp: Nsp,
    pub(crate) rooms: Vec<Box<str>>,
}

impl<A: App> Hub<A> {
    /// A hub without sockets.
    pub fn new(app: A, config: Arc<Config>) -> Self {
        let state =
            State { config, seats: BTreeMap::new(), rooms: Rooms::default(), out: VecDeque::new(), wake: Time::NEVER };
        Self { app, state, now: Time::default() }
    }

    /// The application.
    pub fn app(&self) -> &A {
        &self.app
    }

    /// How many sockets are in namespaces.
    pub fn len(&self) -> usize {
        self.state.seats.len()
    }

    /// Whether no socket is in any namespace.
    pub fn is_empty(&self) -> bool {
        self.state.seats.is_empty()
    }

    /// The rooms of a namespace that somebody is in.
    pub fn rooms(&self, nsp: &Nsp) -> Vec<&str> {
        self.state.rooms.names(nsp)
    }

    /// Takes an event of a client. Events of one client must come in order.
    pub fn handle(&mut self, from: SocketId, event: Event, now: Time) {
        self.now = self.now.max(now);
        match event {
            Event::Connect(connect) => self.connect(from, &connect),
            Event::Received(received) => self.received(from, received),
            // Nothing asks for acks yet, so none is awaited; the reference ignores unknown ones too.
            Event::Acked { .. } => {}
            Event::Disconnect(reason) => self.disconnect(from, reason),
        }
    }

    /// Wakes the application if it is time.
    pub fn handle_timeout(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.state.wake <= self.now {
            self.state.wake = Time::NEVER;
            self.app.wake(&mut Effects::new(&mut self.state, self.now));
        }
    }

    /// When [`Hub::handle_timeout`] wants to be called next.
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.state.wake).filter(|at| *at != Time::NEVER)
    }

    /// What is to be delivered, in order.
    pub fn poll_delivery(&mut self) -> Option<(SocketId, Delivery)> {
        self.state.out.pop_front()
    }

    /// How many deliveries wait to be polled.
    pub fn deliveries(&self) -> usize {
        self.state.out.len()
    }

    fn connect(&mut self, who: SocketId, connect: &Connect) {
        match self.app.admit(who, connect, &mut Effects::new(&mut self.state, self.now)) {
            Admission::Accept => {
                self.state.seats.insert(who, Seat { nsp: connect.nsp.clone(), rooms: Vec::new() });
                self.state.rooms.enter(&connect.nsp, who);
                self.state.out.push_back((who, Delivery::Accept));
                self.app.connect(who, &mut Effects::new(&mut self.state, self.now));
            }
            Admission::Refuse(refusal) => {
                self.state.out.push_back((who, Delivery::Refuse(refusal.to_json(connect.revision))));
            }
            Admission::NoSuchNamespace => {
                let refusal = Refusal::new("Invalid namespace");
                // An object for clients of either revision, other than what an application refuses with.
                self.state.out.push_back((who, Delivery::Refuse(refusal.to_json(Revision::V4))));
            }
        }
    }

    fn received(&mut self, who: SocketId, mut received: Received) {
        if self.state.seats.contains_key(&who) {
            let ack = received.take_ack();
            self.app.event(who, &received, ack, &mut Effects::new(&mut self.state, self.now));
        }
    }

    fn disconnect(&mut self, who: SocketId, reason: Reason) {
        let Some(seat) = self.state.seats.remove(&who) else { return };
        for room in &seat.rooms {
            self.state.rooms.leave(&seat.nsp, room, who);
        }
        self.state.rooms.exit(&seat.nsp, who);
        self.app.disconnect(who, reason, &mut Effects::new(&mut self.state, self.now));
    }
}
