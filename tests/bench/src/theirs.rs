//! The work done by `engineioxide-core`, `socketioxide-core` and `socketioxide-parser-common`, in the order in which their
//! server calls them: the Engine.IO packet, the Socket.IO packet, the event's name.
//!
//! What comes in is a reference-counted text, as their WebSocket hands it up; a clone of one costs a counter. Decoding a packet
//! does not look at its JSON; reading the event's name does, from end to end, and so does the value that an application
//! wants. It is not checked how deep the JSON is, nor whether the name is a reserved one, nor how many attachments there
//! are placeholders for. Attachments are copied, and put where their placeholders were when a value is wanted. There is no
//! session and no queue: their server has tasks and channels for what ours does in `binary_event`.

use crate::inputs::{NAME, Picture};
use bytes::Bytes;
use engineioxide_core::payload::{decoder, encoder};
use engineioxide_core::{Packet as EnginePacket, ProtocolVersion, Str};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use http::HeaderValue;
use http_body_util::Full;
use sanket::Revision;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::smallvec;
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet, PacketData};
use socketioxide_core::parser::{Parse as _, ParseConfig, ParseError, ParserState};
use socketioxide_parser_common::CommonParser;
use std::pin::pin;

/// As much as our server takes.
const MAX_PAYLOAD: u64 = 1 << 30;

/// A parser with a client's state.
#[derive(Debug, Default)]
pub struct Side {
    config: ParseConfig,
    state: ParserState,
}

fn version(revision: Revision) -> ProtocolVersion {
    match revision {
        Revision::V3 => ProtocolVersion::V3,
        Revision::V4 => ProtocolVersion::V4,
    }
}

fn value_of(packet: &mut Packet) -> &mut Value {
    match &mut packet.inner {
        PacketData::Event(value, _) | PacketData::BinaryEvent(value, _) => value,
        other => panic!("no event: {other:?}"),
    }
}

/// The JSON of an event's arguments, the name before them.
fn json(value: &Value) -> &str {
    value.as_str().expect("the common parser has text")
}

impl Side {
    fn packet(&self, text: &Str) -> Packet {
        let packet = EnginePacket::parse(ProtocolVersion::V4, text.clone()).expect("an Engine.IO packet");
        CommonParser.decode_str(&self.config, &self.state, packet.into_message()).expect("a packet")
    }

    /// See the crate. The name is given to `with` as it is, not as JSON.
    pub fn event<R>(&self, text: &Str, with: impl FnOnce(&str, &str) -> R) -> R {
        let mut packet = self.packet(text);
        let value = value_of(&mut packet);
        let name = CommonParser.read_event(value).expect("a name");
        with(name, json(value))
    }

    /// See the crate.
    pub fn typed<T: DeserializeOwned>(&self, text: &Str) -> T {
        let mut packet = self.packet(text);
        let value = value_of(&mut packet);
        CommonParser.read_event(value).expect("a name");
        CommonParser.decode_value(value, true).expect("what was asked for")
    }

    /// See the crate. What their WebSocket hands up is copied by their parser, as it is by ours.
    pub fn binary_event(&self, text: &Str, data: &Bytes) -> Packet {
        let announced = EnginePacket::parse(ProtocolVersion::V4, text.clone()).expect("an Engine.IO packet");
        match CommonParser.decode_str(&self.config, &self.state, announced.into_message()) {
            Err(ParseError::NeedsMoreBinaryData) => {}
            other => panic!("nothing announced: {other:?}"),
        }
        let mut packet = CommonParser.decode_bin(&self.config, &self.state, data.clone()).expect("an attachment");
        CommonParser.read_event(value_of(&mut packet)).expect("a name");
        packet
    }

    /// See the crate. The body is in one piece.
    pub fn packets(&self, revision: Revision, body: &Bytes, mut with: impl FnMut(Str)) {
        let text = HeaderValue::from_static("text/plain;charset=UTF-8");
        let mut packets = pin!(decoder(Full::new(body.clone()), Some(&text), version(revision), MAX_PAYLOAD));
        while let Some(packet) = packets.next().now_or_never().expect("nothing to wait for") {
            with(packet.expect("an Engine.IO packet").into_message());
        }
    }

    /// See the crate.
    pub fn events(&self, revision: Revision, body: &Bytes, mut with: impl FnMut(&str, &str)) {
        self.packets(revision, body, |message| {
            let mut packet = CommonParser.decode_str(&self.config, &self.state, message).expect("a packet");
            let value = value_of(&mut packet);
            with(CommonParser.read_event(value).expect("a name"), json(value));
        });
    }

    fn emitted(&self, value: &impl Serialize) -> (String, Option<Bytes>) {
        let value = CommonParser.encode_value(value, Some(NAME)).expect("a value that can be written");
        match CommonParser.encode(Packet::event("/", value)) {
            Value::Str(text, data) => {
                // What is sent as a binary message is sent as it is.
                (EnginePacket::Message(text).into(), data.and_then(|mut data| data.pop_front()))
            }
            Value::Bytes(_) => panic!("the common parser has text"),
        }
    }

    /// See the crate.
    pub fn encode_event(&self, value: &impl Serialize) -> String {
        self.emitted(value).0
    }

    /// See the crate. The placeholder is written where bytes are.
    pub fn encode_binary_event(&self, picture: &Picture) -> (String, Bytes) {
        let (text, data) = self.emitted(picture);
        (text, data.expect("an attachment"))
    }

    /// See the crate.
    pub fn encode_packets(&self, revision: Revision, packets: &[Str]) -> Bytes {
        let packets = packets.iter().map(|text| smallvec![EnginePacket::Message(text.clone())]);
        let encoded = encoder(stream::iter(packets), version(revision), true, MAX_PAYLOAD);
        encoded.now_or_never().expect("nothing to wait for").data
    }
}

/// The text of a message, as their WebSocket hands it up.
pub fn shared(text: &str) -> Str {
    // Not made of a `String`: that would be the same but for a counter that the first clone makes.
    Str::copy_from_slice(text)
}

/// Events that are encoded already, as queues hold them: without the digit of Engine.IO.
pub fn queued(texts: &[String]) -> Vec<Str> {
    texts.iter().map(|text| shared(text.get(1..).unwrap_or_default())).collect()
}
