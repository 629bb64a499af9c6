//! What the driver checks whenever it has called the shard: outputs, events, packets, and what must be true in between.

use super::*;

impl Driver {
    /// Takes what the shard has to say to a call about `asked`.
    pub(super) fn drain(&mut self, asked: Key) {
        let mut closed = None;
        while let Some((from, event)) = self.shard.poll_event() {
            self.take_event(from, &event);
        }
        assert!(!self.shard.has_events() && !self.shard.is_backlogged());
        while let Some((key, output)) = self.shard.poll_output() {
            assert!(key == asked || Some(key) == self.key(0), "{output:?} for {key:?}");
            match output {
                Output::Respond(id, response) => {
                    assert!(self.waiting.remove(&id), "{id:?} does not wait for an answer");
                    self.read(response);
                }
                Output::WsReady(id) => {
                    let wire = self.wires.get_mut(&id).expect("a WebSocket");
                    assert!(!wire.closed && !wire.ready, "{id:?} is {wire:?}");
                    wire.ready = true;
                }
                Output::WsClose(id) => self.wires.get_mut(&id).expect("a WebSocket").closed = true,
                Output::Closed(reason) => {
                    assert!(self.live && Some(key) == self.key(0), "{key:?} ended twice");
                    self.live = false;
                    closed = Some(reason);
                }
            }
        }
        if let Some(reason) = closed {
            assert!(
                self.sockets.values().all(|socket| socket.status == Status::Disconnected),
                "{:?} at {reason}",
                self.sockets
            );
        }
        self.check();
    }

    /// What must be true whenever the shard has been drained.
    pub(super) fn check(&mut self) {
        assert_eq!(self.shard.len(), usize::from(self.live));
        let Some(key) = self.key(0).filter(|_| self.live) else {
            assert!(self.waiting.is_empty(), "{:?} wait for nobody", self.waiting);
            assert!(self.wires.values().all(|wire| wire.closed), "{:?}", self.wires);
            return;
        };
        let at = self.shard.poll_timeout().expect("a deadline");
        assert!(at <= self.now.after(LONG), "{at} is long after {}", self.now);
        let queued = self.shard.queued(key);
        assert!(queued <= self.config.max_queue.max(self.largest), "{queued} bytes wait");
        // A POST whose body is to come may wait, and one GET; the GET only for something to say.
        let polls = self.waiting.iter().filter(|id| !self.begun.contains(id)).count();
        assert!(polls <= 1 && (polls == 0 || queued == 0), "{polls} GETs and {queued} bytes wait for each other");
        assert!(self.waiting.len() - polls <= 1, "two POSTs are read");
        let open = self.wires.values().filter(|wire| !wire.closed).count();
        assert!(open <= 1, "{open} WebSockets");
        let on_websocket =
            self.shard.route(self.keys[self.keys.len() - 1].1, Some(self.revision()), Ask::Poll, self.now).is_err();
        let ready = self.wires.values().any(|wire| wire.ready && !wire.closed);
        assert!(!on_websocket || queued == 0 || ready, "{queued} bytes that nobody knows of");
    }

    pub(super) fn take_event(&mut self, from: SocketId, event: &SocketEvent) {
        assert!(self.live && Some(from.key) == self.key(0), "{event:?} of a stranger");
        if let SocketEvent::Connect(connect) = event {
            let alone = self.sockets.values().filter(|socket| socket.status != Status::Disconnected);
            assert!(alone.clone().all(|socket| socket.nsp != connect.nsp.as_str()), "{connect:?} again");
            assert!(alone.count() < self.config.max_namespaces);
            let socket = Socket { nsp: connect.nsp.as_str().to_owned(), status: Status::Requested };
            assert!(self.sockets.insert(from, socket).is_none(), "{from:?} connected twice");
            return;
        }
        let socket = self.sockets.get_mut(&from).unwrap_or_else(|| panic!("{event:?} of nobody"));
        match event {
            SocketEvent::Event(received) | SocketEvent::Ack { answer: received, .. } => {
                assert_eq!(socket.status, Status::Connected, "{event:?}");
                if self.counts {
                    check_attachments(received);
                }
            }
            // Where Engine.IO is alone there is no CONNECT that a client could wait for.
            SocketEvent::Message(_) => assert_ne!(socket.status, Status::Disconnected, "{event:?}"),
            SocketEvent::Disconnect(_) => {
                assert_ne!(socket.status, Status::Disconnected, "{event:?}");
                socket.status = Status::Disconnected;
            }
            SocketEvent::Connect(_) => {}
        }
    }

    pub(super) fn read(&mut self, response: Response) {
        let revision = self.revision();
        let batch = matches!(response, Response::Batch(_));
        let (status, kind, body) = response.into_parts();
        assert!(matches!(status, 200 | 400 | 413), "{status}");
        if batch {
            let kind = if kind == "application/octet-stream" { BodyKind::Binary } else { BodyKind::Text };
            for packet in decode_payload(revision, kind, &body, usize::MAX) {
                self.hear(packet.expect("a packet"));
            }
            assert!(self.following.is_empty(), "{:?} is missing", self.following);
        }
    }

    /// What the client hears is what it is owed: nothing is lost, doubled, or out of order.
    pub(super) fn hear(&mut self, packet: Packet<PacketData<'_>>) {
        match packet {
            Packet::Message(PacketData::Text(text)) => {
                assert!(self.following.is_empty(), "{text} among attachments");
                let Some(rest) = text.strip_prefix("2[\"n\",") else { return };
                let number = rest.split_once(',').and_then(|(number, _)| number.parse().ok()).expect("a number");
                self.hear_number(number);
            }
            Packet::Message(PacketData::Binary(data)) => {
                if let Some(wanted) = self.following.pop_front() {
                    assert_eq!(wanted, *data);
                }
            }
            _ => assert!(self.following.is_empty(), "{packet:?} among attachments"),
        }
    }

    pub(super) fn hear_number(&mut self, number: u64) {
        loop {
            let owed = self.owed.pop_front().unwrap_or_else(|| panic!("{number} is not owed"));
            if owed.number == number {
                self.following = owed.attachments.into();
                break;
            }
            assert!(owed.volatile, "{owed:?} is lost, {number} came");
        }
    }

    /// After the longest deadline of all there is nothing left.
    pub(in crate::fuzz) fn finish(mut self) {
        self.advance(LONG);
        assert!(!self.live && self.shard.is_empty(), "the session is left");
        assert_eq!(self.shard.population().incomplete(), 0, "bytes of packets that nobody waits for");
        assert_eq!(self.waiting, BTreeSet::new(), "requests were never answered");
        // Looks at who is gone may be left.
        self.advance(LONG);
        assert_eq!(self.shard.poll_timeout(), None, "a deadline is left");
    }
}

/// The last argument says how many attachments there must be.
fn check_attachments(received: &Event) {
    let args = received.args();
    assert_eq!(args.last().and_then(|n| n.parse().ok()), Some(received.attachments().len()), "{received:?}");
}
