//! Encodes outgoing Socket.IO packets as frames, which all their recipients share.

use super::check::plain;
use super::msgpack;
use super::nsp::Nsp;
use super::write::to_json;
use crate::config::Protocol;
use crate::frame::{Frame, Revision};
use crate::id::Sid;
use alloc::vec::Vec;
use bytes::Bytes;

/// The types of packets, as their digits. With attachments, 2 becomes 5, and 3 becomes 6.
const CONNECT: u8 = 0;
const DISCONNECT: u8 = 1;
const EVENT: u8 = 2;
const ACK: u8 = 3;
const CONNECT_ERROR: u8 = 4;
/// The difference of the type with attachments.
const BINARY: u8 = 3;

/// The parts of an event, as the application gives them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventParts<'a> {
    pub(crate) name: &'a str,
    /// JSON values with commas between them.
    pub(crate) args: &'a str,
    pub(crate) attachments: &'a [Bytes],
}

/// Options that change the form of an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EncodeOptions<'a> {
    /// The id of the acknowledgement, if the application asks for one.
    pub(crate) id: Option<u64>,
    /// The offset of recovery, which EIO=4 clients get as one more argument, a string.
    pub(crate) offset: Option<&'a str>,
    /// Whether there are EIO=3 clients. They get no offset.
    pub(crate) for_v3: bool,
    /// Whether the frame is kept after it has been sent.
    pub(crate) kept: bool,
}

/// An EVENT.
pub(crate) fn event(protocol: Protocol, nsp: &Nsp, parts: EventParts<'_>, options: EncodeOptions<'_>) -> Frame {
    let (EventParts { name, args, attachments }, EncodeOptions { id, offset, for_v3, kept }) = (parts, options);
    // Nearly every name is written without escapes.
    let escaped = if plain(name.as_bytes(), 0) == name.len() { None } else { Some(to_json(name)) };
    let (open, name, between) = match (&escaped, args.is_empty()) {
        (None, true) => ("[\"", name, "\""),
        (None, false) => ("[\"", name, "\","),
        (Some(name), true) => ("[", &**name, ""),
        (Some(name), false) => ("[", &**name, ","),
    };
    let plain = [open, name, between, args, "]"];
    // An offset needs no escapes.
    let told = offset.map(|offset| [open, name, between, args, ",\"", offset, "\"]"]);
    let data = told.as_ref().map_or(&plain[..], |told| &told[..]);
    let mut frame = packet(protocol, EVENT, nsp, id, data, attachments);
    if for_v3 || kept {
        frame = frame.with_copies();
    }
    match protocol {
        _ if !for_v3 || offset.is_none() => frame,
        Protocol::SocketIoMsgPack => frame.with_v3(packet(protocol, EVENT, nsp, id, &plain, attachments).with_copies()),
        Protocol::SocketIo | Protocol::EngineIo => frame.with_v3_text(text(EVENT, nsp, id, &plain, attachments.len())),
    }
}

/// An ACK. `args` are JSON values with commas between them.
pub(crate) fn ack(protocol: Protocol, nsp: &Nsp, id: u64, args: &str, attachments: &[Bytes]) -> Frame {
    packet(protocol, ACK, nsp, Some(id), &["[", args, "]"], attachments)
}

