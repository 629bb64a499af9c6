//! The clients of the simulation: what each does when something has arrived, and how connections break.

use super::*;

impl Simulation {
    pub(super) fn read(&mut self, who: u32, ws: RequestId) {
        let person = self.person(who);
        let (Some(key), true) = (person.key, person.ws == Some(ws)) else { return };
        let queued = self.server.shard.queued(key);
        assert!(queued <= self.config.max_queue, "seed {}: {queued} bytes wait", self.plan.seed);
        let mut messages = std::mem::take(&mut self.messages);
        // In parts, as sockets take it.
        let part = 1 << self.rng.u32(4..16);
        if self.server.shard.transmit(key, ws, part, &mut messages, self.now) {
            let at = self.now.after(1);
            self.plan(at, who, Event::Read(ws));
        }
        self.pump();
        for message in messages.drain(..) {
            if let WsMessage::Text(text) = message {
                self.packet(who, std::str::from_utf8(&text).unwrap_or_default());
            }
        }
        self.messages = messages;
    }

    pub(super) fn answered(&mut self, who: u32, id: RequestId, response: Response) {
        let revision = self.person(who).revision;
        let (status, _, body) = response.into_parts();
        self.trace(u64::from(status), who);
        let person = self.person(who);
        if person.post.take_if(|post| *post == id).is_some() {
            return if status == 200 { self.switch(who) } else { self.reconnect(who) };
        }
        person.poll.take_if(|poll| *poll == id);
        if status != 200 {
            // Refused because it has a WebSocket by now, or because the session is over.
            if self.person(who).ws.is_none() || self.person(who).way == Way::Polling {
                self.reconnect(who);
            }
            return;
        }
        let life = self.person(who).life;
        let text = String::from_utf8_lossy(&body);
        let mut packets = Vec::new();
        match revision {
            Revision::V4 => packets.extend(text.split('\x1e')),
            Revision::V3 => {
                // Nothing here has letters beyond ASCII, so that bytes are UTF-16 units.
                let mut rest = &*text;
                while let Some((length, after)) = rest.split_once(':') {
                    let (packet, more) = after.split_at(length.parse().unwrap_or(after.len()).min(after.len()));
                    packets.push(packet);
                    rest = more;
                }
            }
        }
        for packet in packets {
            self.packet(who, packet);
        }
        let person = self.person(who);
        if person.life != life || (person.ws.is_some() && person.probed) {
            self.switch(who);
            return;
        }
        let id = self.request(who);
        self.person(who).poll = Some(id);
        let at = self.latency();
        self.plan(at, who, Event::Poll(id));
        if self.person(who).way == Way::Upgrade && self.person(who).ws.is_none() && text.contains("40") {
            let ws = self.request(who);
            self.person(who).ws = Some(ws);
            let at = self.arrival(who);
            self.plan(at, who, Event::Upgrade(ws));
            let at = self.arrival(who);
            self.plan(at, who, Event::Say(ws, Words::Probe));
        }
    }

    /// Once nothing is on its way by polling any more: on to the WebSocket.
    pub(super) fn switch(&mut self, who: u32) {
        let person = self.person(who);
        if let (Some(ws), true, None, None) = (person.ws, person.probed, person.poll, person.post) {
            (person.probed, person.switched) = (false, true);
            self.figures.upgrades += 1;
            let at = self.arrival(who);
            self.plan(at, who, Event::Say(ws, Words::Switch));
        }
    }

