//! A shard: a slab of clients with a timer wheel. A driver with several threads has a lock around each. Knows nothing
//! of rooms or the application: what clients did comes out as events, what the hub wants goes in as deliveries.

use crate::config::Config;
use crate::engine::output as engine;
use crate::engine::{Ask, NewSession, Output, RequestError, Response, Transport};
use crate::farewell::Farewells;
use crate::frame::{Frame, Revision, WsMessage};
use crate::grace::Grace;
use crate::id::{Key, RequestId, Sid, SocketId};
use crate::population::Population;
use crate::slots::Slots;
use crate::socket::client::Client;
use crate::socket::context::{Context, Events};
use crate::socket::{Delivery, Input, SocketEvent};
use crate::stats::{Census, ShardStats};
use crate::time::Time;
use crate::trim::Trim as _;
use crate::wheel::Wheel;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Some of the server's clients. The documentation of [`driver`](crate::driver) shows how a driver calls it.
///
/// Any number of calls may be made between two calls of the `poll` functions. The outputs are the same.
///
/// # Time
///
/// Every call with a `now` handles all deadlines that are due at `now` first, whether or not [`Shard::handle_timeout`]
/// has been called. A request that arrives at the very moment of a session's deadline finds no session.
///
/// There is one exception. If a call comes more than 1,000 ms later than [`Shard::poll_timeout`], the process was
/// stalled (it was stopped, or the machine was suspended), and its clients were not silent. Then deadlines are not
/// handled for the next 1,000 ms, so that the driver can hand in what has arrived meanwhile.
#[derive(Debug)]
pub struct Shard {
    index: u8,
    config: Arc<Config>,
    now: Time,
    slots: Slots,
    by_sid: BTreeMap<Sid, Key>,
    wheel: Wheel,
    /// Deadlines are not handled before.
    grace: Grace,
    outputs: engine::Outputs,
    events: Events,
    population: Arc<Population>,
    farewells: Farewells,
    closing: bool,
}

impl Shard {
    /// An empty shard that is the only one of its server. `index` becomes a part of its clients' keys.
    #[must_use]
    pub fn new(index: u8, config: Arc<Config>) -> Self {
        Self::with_population(index, config, Arc::default())
    }

    /// An empty shard of a server with several. Each has another `index`. The limits on the number of sessions are for
    /// all shards that share `population`.
    #[must_use]
    pub fn with_population(index: u8, config: Arc<Config>, population: Arc<Population>) -> Self {
        Self {
            index,
            config,
            now: Time::default(),
            slots: Slots::default(),
            by_sid: BTreeMap::new(),
            wheel: Wheel::new(),
            grace: Grace::default(),
            outputs: engine::Outputs::default(),
            events: Events::default(),
            population,
            farewells: Farewells::default(),
            closing: false,
        }
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_sid.len()
    }

