//! The driver of a host and the clients at the other ends: obeys what the host asks of a driver, and holds it to what it promises.

use super::application::Application;
use super::wire::{Machine, Runtime, Wire};
use crate::bytes::requests;
use crate::bytes::responses::{self, Answer, Written};
use crate::bytes::tape::{Cut, Item, Tape, millis};
use crate::script::tight;
use crate::world::Everything;
use sanket::stats::Census;
use sanket::{Nsp, Protocol, Recovery, Target, Time};
use sanket_host::host::{AddressLimits, Host, Line, Setup};
use sanket_host::http::HttpConfig;
use sanket_host::request::{Denial, Peer, RequestOptions, Welcome};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Connections that a command can name.
const NAMES: usize = 5;
/// Bytes that one connection may hold: a batch of packets, and what is read at once.
const MOST: usize = (64 << 10) + (64 << 10) + Cut::READ;

/// The last part of the address of the client whose connections are encrypted.
const SECURE: u8 = 9;

/// What came of a tape.
#[derive(Debug)]
pub(super) struct Seen {
    /// What each client got.
    pub(super) written: Vec<Written>,
    /// All bytes that clients got, and when it was over.
    pub(super) hash: u64,
    /// It depends on when bytes were read.
    pub(super) depends: bool,
}

pub(super) struct Bench {
    machine: Arc<Machine>,
    host: Host<Everything>,
    application: Application,
    cut: Cut,
    clients: Vec<Client>,
    /// Which client a name stands for now.
    names: [Option<usize>; NAMES],
    current: usize,
    /// Ids of sessions that clients were told.
    sids: Vec<String>,
    /// The server is ending: not everything is answered.
    ends: bool,
    held: bool,
}

struct Client {
    line: Option<Line>,
    wire: Arc<Wire>,
    sent: Vec<u8>,
    received: usize,
    ended: bool,
    told_of_end: bool,
    /// The connection was reset, or the socket failed.
    broken: bool,
    /// It did not take what was written at once: the host may have lost its patience.
    is_slow: bool,
    /// What was looked through for ids.
    looked: usize,
}

fn small() -> HttpConfig {
    HttpConfig {
        max_head: 600,
        max_headers: 12,
        head_timeout: 500,
        keep_alive_timeout: 700,
        max_body: 300,
        body_idle_timeout: 100,
        body_timeout: 300,
        pipeline_bytes: 400,
        write_stall_timeout: 200,
        linger_bytes: 100,
        linger_timeout: 50,
        max_buffered: 400,
        close_timeout: 80,
        max_connections: 4,
        max_refusals: 1,
        ..HttpConfig::default()
    }
}

impl Bench {
    fn new(flags: &[u8], cut: Cut) -> Self {
        let has = |flag| flags.contains(&flag);
        let machine = Arc::new(Machine::default());
        machine.set(Time::from_millis(1_700_000_000_000));
        let number = AtomicU64::new(1);
        let mut setup = Setup::new(move |bytes| {
            for byte in bytes.chunks_mut(8) {
                let next = number.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                byte.copy_from_slice(&next.rotate_left(29).to_be_bytes()[..byte.len()]);
            }
            true
        });
        setup.config = tight();
        if has(b'p') {
            setup.config.protocol = Protocol::SocketIoMsgPack;
        } else if has(b'e') {
            setup.config.protocol = Protocol::EngineIo;
        }
        let recovery = Recovery {
            max_disconnection_duration: 2_000,
            max_log: 5_000,
            max_persisted_sessions: 2,
            max_persisted_bytes: 1_000,
            min_replay_interval: 100,
            replay_rate: 1_000,
            address_replay_burst: 1_000,
            address_replay_rate: 1_000,
        };
        setup.config.recovery = has(b'r').then_some(recovery);
        if has(b't') {
            setup.http = small();
            setup.addresses = AddressLimits { connections: 3, unjoined: 3, ..AddressLimits::default() };
        } else {
            // Many at once are another test's.
            setup.config.max_backlog = 1 << 20;
            setup.config.max_payload = 4_000;
        }
        let mut options = RequestOptions::default().compression((!has(b'c')).then_some(100));
        if has(b'a') {
            let machine = machine.clone();
            options = options.allow_timeout(400).allow_request(move |handshake, reply| machine.ask(handshake, reply));
        }
        // What the application is told of a request is what the driver has told the host.
        let clock = machine.clone();
        setup.options = options.on_request(move |_, handshake| {
            assert_eq!(handshake.is_secure(), handshake.address().ends_with(&format!(".{SECURE}")));
            assert_eq!(handshake.issued(), clock.now().as_millis());
        });
        setup.shards = if has(b'2') { 2 } else { 1 };
        Self {
            host: Host::new(Everything::default(), setup, Runtime(machine.clone())),
            machine,
            application: Application::default(),
            cut,
            clients: Vec::new(),
            names: [None; NAMES],
            current: 0,
            sids: Vec::new(),
            ends: false,
            held: false,
        }
    }

