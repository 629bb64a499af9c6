//! Outgoing Socket.IO packets: makes the frame that everybody who is to get a packet shares. Knows both forms of a packet,
//! and no recipient but by revision.

use super::msgpack;
use super::nsp::Nsp;
use crate::config::Protocol;
use crate::frame::{Frame, Revision};
use crate::id::Sid;
use alloc::format;
use alloc::string::String;
use bytes::Bytes;
use core::fmt::Write as _;

/// The types of packet, as their digits. With attachments, 2 is 5 and 3 is 6.
const CONNECT: u8 = 0;
const DISCONNECT: u8 = 1;
const EVENT: u8 = 2;
const ACK: u8 = 3;
const CONNECT_ERROR: u8 = 4;

/// An event, in the parts that the application gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// JSON: a string.
    pub(crate) name: &'a str,
    /// JSON values with commas between them.
    pub(crate) args: &'a str,
    pub(crate) attachments: &'a [Bytes],
    /// Set where an ack is asked for.
    pub(crate) id: Option<u64>,
    /// What EIO=4 clients get as one more argument, a string, to know where they are if they come back.
    pub(crate) offset: Option<&'a str>,
    /// Whether there are EIO=3 clients, who do not.
    pub(crate) for_v3: bool,
}

/// An EVENT.
pub(crate) fn event(protocol: Protocol, nsp: &Nsp, parts: Parts<'_>) -> Frame {
    let Parts { name, args, attachments, id, offset, for_v3 } = parts;
    let comma = if args.is_empty() { "" } else { "," };
    let plain = || format!("[{name}{comma}{args}]");
    let Some(offset) = offset else { return packet(protocol, EVENT, nsp, id, &plain(), attachments) };
    // An offset has nothing in it to escape.
    let told = format!(r#"[{name}{comma}{args},"{offset}"]"#);
    match protocol {
        _ if !for_v3 => packet(protocol, EVENT, nsp, id, &told, attachments),
        Protocol::SocketIoMsgPack => {
            let frame = |data: &str| packet(protocol, EVENT, nsp, id, data, attachments);
            frame(&told).with_v3(frame(&plain()))
        }
        Protocol::SocketIo | Protocol::EngineIo => {
            let head = |data: &str| text(EVENT, nsp, id, data, attachments.len());
            Frame::new(head(&told), attachments).with_v3_text(head(&plain()))
        }
    }
}

/// An ACK. `args` is JSON values with commas between them.
pub(crate) fn ack(protocol: Protocol, nsp: &Nsp, id: u64, args: &str, attachments: &[Bytes]) -> Frame {
    packet(protocol, ACK, nsp, Some(id), &format!("[{args}]"), attachments)
}

/// The answer to a CONNECT: the socket's public id, and its credential for coming back. EIO=3 clients work their ids out by
/// themselves.
pub(crate) fn connect(protocol: Protocol, revision: Revision, nsp: &Nsp, id: Sid, pid: Option<Sid>) -> Frame {
    // Ids are URL-safe base64, nothing to escape.
    let data = match (revision, pid) {
        (Revision::V3, _) => String::new(),
        (Revision::V4, None) => format!(r#"{{"sid":"{id}"}}"#),
        (Revision::V4, Some(pid)) => format!(r#"{{"sid":"{id}","pid":"{pid}"}}"#),
    };
    packet(protocol, CONNECT, nsp, None, &data, &[])
}

/// The refusal of a CONNECT. `payload` is JSON.
pub(crate) fn connect_error(protocol: Protocol, nsp: &Nsp, payload: &str) -> Frame {
    packet(protocol, CONNECT_ERROR, nsp, None, payload, &[])
}

/// A DISCONNECT.
pub(crate) fn disconnect(protocol: Protocol, nsp: &Nsp) -> Frame {
    packet(protocol, DISCONNECT, nsp, None, "", &[])
}

fn packet(protocol: Protocol, kind: u8, nsp: &Nsp, id: Option<u64>, data: &str, attachments: &[Bytes]) -> Frame {
    match protocol {
        Protocol::SocketIoMsgPack => {
            let data = Some(data).filter(|data| !data.is_empty());
            Frame::binary(msgpack::encode(kind, nsp.as_str(), id, data, attachments).into())
        }
        Protocol::SocketIo | Protocol::EngineIo => {
            Frame::new(text(kind, nsp, id, data, attachments.len()), attachments)
        }
    }
}

/// Engine.IO's `4`, then the packet: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`.
fn text(kind: u8, nsp: &Nsp, id: Option<u64>, data: &str, attachments: usize) -> String {
    /// Digits and punctuation.
    const HEAD: usize = 48;
    let mut text = String::with_capacity(HEAD + nsp.as_str().len() + data.len());
    // Writing to a `String` does not fail.
    let _ = match attachments {
        0 => write!(text, "4{kind}"),
        n => write!(text, "4{}{n}-", kind + 3),
    };
    if !nsp.is_root() {
        text.push_str(nsp.as_str());
        text.push(',');
    }
    if let Some(id) = id {
        let _ = write!(text, "{id}");
    }
    text.push_str(data);
    text
}