    /// Whether there are no sessions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_sid.is_empty()
    }

    /// What there is in all shards that share it.
    #[must_use]
    pub fn population(&self) -> &Population {
        &self.population
    }

    /// Opens a session. For a polling session, the next input is [`Input::Poll`] with the request that opened it.
    ///
    /// # Errors
    ///
    /// [`RequestError::Full`] if there are [`Config::max_sessions`] or [`Config::max_unjoined`] sessions,
    /// [`RequestError::Forbidden`] after [`Shard::shutdown`], [`RequestError::BadRequest`] if the session's id is in
    /// use.
    pub fn open(&mut self, new: NewSession, now: Time) -> Result<Key, RequestError> {
        self.advance(now);
        let sid = new.sid;
        if self.closing {
            return Err(RequestError::Forbidden);
        }
        if self.by_sid.contains_key(&sid) {
            return Err(RequestError::BadRequest);
        }
        if self.len() >= Key::MAX_SLOTS {
            return Err(RequestError::Full);
        }
        if let Err(limit) = self.population.add(&self.config) {
            self.outputs.stats.limits.add(limit);
            return Err(RequestError::Full);
        }
        let (index, generation) = self.slots.take();
        let key = Key::new(self.index, index, generation);
        let engine = engine::Context { key, config: &self.config, now: self.now, outputs: &mut self.outputs };
        let mut cx = Context { engine, events: &mut self.events, population: &self.population };
        let client = Client::open(new, &mut cx);
        if let Some(slot) = self.slots.get_mut(index) {
            (slot.client, slot.unjoined) = (Some(client), true);
        }
        self.by_sid.insert(sid, key);
        self.settle(key);
        Ok(key)
    }

    /// Finds the session that a request is for.
    ///
    /// # Errors
    ///
    /// In the reference's order: no such session, the wrong transport, the wrong revision. Before a driver answers a
    /// poll with [`RequestError::UnknownSid`], it calls [`Shard::farewell`].
    pub fn route(&mut self, sid: Sid, revision: Option<Revision>, ask: Ask, now: Time) -> Result<Key, RequestError> {
        self.advance(now);
        let key = *self.by_sid.get(&sid).ok_or(RequestError::UnknownSid)?;
        let client = self.client(key).ok_or(RequestError::UnknownSid)?;
        let fits = match ask {
            Ask::Poll | Ask::Post => client.transport() == Transport::Polling,
            // If there is no upgrade, the WebSocket is opened and closed at once, as in the reference.
            Ask::Upgrade => true,
            Ask::Nonsense => false,
        };
        if fits && revision == Some(client.revision()) { Ok(key) } else { Err(RequestError::BadRequest) }
    }

    /// The response to a poll for a session that its client has just closed: a noop, once. The client closed it within
    /// the last 1,000 ms by a close packet in a POST, while no poll was waiting: the poll was sent first, on another
    /// connection, and arrives later. A shard keeps the last 1,024 such sessions.
    pub fn farewell(&mut self, sid: Sid, revision: Option<Revision>, now: Time) -> Option<Response> {
        self.advance(now);
        self.farewells.take(sid, revision?, self.now)
    }

    /// The revision of a session.
    #[must_use]
    pub fn revision(&self, key: Key) -> Option<Revision> {
        self.client(key).map(Client::revision)
    }

    /// Handles an input of a client. If there is no client of this key any more, requests are refused as for an unknown
    /// session.
    pub fn handle(&mut self, key: Key, input: Input<'_>, now: Time) {
        let stranger = match &input {
            Input::Poll(id) | Input::PostBegins(id) | Input::Post(id, _) | Input::PostTooLarge(id) => {
                Some(Output::Respond(*id, Response::Refused(RequestError::UnknownSid)))
            }
            Input::WsOpen(id) => Some(Output::WsClose(*id)),
            Input::RequestGone(_) | Input::WsMessage(..) | Input::WsEnd(..) | Input::Shutdown => None,
        };
        self.advance(now);
        if !self.with(key, |client, cx| client.handle(input, cx))
            && let Some(output) = stranger
        {
            self.outputs.queue.push_back((key, output));
        }
    }

    /// Hands a delivery of the hub to sockets of this shard. Unknown sockets are ignored.
    pub fn deliver(&mut self, to: &[SocketId], delivery: Delivery, now: Time) {
        self.advance(now);
        // The last recipient gets the delivery itself. Usually there is only one.
        let Some((last, others)) = to.split_last() else { return };
        match delivery {
            Delivery::Emit(frame) => {
                for socket in others {
                    self.emit(*socket, frame.clone());
                }
                self.emit(*last, frame);
            }
            delivery => {
                for socket in others {
                    self.with(socket.key, |client, cx| client.deliver(socket.serial, delivery.clone(), cx));
                }
                self.with(last.key, |client, cx| client.deliver(last.serial, delivery, cx));
            }
        }
    }

    /// The most frequent delivery. It can end a session whose client does not read, but sets no timer.
    fn emit(&mut self, to: SocketId, frame: Frame) {
        let Some((client, mut cx)) = self.reach(to.key) else { return };
        client.emit(to.serial, frame, &mut cx);
        if client.is_closed() {
            self.settle(to.key);
        }
    }

    /// Ends a session at once if it is unjoined, as [`Config::max_unjoined`] counts: its client has given no sign that it goes on.
    /// Returns whether it was.
    pub fn end_unjoined(&mut self, key: Key, now: Time) -> bool {
        self.advance(now);
        let unjoined = self.client(key).is_some() && self.slots.get(key.slot()).is_some_and(|slot| slot.unjoined);
        unjoined && self.with(key, Client::abandon)
    }

    /// The bytes that are queued for a client, as [`Config::max_queue`] counts them.
    #[must_use]
    pub fn queued(&self, key: Key) -> usize {
        self.client(key).map_or(0, Client::queued)
    }

    /// Takes packets that are queued for a WebSocket: about `max` bytes, and at least one packet if there is any.
    /// Returns whether there are more. If not, [`Output::WsReady`] announces the next.
    pub fn transmit(&mut self, key: Key, id: RequestId, max: usize, into: &mut Vec<WsMessage>, now: Time) -> bool {
        self.advance(now);
        let Some((client, mut cx)) = self.reach(key) else { return false };
        let before = into.len();
        let more = client.transmit(id, max, into, &mut cx);
        cx.engine.stats().packets_sent += (into.len() - before) as u64;
        // It can end a session that is closing, but sets no timer.
        if client.is_closed() {
            self.settle(key);
        }
        more
    }

    /// Closes every session after its queued packets are sent, and opens no more.
    pub fn shutdown(&mut self, now: Time) {
        self.shutdown_share(1 << 16, now);
    }

    /// Opens no more sessions, and closes so many 65,536ths of them, as [`Shard::shutdown`] does: those whose ids are the first.
    /// Ids are random, so a share that grows with time closes sessions spread over that time, each at a moment of its own.
    pub fn shutdown_share(&mut self, share: u32, now: Time) {
        self.closing = true;
        let bound = u16::try_from(share).map(|share| {
            let mut bytes = [0; 16];
            bytes[..2].copy_from_slice(&share.to_be_bytes());
            Sid::from_bytes(bytes)
        });
        let keys: Vec<Key> = match bound {
            Ok(bound) => self.by_sid.range(..bound).map(|(_, key)| *key).collect(),
            Err(_) => self.by_sid.values().copied().collect(),
        };
        for key in keys {
            self.handle(key, Input::Shutdown, now);
        }
    }

    /// Handles all deadlines that are due at `now`. Every other call with a `now` does the same first.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
    }

    /// When [`Shard::handle_timeout`] is to be called next: not later than the next deadline, or at the end of the
    /// 1,000 ms after a stall.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        Some(self.grace.judged(self.wheel.next())).filter(|_| self.wheel.next() != Time::NEVER)
    }

    /// The next thing that the driver is to do. To be called until it returns `None` after each call, before the lock
    /// is released.
    pub fn poll_output(&mut self) -> Option<(Key, Output)> {
        self.outputs.queue.pop_front()
    }

    /// The next event for the hub, in the order in which they happened.
    pub fn poll_event(&mut self) -> Option<(SocketId, SocketEvent)> {
        let (id, event) = self.events.queue.pop_front()?;
        self.events.bytes -= event.cost();
        Some((id, event))
    }

    /// Takes up to `max` events at once, as [`Shard::poll_event`] does one by one.
    pub fn take_events(&mut self, max: usize, into: &mut VecDeque<(SocketId, SocketEvent)>) {
        if into.is_empty() && self.events.queue.len() <= max {
            into.trim();
            core::mem::swap(into, &mut self.events.queue);
            self.events.bytes = 0;
        } else {
            into.extend(core::iter::from_fn(|| self.poll_event()).take(max));
        }
    }

    /// Whether there are events for the hub.
    #[must_use]
    pub fn has_events(&self) -> bool {
        !self.events.queue.is_empty()
    }

    /// Whether the hub is so far behind that the driver must not read from clients: [`Config::max_backlog`].
    #[must_use]
    pub fn is_backlogged(&self) -> bool {
        self.events.bytes > self.config.max_backlog
    }

    /// The bytes of events that wait for the hub, as [`Config::max_backlog`] counts them.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.events.bytes
    }

    /// What was counted.
    #[must_use]
    pub fn stats(&self) -> ShardStats {
        self.outputs.stats
    }

    /// Looks at clients: at most at `max` places, from place `from` on. Returns where to go on, if there are more. It takes
    /// 15 to 50 ns for each place, so that a driver with a lock around the shard should not ask for all at once.
    /// What happens between two calls may be missed or seen twice.
    #[must_use]
    pub fn census(&self, from: usize, max: usize) -> (Census, Option<usize>) {
        let mut census = Census::default();
        for client in self.slots.iter().skip(from).take(max).filter_map(|slot| slot.client.as_ref()) {
            client.count(&mut census);
        }
        let next = from.saturating_add(max);
        (census, (next < self.slots.len()).then_some(next))
    }

    fn client(&self, key: Key) -> Option<&Client> {
        let slot = self.slots.get(key.slot())?;
        let client = slot.client.as_ref()?;
        (Key::new(self.index, key.slot(), slot.generation) == key).then_some(client)
    }

    /// Moves on to `now`, and handles all deadlines that are due by then.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        if self.wheel.next() > self.now {
            self.wheel.skip(self.now);
        } else {
            self.look_at_due();
        }
    }

    fn look_at_due(&mut self) {
        self.grace.notice(self.poll_timeout(), self.now);
        if self.grace.holds(self.now) {
            return;
        }
        let mut due = Vec::new();
        self.wheel.advance(self.now, &mut due);
        for (index, at) in due {
            // The place may have been given up.
            if let Some(slot) = self.slots.get_mut(index)
                && slot.armed == at
            {
                slot.armed = Time::NEVER;
                let key = Key::new(self.index, index, slot.generation);
                self.with(key, Client::handle_timeout);
            }
        }
    }

    /// A client, and the context that its methods need.
    fn reach(&mut self, key: Key) -> Option<(&mut Client, Context<'_>)> {
        let slot = self.slots.get_mut(key.slot())?;
        let current = Key::new(self.index, key.slot(), slot.generation) == key;
        let client = slot.client.as_mut().filter(|_| current)?;
        let engine = engine::Context { key, config: &self.config, now: self.now, outputs: &mut self.outputs };
        Some((client, Context { engine, events: &mut self.events, population: &self.population }))
    }

    /// Calls a method of a client. Returns `false` if there is no client of this key.
    fn with(&mut self, key: Key, work: impl FnOnce(&mut Client, &mut Context<'_>)) -> bool {
        let Some((client, mut cx)) = self.reach(key) else { return false };
        work(client, &mut cx);
        self.settle(key);
        true
    }

    /// To be called after a client's methods: frees the slot of a session that has ended, or sets the wheel to the next
    /// deadline.
    fn settle(&mut self, key: Key) {
        let Some(slot) = self.slots.get_mut(key.slot()) else { return };
        let Some(client) = &slot.client else { return };
        if slot.unjoined && (!client.is_unjoined() || client.is_closed()) {
            slot.unjoined = false;
            self.population.join();
        }
        if client.is_closed() {
            self.population.remove();
            self.by_sid.remove(&client.sid());
            if client.closed_unpolled() {
                self.farewells.keep(client.sid(), client.revision(), client.base64(), self.now);
            }
            self.slots.free(key.slot());
            // Nobody is kept waiting for it, and after every crowd there is an end.
            self.outputs.queue.trim();
            self.events.queue.trim();
        } else if let Some((at, _)) = client.poll_timeout()
            // A deadline that is far away has the wheel's last tick as its entry. It needs only one.
            && self.wheel.look(at) < slot.armed
        {
            slot.armed = self.wheel.arm(key.slot(), at);
        }
    }
}

