//! For whoever wants an application to try, or an example to learn from: the chat room. Read [`Chat`] first. It gives each person a
//! name and a color, counts people, and sends messages to all.
//!
//! The events are those of the socket.io tutorial from which this project started, with more fields for programs.

mod config;
mod debts;
mod message;
mod names;
mod presence;

use crate::engine::Reason;
use crate::id::SocketId;
use crate::network::Network;
use crate::room::{App, Effects, Emit, PreviousSocket, Target};
use crate::socket::{AckId, ConnectRequest, Event, Nsp};
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::string::String;
pub use config::ChatConfig;
use debts::Debts;
use message::{MessageError, Refusal, ValidMessage};
use names::Names;
use presence::Presence;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Together with the time of day, ids have 1.8e15 at most, which is exact in JavaScript's numbers.
const IDS_PER_MILLISECOND: u64 = 1_000;

/// The chat room.
#[derive(Debug)]
pub struct Chat {
    config: ChatConfig,
    people: BTreeMap<SocketId, Person>,
    names: Names,
    presence: Presence,
    /// Of those who left.
    debts: Debts,
    last_message: u64,
}

#[derive(Debug)]
struct Person {
    name: String,
    color: &'static str,
    /// Where it comes from, if that is known.
    network: Option<Network>,
    /// The time at which all its tokens are back.
    paid_until: Time,
    /// When it may be told again that a message is refused.
    quiet_until: Time,
}

/// What a person is told about itself.
#[derive(Serialize, Deserialize)]
struct InitUser<'a> {
    name: &'a str,
    color: &'a str,
}

/// A message, as all get it.
#[derive(Serialize)]
struct Message<'a> {
    description: &'a RawValue,
    #[serde(rename = "nickName")]
    nick_name: &'a str,
    color: &'a str,
    id: u64,
    time: u64,
}

/// The acknowledgement of a message that was sent.
#[derive(Serialize)]
struct Accepted {
    ok: bool,
    id: u64,
}

impl Chat {
    /// An empty room. `seed` determines names and colors.
    #[must_use]
    pub fn new(config: ChatConfig, seed: u64) -> Self {
        Self {
            presence: Presence::new(config.tick),
            debts: Debts::new(config.max_debts),
            config,
            people: BTreeMap::new(),
            names: Names::new(seed),
            last_message: 0,
        }
    }

    /// The number of people in the room.
    #[must_use]
    pub fn count(&self) -> usize {
        self.people.len()
    }

    fn add(
        &mut self,
        socket: SocketId,
        (name, color): (String, &'static str),
        connect: &ConnectRequest,
        fx: &mut Effects<'_>,
    ) {
        let init = InitUser { name: &name, color };
        if fx.can_recover() {
            fx.set_data(socket, &init);
        }
        fx.send(Target::Socket(socket), &Emit::new("initUser").arg(&init).not_recoverable());
        let network = connect.handshake.as_ref().and_then(|handshake| Network::parse(handshake.address()));
        let paid_until = network.and_then(|network| self.debts.take(network)).unwrap_or_default();
        let quiet_until = Time::default();
        self.people.insert(socket, Person { name: name.clone(), color, network, paid_until, quiet_until });
        self.presence.joined(name);
        tell_presence(&mut self.presence, self.people.len(), fx);
    }

    fn say(&mut self, socket: SocketId, event: &Event, fx: &mut Effects<'_>) -> Result<u64, MessageError> {
        let ValidMessage { text } = message::read(event.first_arg(), self.config.max_text)?;
        let count = self.people.len();
        let Some(person) = self.people.get_mut(&socket) else { return Err(MessageError::NotHere) };
        person.spend(&self.config, text.get().len(), fx.now())?;
        self.presence.speaks(&person.name);
        // Ids rise, also after a restart of the server if its clock is the time of day: pages tell messages apart by
        // their ids.
        let id = (self.last_message + 1).max(fx.now().as_millis().saturating_mul(IDS_PER_MILLISECOND));
        self.last_message = id;
        let message =
            Message { description: text, nick_name: &person.name, color: person.color, id, time: fx.now().as_millis() };
        tell_presence(&mut self.presence, count, fx);
        fx.emit(Target::Namespace(&Nsp::ROOT), "message from server", &message);
        Ok(id)
    }

    /// Tells somebody who has not asked for an acknowledgement why a message is refused: a `sys message` of its own,
    /// because the tutorial's page shows that. There is one at most each [`ChatConfig::refusal_interval`], so that a client that
    /// sends much is not answered with as much.
    fn tell_refusal(&mut self, socket: SocketId, error: MessageError, fx: &mut Effects<'_>) {
        let (count, now) = (self.people.len(), fx.now());
        let Some(person) = self.people.get_mut(&socket).filter(|person| person.quiet_until <= now) else { return };
        person.quiet_until = now.after(self.config.refusal_interval);
        let refusal = Refusal::new(error, count, now, &self.config);
        fx.send(Target::Socket(socket), &Emit::new("sys message").arg(&refusal).not_recoverable());
    }
}

/// Sends the notices that are due, and asks to be woken for the others.
fn tell_presence(presence: &mut Presence, count: usize, fx: &mut Effects<'_>) {
    for notice in presence.notices(count, fx.now()) {
        fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("sys message").arg(&notice).not_recoverable());
    }
    if let Some(at) = presence.due() {
        fx.wake_at(at);
    }
}

