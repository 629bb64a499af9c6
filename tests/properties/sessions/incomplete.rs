//! Packets that wait for attachments: the bytes of all sessions together, in a model and in the machine.

use crate::{hear, say, socket};
use proptest::collection::vec;
use proptest::prelude::*;
use sanket::driver::{RawMessage, RequestId, WsEnd};
use sanket::stats::Limit;
use sanket::{Config, Reason, Revision};
use sanket_tests::world::{Everything, Session, World};

const MAX: usize = 1_000;
const MAX_ATTACHED: usize = 400;
const CLIENTS: usize = 4;

/// What happens to one client, or to all.
#[derive(Clone, Debug)]
enum Step {
    /// It sends a packet with so much text, which announces attachments.
    Packet(usize, usize, usize),
    /// It sends an attachment of so many bytes.
    Attachment(usize, usize),
    /// It sends another packet.
    Text(usize),
    /// Its connection ends.
    End(usize),
    /// The server puts all of them out of the namespace.
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    prop_oneof![
        4 => (client.clone(), 0..300_usize, 1..4_usize).prop_map(|(who, text, owed)| Step::Packet(who, text, owed)),
        8 => (client.clone(), 0..300_usize).prop_map(|(who, bytes)| Step::Attachment(who, bytes)),
        1 => client.clone().prop_map(Step::Text),
        1 => client.prop_map(Step::End),
        1 => Just(Step::Clear),
    ]
}

/// A client, as the model knows it.
struct Client {
    session: Session,
    ws: RequestId,
    packet: Option<Packet>,
    is_out: bool,
}

/// A packet that waits for attachments.
#[derive(Default)]
struct Packet {
    text: usize,
    attached: usize,
    owed: usize,
}

impl Packet {
    fn bytes(&self) -> usize {
        self.text + self.attached
    }
}

struct Model {
    world: World<Everything>,
    talker: (Session, RequestId),
    clients: Vec<Client>,
    hits: u64,
}

impl Model {
    fn new() -> Self {
        let config = Config { max_incomplete: MAX, max_attached: MAX_ATTACHED, ..Config::default() };
        let mut world = World::new(Everything::default(), config);
        let talker = socket(&mut world, Revision::V4);
        let clients = (0..CLIENTS).map(|_| Self::client(&mut world)).collect();
        Self { world, talker, clients, hits: 0 }
    }

    fn client(world: &mut World<Everything>) -> Client {
        let (session, ws) = socket(world, Revision::V4);
        say(world, session, ws, r#"42["join",1]"#);
        Client { session, ws, packet: None, is_out: false }
    }

    fn all(&self) -> usize {
        self.clients
            .iter()
            .filter(|client| !client.is_out)
            .filter_map(|client| client.packet.as_ref())
            .map(Packet::bytes)
            .sum()
    }

    /// Whether there is room for so many more bytes of a client that has `mine`.
    fn admits(&mut self, mine: usize, more: usize) -> bool {
        let (mine, all) = (mine + more, self.all() + more);
        let admits = all <= MAX && mine <= MAX - all;
        self.hits += u64::from(!admits);
        admits
    }

    /// Takes a step, and returns whether a session has to end of it, and whose.
    fn take(&mut self, step: &Step) -> Option<(usize, Reason)> {
        let refused = |who: usize| Some((who, Reason::ForcedClose));
        match *step {
            Step::Packet(who, text, owed) => {
                let json = format!(r#"["none","{}"]"#, "x".repeat(text));
                let Client { session, ws, .. } = self.clients[who];
                say(&mut self.world, session, ws, &format!("45{owed}-{json}"));
                if self.clients[who].packet.is_some() || self.clients[who].is_out || !self.admits(0, json.len()) {
                    return refused(who);
                }
                self.clients[who].packet = Some(Packet { text: json.len(), attached: 0, owed });
            }
            Step::Attachment(who, bytes) => {
                let Client { session, ws, is_out, .. } = self.clients[who];
                self.world.send(session, ws, RawMessage::Binary(&vec![7; bytes]));
                let Some(mut packet) = self.clients[who].packet.take().filter(|_| !is_out) else { return refused(who) };
                let mine = packet.bytes();
                let is_within = packet.attached + bytes <= MAX_ATTACHED;
                self.clients[who].packet = Some(Packet { ..packet });
                if !is_within || !self.admits(mine, bytes) {
                    return refused(who);
                }
                packet.attached += bytes;
                packet.owed -= 1;
                self.clients[who].packet = (packet.owed > 0).then_some(packet);
            }
            Step::Text(who) => {
                let Client { session, ws, is_out, .. } = self.clients[who];
                say(&mut self.world, session, ws, r#"42["none"]"#);
                if is_out || self.clients[who].packet.is_some() {
                    return refused(who);
                }
            }
            Step::End(who) => {
                let Client { session, ws, .. } = self.clients[who];
                self.world.end_ws(session, ws, WsEnd::Closed);
                return Some((who, Reason::TransportClose));
            }
            Step::Clear => {
                let (session, ws) = self.talker;
                say(&mut self.world, session, ws, r#"42["clear"]"#);
                self.clients.iter_mut().for_each(|client| client.is_out = true);
            }
        }
        None
    }

    fn check(&mut self, step: &Step, end: Option<(usize, Reason)>) {
        for (who, client) in self.clients.iter().enumerate() {
            hear(&mut self.world, client.session, client.ws);
            let ended = end.and_then(|(whose, reason)| (whose == who).then_some(reason));
            assert_eq!(self.world.end_of(client.session), ended, "client {who} after {step:?}");
        }
        if let Some((who, _)) = end {
            self.clients[who] = Self::client(&mut self.world);
        }
        let shard = &self.world.server.shard;
        assert_eq!(shard.population().incomplete(), self.all(), "after {step:?}");
        assert_eq!(shard.stats().limits[Limit::MaxIncomplete], self.hits, "after {step:?}");
    }
}

proptest! {
    #[test]
    fn incomplete_packets_have_a_limit_together(steps in vec(step(), 1..60)) {
        let mut model = Model::new();
        for step in &steps {
            let end = model.take(step);
            model.check(step, end);
        }
        model.world.assert_silence_ends_everything();
    }
}

#[test]
fn who_sends_little_has_room_beside_those_who_keep_much_waiting() {
    let mut model = Model::new();
    // 15 bytes each, with the name.
    let text = |who| Step::Packet(who, 3, 3);
    for who in 0..CLIENTS {
        assert_eq!(model.take(&text(who)), None);
    }
    for who in 0..CLIENTS - 1 {
        assert_eq!(model.take(&Step::Attachment(who, 200)), None, "{who}");
    }
    let greedy = Step::Attachment(0, 200);
    let end = model.take(&greedy);
    assert_eq!(end, Some((0, Reason::ForcedClose)), "more than is left for the others");
    model.check(&greedy, end);
    for bytes in [100, 100, 50] {
        assert_eq!(model.take(&Step::Attachment(CLIENTS - 1, bytes)), None);
    }
}
