//! WebSocket from the client's side, as far as a load tool needs it: the handshake, and frames in buffers. The frames' headers
//! and the keys are tungstenite's; what is not done is its copying, since every received byte here is looked at once.

use crate::fault::{Fault, Result};
use std::io::Cursor;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A request to upgrade, and what its answer has to say.
#[must_use]
pub fn request(host: &str, target: &str) -> (Vec<u8>, String) {
    let key = generate_key();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    (request.into_bytes(), derive_accept_key(key.as_bytes()))
}

/// Appends one whole masked message of text.
pub fn text(out: &mut Vec<u8>, parts: &[&[u8]]) {
    frame(out, OpCode::Data(Data::Text), parts);
}

/// Appends one whole masked message of bytes.
pub fn binary(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, OpCode::Data(Data::Binary), &[payload]);
}

/// Appends a Close frame: a page that is left says 1001, a client that has enough 1000.
pub fn close(out: &mut Vec<u8>) {
    frame(out, OpCode::Control(Control::Close), &[&1000_u16.to_be_bytes()]);
}

/// Appends the answer to a ping of WebSocket's own.
pub fn pong(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, OpCode::Control(Control::Pong), &[payload]);
}

fn frame(out: &mut Vec<u8>, opcode: OpCode, parts: &[&[u8]]) {
    let mask = fastrand::u32(..).to_ne_bytes();
    let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // Writing into a vector does not fail.
    let _ = header.format(length as u64, out);
    let masked = parts.iter().copied().flatten().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    out.extend(masked);
}

/// What a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message of text.
    Text(&'a [u8]),
    /// To be answered with the same.
    Ping(&'a [u8]),
    /// The end.
    Close,
}

/// The whole frames of `data`, one after another; how many bytes they are. The rest is to come again with what follows it.
///
/// # Errors
///
/// If it is no WebSocket, or nothing that a Socket.IO server says to clients that speak text, or a callback fails.
pub fn each_frame(data: &[u8], mut each: impl FnMut(Frame<'_>) -> Result<()>) -> Result<usize> {
    let mut used = 0;
    loop {
        let rest = &data[used..];
        let mut cursor = Cursor::new(rest);
        let parsed = FrameHeader::parse(&mut cursor).map_err(|error| Fault::new(format!("no frame: {error}")))?;
        let Some((header, length)) = parsed else { return Ok(used) };
        // It has just read so many bytes of a slice.
        let (start, length) = (usize::try_from(cursor.position()), usize::try_from(length));
        let (Ok(start), Ok(length)) = (start, length) else { return Err(Fault::new("a frame without end")) };
        let Some(payload) = rest.get(start..start.saturating_add(length)) else { return Ok(used) };
        used += start + length;
        match header.opcode {
            _ if header.mask.is_some() || !header.is_final || header.rsv1 => {
                return Err(Fault::new("a frame that is masked, compressed, or a part"));
            }
            OpCode::Data(Data::Text) => each(Frame::Text(payload))?,
            OpCode::Control(Control::Ping) => each(Frame::Ping(payload))?,
            OpCode::Control(Control::Pong) => {}
            OpCode::Control(Control::Close) => each(Frame::Close)?,
            other => return Err(Fault::new(format!("a frame of an unexpected kind: {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_or_not_at_all() {
        let data = b"\x81\x02ab\x89\x01p\x81\x03c";
        let mut seen = Vec::new();
        let used = each_frame(data, |frame| {
            seen.push(format!("{frame:?}"));
            Ok(())
        });
        assert_eq!(used, Ok(7));
        assert_eq!(seen, ["Text([97, 98])", "Ping([112])"]);
        assert!(each_frame(b"\x01\x02ab", |_| Ok(())).is_err());
    }

    #[test]
    fn what_is_sent_is_masked() {
        let mut out = Vec::new();
        text(&mut out, &[b"4", b"0"]);
        let (mask, payload) = (out[2..6].to_vec(), out[6..].to_vec());
        assert_eq!((out[0], out[1]), (0x81, 0x82));
        assert_eq!([payload[0] ^ mask[0], payload[1] ^ mask[1]], *b"40");
    }
}