impl Person {
    /// Pays for a text of so many bytes. If there are too few tokens, returns when there are enough.
    fn spend(&mut self, config: &ChatConfig, bytes: usize, now: Time) -> Result<(), MessageError> {
        // However few there are, a message can be paid for.
        let tokens = bytes.div_ceil(config.bytes_per_token.max(1)).clamp(1, config.burst.max(1) as usize);
        let price = config.interval.saturating_mul(u64::try_from(tokens).unwrap_or(u64::MAX));
        let paid_until = self.paid_until.max(now).after(price);
        let allowed = now.after(config.interval.saturating_mul(u64::from(config.burst)));
        if paid_until > allowed {
            let retry_after = u64::try_from(paid_until.since(allowed).as_millis()).unwrap_or(u64::MAX);
            return Err(MessageError::TooFast { retry_after });
        }
        self.paid_until = paid_until;
        Ok(())
    }
}

impl App for Chat {
    fn connect(&mut self, socket: SocketId, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        let who = self.names.take();
        self.add(socket, who, connect, fx);
    }

    /// A person that is recovered keeps its name. If nobody has been told that it left, nobody is told that it joined.
    fn recover(&mut self, socket: SocketId, earlier: PreviousSocket, connect: &ConnectRequest, fx: &mut Effects<'_>) {
        if let Some(person) = self.people.remove(&earlier.socket) {
            self.people.insert(socket, person);
            return;
        }
        let was = fx.data(socket).and_then(|data| serde_json::from_str(data).ok());
        let taken = was.and_then(|InitUser { name, color }| {
            self.names.take_again(name, color).map(|color| (String::from(name), color))
        });
        match taken {
            Some(who) => self.add(socket, who, connect, fx),
            None => self.connect(socket, connect, fx),
        }
    }

    fn event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        if event.name() != "chat message" {
            return;
        }
        match (self.say(socket, event, fx), ack) {
            (Ok(id), Some(ack)) => fx.ack(ack, &Accepted { ok: true, id }),
            (Ok(_), None) => {}
            (Err(error), Some(ack)) => fx.ack(ack, &error.to_json(&self.config)),
            (Err(error), None) => self.tell_refusal(socket, error, fx),
        }
    }

    fn disconnect(&mut self, socket: SocketId, _reason: Reason, fx: &mut Effects<'_>) {
        if let Some(person) = self.people.remove(&socket) {
            self.names.give_back(&person.name);
            if let Some(network) = person.network {
                self.debts.keep(network, person.paid_until, fx.now());
            }
            self.presence.left(person.name);
            tell_presence(&mut self.presence, self.people.len(), fx);
        }
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        tell_presence(&mut self.presence, self.people.len(), fx);
    }
}
