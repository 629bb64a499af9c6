//! A server with clients, and a driver that carries out the core's outputs at once. The driver does so little that
//! nearly all counted instructions are the core's.

use sanket::codec::BodyKind;
use sanket::driver::{
    Input, Key, NewSession, Opening, Output, RawMessage, RequestId, Response, Server, Sid, WsMessage, decode_body,
    decode_message,
};
use sanket::{
    AckId, Admission, App, Config, ConnectRequest, Effects, Emit, Event, Nsp, Reason, Revision, SocketId, Target, Time,
};
use std::hint::black_box;

/// An application that acks what wants an ack with what it was said, and says everything else to everybody.
#[derive(Debug)]
pub(crate) struct Parrot;

impl App for Parrot {
    fn admit(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) -> Admission {
        Admission::Accept
    }

    fn connect(&mut self, _: SocketId, _: &ConnectRequest, _: &mut Effects<'_>) {}

    fn event(&mut self, _: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        match ack {
            Some(ack) => fx.ack_json(ack, event.args_json(), event.attachments()),
            None => {
                let emit = Emit::new(event.name()).args_json(event.args_json()).attachments(event.attachments());
                fx.send(Target::Namespace(&Nsp::ROOT), &emit);
            }
        }
    }

    fn disconnect(&mut self, _: SocketId, _: Reason, _: &mut Effects<'_>) {}
}

/// A server, the time, and the number of the next request.
#[derive(Debug)]
pub(crate) struct Site<A = Parrot> {
    pub(crate) server: Server<A>,
    pub(crate) config: Config,
    pub(crate) now: Time,
    next: u64,
    /// Where what is sent goes: as a driver has it, it is used again.
    sent: Vec<WsMessage>,
}

/// A client: its session, and its WebSocket if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) key: Key,
    pub(crate) ws: RequestId,
}

impl Site {
    pub(crate) fn new(config: Config) -> Self {
        Self::of(Parrot, config)
    }

    /// One with clients that are in `/`, over WebSocket.
    pub(crate) fn with(clients: usize) -> (Self, Vec<Client>) {
        let config = Config { max_sessions: usize::MAX, max_unjoined: usize::MAX, ..Config::default() };
        let mut site = Self::new(config);
        let clients = (0..clients).map(|_| site.join()).collect();
        (site, clients)
    }
}

impl<A: App> Site<A> {
    /// One with another application.
    pub(crate) fn of(app: A, config: Config) -> Self {
        let server = Server::new(app, config.clone());
        Self { server, config, now: Time::from_millis(1_700_000_000_000), next: 0, sent: Vec::new() }
    }

    pub(crate) fn request(&mut self) -> RequestId {
        self.next += 1;
        RequestId(self.next)
    }

    fn open(&mut self, revision: Revision, opening: Opening) -> Key {
        let n = u128::from(self.next) << 2;
        // An odd factor keeps them apart, and makes all their bits differ as if they were random.
        let id = |n: u128| Sid::from_bytes(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
        let new = NewSession { sid: id(n), public: id(n + 1), private: id(n + 2), revision, opening, handshake: None };
        self.server.shard.open(new, self.now).expect("there is room")
    }

    /// A client over WebSocket that is in no namespace yet.
    pub(crate) fn open_ws(&mut self, revision: Revision) -> Client {
        let ws = self.request();
        Client { key: self.open(revision, Opening::WebSocket(ws)), ws }
    }

    /// A client over WebSocket that is in `/`.
    pub(crate) fn join(&mut self) -> Client {
        let client = self.open_ws(Revision::V4);
        self.say(client, RawMessage::Text("40"));
        client
    }

    /// A client that polls and is in `/`.
    pub(crate) fn join_by_polling(&mut self) -> Client {
        let id = self.request();
        let key = self.open(Revision::V4, Opening::Polling { base64: false });
        self.handle(key, Input::Poll(id));
        let post = self.request();
        self.handle(key, Input::PostBegins(post));
        let body = decode_body(Revision::V4, BodyKind::Text, b"40", &self.config);
        self.handle(key, Input::Post(post, body));
        let poll = self.request();
        self.handle(key, Input::Poll(poll));
        Client { key, ws: RequestId(0) }
    }

    /// What comes in, and everything that follows from it.
    pub(crate) fn handle(&mut self, key: Key, input: Input<'_>) {
        self.server.shard.handle(key, input, self.now);
        self.pump();
    }

    /// A message of a client.
    pub(crate) fn say(&mut self, client: Client, message: RawMessage<'_>) {
        let decoded = decode_message(Revision::V4, message, &self.config);
        self.server.shard.handle(client.key, Input::WsMessage(client.ws, decoded), self.now);
        self.pump();
    }

    /// Does what the core wants done: writes to WebSockets, encodes the answers to polls.
    pub(crate) fn pump(&mut self) {
        let Self { server, sent, now, .. } = self;
        // What `Server::pump` does, but with somebody who writes, as a driver does when it has given its lock back.
        loop {
            while let Some((key, output)) = server.shard.poll_output() {
                match output {
                    Output::WsReady(ws) => {
                        while server.shard.transmit(key, ws, 64 << 10, sent, *now) {}
                        black_box(&mut *sent).clear();
                    }
                    Output::Respond(_, Response::Batch(batch)) => drop(black_box(batch.encode())),
                    other => drop(black_box(other)),
                }
            }
            if let Some((from, event)) = server.shard.poll_event() {
                server.hub.handle(from, event, *now);
            } else if server.hub.deliveries() == 0 {
                return;
            }
            while let Some((to, delivery)) = server.hub.poll_delivery() {
                server.shard.deliver(&to, delivery, *now);
            }
        }
    }
}