    /// Plays a tape to its end, and everybody to theirs.
    pub(super) fn play(flags: &[u8], mut tape: Tape<'_>, cut: Cut) -> Seen {
        let mut bench = Self::new(flags, cut);
        while let Some(item) = tape.next(&|n| bench.sids.get(n).cloned()) {
            match item {
                Item::Bytes(bytes) => {
                    let client = bench.client();
                    if !client.ended && client.line.is_some() {
                        client.sent.extend(bytes);
                    }
                }
                Item::Do(name, argument) => bench.command(name, argument),
            }
            bench.turn();
        }
        bench.finish(flags.contains(&b'v'))
    }

    /// The client that speaks: a new one if the last of its name has no connection any more.
    fn client(&mut self) -> &mut Client {
        let known = self.names[self.current].filter(|index| self.clients[*index].line.is_some());
        let index = known.unwrap_or_else(|| {
            let wire = Arc::new(Wire::new());
            let is_secure = self.current == 1;
            let address = IpAddr::from([192, 0, 2, if is_secure { SECURE } else { u8::from(self.current == 0) }]);
            let peer = Peer { address: Some(address), secure: is_secure };
            let line = self.host.accept(peer, wire.clone());
            self.clients.push(Client {
                line,
                wire,
                sent: Vec::new(),
                received: 0,
                ended: false,
                told_of_end: false,
                broken: false,
                is_slow: false,
                looked: 0,
            });
            self.clients.len() - 1
        });
        self.names[self.current] = Some(index);
        &mut self.clients[index]
    }

    /// Gives the client that speaks its connection back.
    fn give_back(&mut self, line: Option<Line>) {
        if let Some(index) = self.names[self.current] {
            self.clients[index].line = line;
        }
    }

    fn command(&mut self, name: u8, argument: u8) {
        match name {
            b'c' => {
                self.current = usize::from(argument) % NAMES;
                self.client();
            }
            b'k' => {
                let client = self.client();
                client.is_slow = true;
                client.wire.set_room(usize::from(argument) * 16);
            }
            b'W' => self.client().wire.set_room(usize::MAX),
            b'd' => self.pass(millis(argument)),
            b'T' => {
                // The host may ask to be called for deadlines that have moved, which depends on how bytes were cut.
                self.held = true;
                let at = self.host.poll_timeout().map_or(0, Time::as_millis);
                self.pass(at.saturating_sub(self.machine.now().as_millis()).min(1_000_000));
            }
            b'E' => self.client().ended = true,
            b'R' => {
                let client = self.client();
                client.wire.fail();
                (client.ended, client.told_of_end, client.broken) = (true, true, true);
                let line = client.line.take();
                if let Some(line) = &line {
                    self.host.turn().end_of_stream(line);
                }
                self.give_back(line);
            }
            b'F' => {
                let client = self.client();
                client.broken = true;
                client.wire.fail();
            }
            // The driver gives a connection up.
            b'G' => {
                let client = self.client();
                client.broken = true;
                drop(client.line.take());
            }
            b'Q' => {
                self.ends = true;
                self.host.drain();
            }
            b'X' => {
                self.ends = true;
                self.host.cut();
            }
            b'C' => {
                self.ends = true;
                self.host.close_sessions();
            }
            b'S' => {
                let _ = self.host.apply(|_, fx| fx.emit(Target::Namespace(&Nsp::ROOT), "news", &1));
            }
            b'P' => {
                let _ = self.host.apply(|_, fx| fx.disconnect_sockets(Target::Namespace(&Nsp::ROOT), true));
            }
            b'H' => self.host.handle_timeout(),
            b'r' => self.application.command(argument),
            b'A' => self.machine.take_question().into_iter().for_each(|reply| reply.allow(Welcome::default())),
            b'D' => self.machine.take_question().into_iter().for_each(|reply| reply.deny(Denial::default())),
            b'I' => drop(self.machine.take_question()),
            _ => {}
        }
    }

