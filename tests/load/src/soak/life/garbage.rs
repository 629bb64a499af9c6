//! What no client sends that means well.

use super::Life;
use super::visit::gone;
use crate::client::Transport;
use crate::http;
use crate::soak::server::MAX_PAYLOAD;
use crate::soak::session::{Manner, frame};
use crate::soak::wire::{Cut, PATIENCE, Step, Wire};
use std::time::Duration;

/// How long somebody waits for what comes of it.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// Bytes that are nothing.
pub(super) fn random_bytes(life: &mut Life<'_>) -> Step<()> {
    let mut wire = Wire::open(life.place, life.from, None)?;
    let count = life.rng.usize(1..4_096);
    let bytes: Vec<u8> = std::iter::repeat_with(|| life.rng.u8(..)).take(count).collect();
    gone(wire.send(&bytes))?;
    wire.drain(AFTERWARDS)
}

/// Packets that are none, in a session that was well opened.
pub(super) fn malformed_packets(life: &mut Life<'_>) -> Step<()> {
    let deep = format!("42[{}", "[".repeat(9_000));
    let packets: [&[u8]; 20] = [
        b"",
        b"4",
        b"9",
        b"42",
        b"42[",
        br#"42{"a":1}"#,
        br#"42["chat message""#,
        b"42[1]",
        br#"4299999999999999999999999["x"]"#,
        br#"451-["chat message",{"_placeholder":true,"num":7}]"#,
        br#"4599999999-["x"]"#,
        b"45",
        b"46",
        b"40/nowhere,",
        b"40/\xff,",
        b"41/never joined,",
        b"4399[]",
        br#"42["disconnect","x"]"#,
        b"b!!!!",
        deep.as_bytes(),
    ];
    let transport = if life.rng.bool() { Transport::Websocket } else { Transport::Polling };
    let manner = life.manner_on(transport);
    let mut session = life.join(manner)?;
    for _ in 0..life.rng.u8(1..4) {
        let packet = packets[life.rng.usize(..packets.len())];
        let said = match life.rng.u8(..3) {
            // A payload that is none.
            0 if session.websocket.is_none() => session.post(&[b"9999:".as_slice(), packet].concat()).map(drop),
            _ => session.say(packet),
        };
        match said {
            // It may be refused in any way.
            Err(Cut::Closed | Cut::Fault(_)) => return Ok(()),
            other => other?,
        }
    }
    gone(session.listen(AFTERWARDS))
}

/// Requests that are refused, and handshakes that are none.
pub(super) fn bad_requests(life: &mut Life<'_>) -> Step<()> {
    let host = &life.place.host;
    let get = |target: &str| http::get(host, target);
    let raw = |lines: &str| format!("{lines}\r\nHost: {host}\r\n\r\n").into_bytes();
    let upgrade = |lines: &str| {
        let head = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket";
        raw(&format!("{head}\r\n{lines}"))
    };
    let requests = [
        get("/socket.io/?EIO=5&transport=polling"),
        get("/socket.io/?transport=polling&EIO"),
        get("/socket.io/?EIO=4&transport=pigeon"),
        get("/socket.io/?EIO=4"),
        get("/socket.io/?EIO=4&transport=polling&sid=nobody"),
        get("/socket.io/?EIO=4&transport=websocket&sid=nobody"),
        get("/socket.io/../../etc/passwd"),
        get("/nowhere"),
        http::post(host, "/socket.io/?EIO=4&transport=polling", b"40"),
        http::post(host, "/socket.io/?EIO=4&transport=polling&sid=nobody", b"40"),
        raw("PUT /socket.io/?EIO=4&transport=polling HTTP/1.1"),
        raw("OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nOrigin: http://elsewhere.example"),
        raw("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nOrigin: http://elsewhere.example"),
        raw("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: two.example"),
        raw("GET /socket.io/?EIO=4&transport=polling HTTP/9.9"),
        raw("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nTransfer-Encoding: gzip"),
        raw("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nContent-Length: -1"),
        upgrade("Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        upgrade("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short"),
        upgrade("Sec-WebSocket-Version: 13"),
        b"\r\n\r\n\r\nGET\r\n\r\n".to_vec(),
    ];
    let mut wire = Wire::open(life.place, life.from, None)?;
    wire.send(&requests[life.rng.usize(..requests.len())])?;
    // With a status, whichever; or, where that is the answer, with the end.
    gone(wire.answer_soon().map(drop))
}

/// Heads, bodies and messages that are larger than anything may be.
pub(super) fn too_much(life: &mut Life<'_>) -> Step<()> {
    let large = vec![b'x'; MAX_PAYLOAD + 1 + life.rng.usize(..MAX_PAYLOAD)];
    match life.rng.u8(..4) {
        0 => {
            let manner = life.manner_on(Transport::Polling);
            let mut session = life.join(manner)?;
            gone(session.post(&large).map(drop))
        }
        1 => {
            let manner = life.manner_on(Transport::Websocket);
            let mut session = life.join(manner)?;
            gone(session.say(&large))?;
            session.ended_within(PATIENCE)
        }
        2 => {
            let mut wire = Wire::open(life.place, life.from, None)?;
            let head = format!("GET /socket.io/?EIO=4&{} HTTP/1.1\r\n", "x".repeat(20_000));
            gone(wire.send(head.as_bytes()))?;
            wire.closed_within(PATIENCE)
        }
        _ => {
            let manner = Manner { jsonp: false, ..life.manner_on(Transport::Polling) };
            let session = life.join(manner)?;
            let request = session.post_request(b"");
            let request =
                String::from_utf8_lossy(&request).replacen("Content-Length: 0", "Content-Length: 99999999999", 1);
            let mut wire = session.wire()?;
            gone(wire.send(request.as_bytes()))?;
            wire.closed_within(PATIENCE)
        }
    }
}

/// WebSocket frames that no client may send.
pub(super) fn bad_frames(life: &mut Life<'_>) -> Step<()> {
    let frames: [&[u8]; 9] = [
        // Unmasked; reserved bits; a reserved opcode.
        b"\x81\x0240",
        b"\xf1\x82\0\0\0\x0040",
        b"\x83\x82\0\0\0\x0040",
        // A continuation of nothing; a ping in parts; a ping that is too long.
        b"\x80\x82\0\0\0\x0040",
        b"\x09\x82\0\0\0\x0040",
        b"\x89\xfe\x01\0\0\0\0\0",
        // Lengths that nobody has; text that is none; a Close of one byte.
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\x81\x82\0\0\0\0\xff\xfe",
        b"\x88\x81\0\0\0\0\x03",
    ];
    let manner = life.manner_on(Transport::Websocket);
    let mut session = life.join(manner)?;
    if life.rng.bool() {
        // Half of a message, so that there is something to throw away.
        let half = session.websocket.as_mut().map_or(Ok(()), |wire| wire.send(b"\x01\x82\0\0\0\x0042"));
        gone(half)?;
    }
    let Some(wire) = &mut session.websocket else { return Ok(()) };
    if life.rng.u8(..20) == 0 {
        // What is not the end of the session, but its beginning again.
        return gone(frame(wire, b"2probe"));
    }
    gone(wire.send(frames[life.rng.usize(..frames.len())]))?;
    wire.closed_within(PATIENCE)
}
