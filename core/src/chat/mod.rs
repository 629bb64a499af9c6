//! The chat room, as one application on the hub: it gives everybody a name and a colour, counts, and passes messages on
//! under the name it gave. Knows sockets, not transports.
//!
//! The events are those of the tutorial that this project began with; fields beyond it carry the same for programs.

mod config;
mod message;
mod names;
mod presence;

use crate::engine::Reason;
use crate::id::SocketId;
use crate::room::{App, Effects, Emit, PreviousSocket, Target};
use crate::socket::{AckId, ConnectRequest, Event, Nsp};
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::string::String;
pub use config::ChatConfig;
use message::{MessageError, ValidMessage};
use names::Names;
use presence::Presence;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// With the time of day this comes to 1.8e15, which JavaScript's numbers still count exactly.
const IDS_PER_MILLISECOND: u64 = 1_000;

/// The chat room.
#[derive(Debug)]
pub struct Chat {
    config: ChatConfig,
    people: BTreeMap<SocketId, Person>,
    names: Names,
    presence: Presence,
    last_message: u64,
}

#[derive(Debug)]
struct Person {
    name: String,
    color: &'static str,
    /// When the messages sent so far will have been paid for, at one an interval.
    paid_until: Time,
}

/// What a newcomer is told about itself.
#[derive(Serialize, Deserialize)]
struct InitUser<'a> {
    name: &'a str,
    color: &'a str,
}

/// A message, as everybody gets it.
#[derive(Serialize)]
struct Message<'a> {
    description: &'a RawValue,
    #[serde(rename = "nickName")]
    nick_name: &'a str,
    color: &'a str,
    id: u64,
    time: u64,
}

/// The ack of a message that was passed on.
#[derive(Serialize)]
struct Accepted {
    ok: bool,
    id: u64,
}

impl Chat {
    /// An empty room. `seed` is where names and colours come from.
    #[must_use]
    pub fn new(config: ChatConfig, seed: u64) -> Self {
        Self {
            presence: Presence::new(config.tick),
            config,
            people: BTreeMap::new(),
            names: Names::new(seed),
            last_message: 0,
        }
    }

    /// How many people are in the room.
    #[must_use]
    pub fn count(&self) -> usize {
        self.people.len()
    }

    fn seat(&mut self, socket: SocketId, name: String, color: &'static str, fx: &mut Effects<'_>) {
        let init = InitUser { name: &name, color };
        if fx.can_recover() {
            fx.set_data(socket, &init);
        }
        fx.send(Target::Socket(socket), &Emit::new("initUser").arg(&init).not_recoverable());
        self.people.insert(socket, Person { name: name.clone(), color, paid_until: fx.now() });
        self.presence.joined(name);
        tell_presence(&mut self.presence, self.people.len(), fx);
    }

    fn say(&mut self, socket: SocketId, event: &Event, fx: &mut Effects<'_>) -> Result<u64, MessageError> {
        let ValidMessage { text } = message::read(event.first_arg(), self.config.max_text)?;
        let count = self.people.len();
        let Some(person) = self.people.get_mut(&socket) else { return Err(MessageError::NotHere) };
        person.spend(&self.config, fx.now())?;
        self.presence.speaks(&person.name);
        // Rising, and still rising after a restart of the server, if its clock is the time of day: pages know messages by it.
        let id = (self.last_message + 1).max(fx.now().as_millis().saturating_mul(IDS_PER_MILLISECOND));
        self.last_message = id;
        let message =
            Message { description: text, nick_name: &person.name, color: person.color, id, time: fx.now().as_millis() };
        tell_presence(&mut self.presence, count, fx);
        fx.emit(Target::Namespace(&Nsp::ROOT), "message from server", &message);
        Ok(id)
    }
}

/// Tells what is to be told by now, and asks to be woken for the rest.
fn tell_presence(presence: &mut Presence, count: usize, fx: &mut Effects<'_>) {
    for notice in presence.notices(count, fx.now()) {
        fx.send(Target::Namespace(&Nsp::ROOT), &Emit::new("sys message").arg(&notice).not_recoverable());
    }
    if let Some(at) = presence.due() {
        fx.wake_at(at);
    }
}

impl Person {
    /// Pays for one message, or says in how many milliseconds it can be paid for.
    fn spend(&mut self, config: &ChatConfig, now: Time) -> Result<(), MessageError> {
        let paid_until = self.paid_until.max(now).after(config.interval);
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
    fn connect(&mut self, socket: SocketId, _connect: &ConnectRequest, fx: &mut Effects<'_>) {
        let (name, color) = self.names.take();
        self.seat(socket, name, color, fx);
    }

    /// Whoever comes back is who it was. If nobody has been told that it had gone, nobody is told that it has come.
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
            Some((name, color)) => self.seat(socket, name, color, fx),
            None => self.connect(socket, connect, fx),
        }
    }

    fn event(&mut self, socket: SocketId, event: &Event, ack: Option<AckId>, fx: &mut Effects<'_>) {
        if event.name() != "chat message" {
            return;
        }
        let result = self.say(socket, event, fx);
        if let Some(ack) = ack {
            match result {
                Ok(id) => fx.ack(ack, &Accepted { ok: true, id }),
                Err(refusal) => fx.ack(ack, &refusal.to_json(&self.config)),
            }
        }
    }

    fn disconnect(&mut self, socket: SocketId, _reason: Reason, fx: &mut Effects<'_>) {
        if let Some(person) = self.people.remove(&socket) {
            self.names.give_back(&person.name);
            self.presence.left(person.name);
            tell_presence(&mut self.presence, self.people.len(), fx);
        }
    }

    fn wake(&mut self, fx: &mut Effects<'_>) {
        tell_presence(&mut self.presence, self.people.len(), fx);
    }
}