    /// Does what can be done without waiting.
    fn turn(&mut self) {
        for _ in 0..100_000 {
            let mut more = false;
            for request in self.machine.take_requests() {
                self.application.begin(request);
                more = true;
            }
            for index in 0..self.clients.len() {
                more |= self.turn_one(index);
            }
            let now = self.machine.now();
            if self.host.poll_timeout().is_some_and(|at| at <= now) {
                self.host.handle_timeout();
                more = true;
            }
            if !more {
                self.check();
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// What has happened to one connection, in a turn of the host.
    fn turn_one(&mut self, index: usize) -> bool {
        let client = &mut self.clients[index];
        let Some(line) = &client.line else { return false };
        let mut more = false;
        let mut turn = self.host.turn();
        while !client.told_of_end && line.interest().read && client.received < client.sent.len() {
            let rest = &client.sent[client.received..];
            let n = self.cut.next().min(rest.len());
            turn.receive(line, &rest[..n]);
            client.received += n;
            more = true;
        }
        // What is read later meets what has happened meanwhile.
        self.held |= !client.told_of_end && client.received < client.sent.len() && !line.interest().shutdown;
        if client.ended && !client.told_of_end && client.received == client.sent.len() {
            client.told_of_end = true;
            turn.end_of_stream(line);
            more = true;
        }
        if client.wire.take_writable() {
            turn.writable(line);
            more = true;
        }
        turn.finish();
        let interest = line.interest();
        if interest.shutdown {
            client.wire.shut();
        }
        if interest.over {
            client.line = None;
            more = true;
        }
        more
    }

    fn pass(&mut self, millis: u64) {
        let end = self.machine.now().after(millis);
        while let Some(at) = self.host.poll_timeout().filter(|at| *at <= end) {
            self.machine.set(self.machine.now().max(at));
            self.host.handle_timeout();
            self.turn();
        }
        self.machine.set(end);
        self.turn();
    }

    /// What holds between any two steps.
    fn check(&mut self) {
        let mut lines = 0;
        for client in &mut self.clients {
            if let Some(line) = &client.line {
                lines += 1;
                let (received, output) = line.buffered();
                assert!(output == 0 || !client.wire.has_room(), "{output} bytes are not written");
                assert!(received + output <= MOST, "{received} and {output} bytes are held");
            }
            let sids = &mut self.sids;
            client.looked = client.wire.taken(|taken| look_for_sids(taken, client.looked, sids));
        }
        assert!(self.host.connections() <= lines, "connections of nobody");
        // Those whose WebSocket has ended are closed in a moment.
        let no_http = self.host.connections() - self.host.http_connections();
        assert!(self.host.websockets() <= no_http, "{} WebSockets among {no_http}", self.host.websockets());
        assert!(self.host.waiting() <= lines, "somebody waits who is gone");
        assert!(self.host.sessions() <= tight().max_sessions, "more sessions than there may be");
        assert!(!self.host.has_failed(), "the application has failed");
    }

    /// Everybody is gone or silent. When all deadlines have passed, nothing is left of anybody.
    fn finish(mut self, is_silent: bool) -> Seen {
        for client in &self.clients {
            client.wire.set_room(usize::MAX);
        }
        self.application.finish();
        self.turn();
        if !is_silent {
            self.clients.iter_mut().for_each(|client| client.ended = true);
            self.turn();
        }
        for _ in 0..2_000 {
            self.application.finish();
            self.turn();
            let Some(at) = self.host.poll_timeout() else { break };
            self.machine.set(self.machine.now().max(at));
            self.host.handle_timeout();
            self.turn();
        }
        let (host, clients) = (&self.host, &self.clients);
        for (index, client) in clients.iter().enumerate() {
            assert!(client.line.is_none(), "connection {index} is still there: {:?}", client.line);
        }
        let left = (host.sessions(), host.waiting(), host.connections(), host.http_connections(), host.websockets());
        assert_eq!(left, (0, 0, 0, 0, 0), "sessions, waiting, connections, HTTP, WebSockets");
        assert_eq!(host.poll_timeout(), None, "a deadline of nobody");
        let mut hash = self.machine.now().as_millis() ^ self.machine.wakes() << 48;
        let mut written = Vec::new();
        for client in clients {
            client.wire.taken(|taken| {
                hash = taken.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            });
            written.push(self.check_client(client, is_silent));
        }
        let expects = clients.iter().any(|client| {
            let text = String::from_utf8_lossy(&client.sent).to_ascii_lowercase();
            text.contains("expect") || text.contains("/e") && text.contains("content-length")
        });
        self.check_stats();
        self.host.end();
        // A server that ends serves requests that have come, and not those that come a byte later.
        Seen { written, hash, depends: self.held || self.ends || expects }
    }

    /// Each request was answered once and in order.
    /// When nobody is left, all who came have gone, and every byte that was written was counted.
    fn check_stats(&self) {
        let (stats, mut taken) = (self.host.stats(), 0);
        self.clients.iter().for_each(|client| taken += client.wire.taken(|taken| taken.len() as u64));
        assert_eq!(stats.bytes_sent, taken, "bytes sent");
        assert_eq!((stats.connections, stats.http_connections, stats.websockets, stats.waiting), (0, 0, 0, 0));
        assert_eq!((stats.backlog, stats.census), (0, Census::default()));
        let shards = stats.shards;
        assert_eq!(shards.opened.total(), shards.closed.total(), "sessions opened and closed");
        assert_eq!(shards.upgrades_tried, shards.upgrades_done + shards.upgrades_failed, "upgrades");
        let hub = stats.hub.expect("the application has not failed");
        assert_eq!((hub.sockets, hub.rooms, hub.namespaces, hub.pending_acks), (0, 0, 0, 0));
    }

    fn check_client(&self, client: &Client, is_silent: bool) -> Written {
        let asked = requests::read_all(&client.sent[..client.received]);
        let is_head = |index: usize| asked.get(index).is_some_and(|asked| asked.method == "HEAD");
        let written = client.wire.taken(|taken| responses::read(taken, &is_head));
        let answers = &written.answers;
        for (answer, asked) in answers.iter().zip(&asked) {
            assert!(
                answer.field("x-target").is_none_or(|target| target == asked.target),
                "the answer to another request"
            );
            assert!(answer.status != 101 || asked.upgrades);
            let is_plain = asked.has_plain_head && asked.has_plain_body && asked.body.is_some();
            // What the protocol refuses has a code of its own.
            let is_malformed = answer.status == 400 && answer.body.starts_with(b"{\"code\":400");
            assert!(!is_malformed || !is_plain, "refused without a reason: {asked:?}");
        }
        let closed = asked.iter().position(|asked| asked.closes);
        assert!(closed.is_none_or(|closed| answers.len() <= closed + 1), "kept in spite of `connection: close`");
        // One more for what is no request.
        assert!(answers.len() <= asked.len() + 1, "more answers than requests");
        let is_last = answers.last().is_some_and(|answer| answer.closes() || answer.status == 101);
        let is_part = answers.last().is_some_and(|answer: &Answer| !answer.is_whole);
        if is_silent && !client.broken && !client.is_slow && !client.ended && !self.ends && !is_last && !is_part {
            let whole = asked.iter().filter(|asked| asked.body.is_some()).count();
            assert!(answers.len() >= whole, "{whole} requests, {} answers", answers.len());
        }
        written
    }
}

/// Finds the ids of sessions in what a client got from `from` on; returns from where to look next.
fn look_for_sids(taken: &[u8], from: usize, sids: &mut Vec<String>) -> usize {
    /// Letters of an id.
    const LETTERS: usize = 22;
    /// The longest that is looked at: an id and what is around it, with a backslash before each quote.
    const LENGTH: usize = 56;
    let mut next = from;
    for (at, window) in taken.windows(LENGTH).enumerate().skip(from) {
        next = at + 1;
        let Some(rest) = window.strip_prefix(b"0{").map(|rest| skip(rest, b"\\\"")) else { continue };
        let Some(rest) = rest.strip_prefix(b"sid").map(|rest| skip(rest, b"\\\":")) else { continue };
        let Some((id, rest)) = rest.split_at_checked(LETTERS) else { continue };
        if skip(rest, b"\\\",").starts_with(b"upgrades") {
            sids.push(String::from_utf8_lossy(id).into_owned());
        }
    }
    next
}

/// What follows letters of a kind.
fn skip<'a>(bytes: &'a [u8], letters: &[u8]) -> &'a [u8] {
    &bytes[bytes.iter().take_while(|byte| letters.contains(byte)).count()..]
}