impl Drop for Shard {
    /// The sessions end with the shard, and do not count any more in the other shards.
    fn drop(&mut self) {
        for slot in self.slots.iter().filter(|slot| slot.client.is_some()) {
            if slot.unjoined {
                self.population.join();
            }
            self.population.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Opening;

    #[test]
    fn a_client_asks_for_few_looks_however_much_it_says() {
        let config = Config::default();
        let mut shard = Shard::new(0, Arc::new(config.clone()));
        let mut now = Time::from_millis(1_700_000_000_001);
        let ws = RequestId(1);
        let sid = Sid::from_bytes([7; 16]);
        let (revision, opening) = (Revision::V4, Opening::WebSocket(ws));
        let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
        let key = shard.open(new, now).expect("there is room");
        for _ in 0..1_000 {
            now = now.after(1);
            let noop = crate::socket::decode_message(Revision::V4, crate::socket::RawMessage::Text("6"), &config);
            shard.handle(key, Input::WsMessage(ws, noop), now);
            shard.handle_timeout(now);
        }
        assert!(shard.wheel.len() <= 2, "{} looks", shard.wheel.len());
    }
    #[test]
    fn events_are_taken_all_at_once_or_as_many_as_are_wanted() {
        let config = Config { max_backlog: 0, ..Config::default() };
        let mut shard = Shard::new(0, Arc::new(config));
        let arrive = |shard: &mut Shard, n: u8| {
            let sid = Sid::from_bytes([n; 16]);
            let (revision, opening) = (Revision::V3, Opening::WebSocket(RequestId(n.into())));
            let new = NewSession { sid, public: sid, private: sid, revision, opening, handshake: None };
            shard.open(new, Time::default()).expect("there is room")
        };
        let keys = [1, 2, 3].map(|n| arrive(&mut shard, n));
        let mut taken = VecDeque::new();
        shard.take_events(2, &mut taken);
        assert!(taken.len() == 2 && shard.has_events() && shard.is_backlogged());
        shard.take_events(2, &mut taken);
        assert_eq!(taken.iter().map(|(socket, _)| socket.key).collect::<Vec<_>>(), keys);
        assert!(!shard.has_events() && !shard.is_backlogged());
        let fourth = arrive(&mut shard, 4);
        taken.clear();
        shard.take_events(2, &mut taken);
        assert!(taken.len() == 1 && taken[0].0.key == fourth);
        assert!(!shard.has_events() && !shard.is_backlogged());
    }
}