    pub(super) fn packet(&mut self, who: u32, packet: &str) {
        let head = packet.bytes().take(3).fold(packet.len() as u64, |hash, byte| hash << 8 | u64::from(byte));
        self.trace(head, who);
        self.figures.pings += u64::from(packet == "2");
        let reaction = self.person(who).read(packet);
        self.figures.heard += u64::from(packet.starts_with(r#"42["said""#) && !reaction.doubled);
        self.figures.lost += u64::from(reaction.missing);
        self.figures.doubled += u64::from(reaction.doubled);
        self.figures.not_recovered += u64::from(reaction.fresh);
        if reaction.over {
            self.reconnect(who);
        } else if let Some(words) = reaction.say {
            self.say(who, words);
        }
        if packet == "3probe" {
            self.switch(who);
        }
    }

    /// Somebody's client says something, over whichever transport it is on.
    pub(super) fn say(&mut self, who: u32, words: Words) {
        let at = self.arrival(who);
        let person = self.person(who);
        let is_polling = match person.way {
            Way::WebSocket => false,
            Way::Polling => true,
            Way::Upgrade => !person.switched,
        };
        let id = match (is_polling, person.ws) {
            (false, Some(ws)) => ws,
            (false, None) => return,
            (true, _) => {
                if person.post.is_some() {
                    // One POST at a time.
                    self.plan(at, who, Event::Say(RequestId(0), words));
                    return;
                }
                let id = self.request(who);
                self.person(who).post = Some(id);
                id
            }
        };
        self.plan(at, who, Event::Say(id, words));
    }

    /// What somebody said arrives.
    pub(super) fn hear(&mut self, who: u32, id: RequestId, words: &Words) {
        if id == RequestId(0) {
            return self.say(who, words.clone());
        }
        let person = self.person(who);
        let Some(key) = person.key else { return };
        let room = who / ROOM;
        let text = match words {
            Words::Ping => "2".to_owned(),
            Words::Pong => "3".to_owned(),
            Words::Probe => "2probe".to_owned(),
            Words::Switch => "5".to_owned(),
            Words::Connect(claim) => format!("40{}", claim.as_deref().unwrap_or_default()),
            Words::Join => format!(r#"42["join",{room}]"#),
            Words::Message => format!(r#"42["say",{room},"how are you all doing today?"]"#),
        };
        let revision = person.revision;
        if person.ws == Some(id) {
            let message = decode_message(revision, RawMessage::Text(&text), &self.config);
            self.server.shard.handle(key, Input::WsMessage(id, message), self.now);
        } else if person.post == Some(id) {
            let body = if revision == Revision::V3 { format!("{}:{text}", text.len()) } else { text };
            let packets = decode_body(revision, BodyKind::Text, body.as_bytes(), &self.config);
            self.server.shard.handle(key, Input::Post(id, packets), self.now);
        }
        self.pump();
    }

    /// Somebody says something to the room.
    pub(super) fn speak(&mut self) {
        let pause = 1_000_000 / self.plan.messages.max(1);
        let micros = self.rng.u64(0..=2 * pause);
        self.next_message = self.now.after(micros.div_ceil(1_000).max(1));
        if self.end.since(self.now).as_millis() < u128::from(QUIET) {
            self.next_message = Time::NEVER;
            return;
        }
        // More than one in a millisecond, where there are many.
        for _ in 0..(self.plan.messages / 1_000).max(1) {
            let who = self.rng.u32(..u32::try_from(self.people.len()).unwrap_or(u32::MAX));
            let person = self.person(who);
            if person.joined && person.inside {
                self.figures.said += 1;
                self.say(who, Words::Message);
            }
        }
    }

    /// The network cuts a connection: the server hears of it, or the connection falls silent.
    pub(super) fn cut(&mut self, who: u32) {
        self.figures.cuts += 1;
        let Some(Cuts { silent, .. }) = self.plan.cuts else { return };
        self.trace(2, who);
        // In the end everybody is to hear everything.
        if self.end.since(self.now).as_millis() < u128::from(QUIET) {
            return;
        }
        if self.rng.u8(0..100) >= silent {
            self.hang_up(who);
        }
        self.reconnect(who);
    }

    /// The server hears that somebody's connections are gone.
    pub(super) fn hang_up(&mut self, who: u32) {
        let Person { key: Some(key), ws, poll, post, .. } = *self.person(who) else { return };
        for id in [poll, post].into_iter().flatten() {
            self.server.shard.handle(key, Input::RequestGone(id), self.now);
        }
        if let Some(ws) = ws {
            self.server.shard.handle(key, Input::WsEnd(ws, WsEnd::Closed), self.now);
        }
        self.pump();
    }

    /// Somebody has no connection any more, and makes another one in a while.
    pub(super) fn reconnect(&mut self, who: u32) {
        let away = self.plan.cuts.map_or(RUSH, |cuts| cuts.away * 1_000);
        self.person(who).lose();
        let at = self.now.after(self.rng.u64(50..away.max(51)));
        self.plan(at, who, Event::Arrive);
    }

    /// In the middle everybody's connection breaks.
    pub(super) fn storm(&mut self) {
        if self.stormed || self.elapsed() < self.plan.minutes * 30_000 {
            return;
        }
        self.stormed = true;
        for who in 0..u32::try_from(self.people.len()).unwrap_or(u32::MAX) {
            if self.person(who).key.is_some() {
                self.figures.cuts += 1;
                self.hang_up(who);
                self.reconnect(who);
            }
        }
    }
}