/// The reply to a CONNECT, with the socket's public id, and its private id if it can be recovered. EIO=3 clients know
/// their public id without it.
pub(crate) fn connect(protocol: Protocol, revision: Revision, nsp: &Nsp, id: Sid, pid: Option<Sid>) -> Frame {
    // Ids are URL-safe base64, which needs no escapes.
    let (id, pid) = (id.text(), pid.map(Sid::text));
    let (between, pid) = pid.as_ref().map_or(("", ""), |pid| (r#"","pid":""#, pid.as_str()));
    let data = [r#"{"sid":""#, id.as_str(), between, pid, r#""}"#];
    let data = match revision {
        Revision::V3 => &[],
        Revision::V4 => &data[..],
    };
    packet(protocol, CONNECT, nsp, None, data, &[])
}

/// A CONNECT_ERROR. `payload` is JSON.
pub(crate) fn connect_error(protocol: Protocol, nsp: &Nsp, payload: &str) -> Frame {
    packet(protocol, CONNECT_ERROR, nsp, None, &[payload], &[])
}

/// A DISCONNECT.
pub(crate) fn disconnect(protocol: Protocol, nsp: &Nsp) -> Frame {
    packet(protocol, DISCONNECT, nsp, None, &[], &[])
}

/// `data` is JSON in parts.
fn packet(protocol: Protocol, kind: u8, nsp: &Nsp, id: Option<u64>, data: &[&str], attachments: &[Bytes]) -> Frame {
    match protocol {
        Protocol::SocketIoMsgPack => {
            let data = Some(data.concat()).filter(|data| !data.is_empty());
            Frame::binary(msgpack::encode(kind, nsp.as_str(), id, data.as_deref(), attachments).into())
        }
        Protocol::SocketIo | Protocol::EngineIo => {
            Frame::encoded(text(kind, nsp, id, data, attachments.len()), attachments)
        }
    }
}

/// The type digit `4` of Engine.IO, then the packet: `<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`. Its
/// capacity is its length, because it becomes a frame as it is.
fn text(kind: u8, nsp: &Nsp, id: Option<u64>, data: &[&str], attachments: usize) -> Vec<u8> {
    let mut digits = itoa::Buffer::new();
    let id = id.map_or("", |id| digits.format(id));
    let mut digits = itoa::Buffer::new();
    let owed = if attachments == 0 { "" } else { digits.format(attachments) };
    let owed_len = if owed.is_empty() { 0 } else { owed.len() + 1 };
    let nsp_len = if nsp.is_root() { 0 } else { nsp.as_str().len() + 1 };
    let data_len: usize = data.iter().map(|piece| piece.len()).sum();
    let mut text = Vec::with_capacity(2 + owed_len + nsp_len + id.len() + data_len);
    text.extend_from_slice(&[b'4', b'0' + kind + if owed.is_empty() { 0 } else { BINARY }]);
    if !owed.is_empty() {
        text.extend_from_slice(owed.as_bytes());
        text.push(b'-');
    }
    if !nsp.is_root() {
        text.extend_from_slice(nsp.as_str().as_bytes());
        text.push(b',');
    }
    if !id.is_empty() {
        text.extend_from_slice(id.as_bytes());
    }
    data.iter().for_each(|piece| text.extend_from_slice(piece.as_bytes()));
    debug_assert_eq!(text.len(), text.capacity());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(name: &str, args: &str, offset: Option<&str>) -> Frame {
        let options = EncodeOptions { id: Some(12), offset, for_v3: true, kept: false };
        event(Protocol::SocketIo, &Nsp::new("/a"), EventParts { name, args, attachments: &[] }, options)
    }

    #[test]
    fn an_event_is_an_array() {
        for (name, args, offset, v4, v3) in [
            ("n", "", None, r#"42/a,12["n"]"#, r#"42/a,12["n"]"#),
            ("n", "1,[2]", None, r#"42/a,12["n",1,[2]]"#, r#"42/a,12["n",1,[2]]"#),
            ("n", "1", Some("o"), r#"42/a,12["n",1,"o"]"#, r#"42/a,12["n",1]"#),
            ("n", "", Some("o"), r#"42/a,12["n","o"]"#, r#"42/a,12["n"]"#),
            ("\"é\n", "", None, r#"42/a,12["\"é\n"]"#, r#"42/a,12["\"é\n"]"#),
            ("\\", "{}", Some("o"), r#"42/a,12["\\",{},"o"]"#, r#"42/a,12["\\",{}]"#),
        ] {
            let frame = written(name, args, offset);
            assert_eq!((frame.text(Revision::V4), frame.text(Revision::V3)), (v4, v3));
        }
    }
}
