//! The session of one client: requests, WebSockets and deadlines in any order, also repeated, late, or for a client
//! that is gone. `driver` has the checks.

use super::driver::{self, Driver, Status};
use crate::script::Script;
use sanket::codec::BodyKind;
use sanket::driver::{Ask, Delivery, Frame, Input, RawMessage, WsEnd, decode_body, decode_message};
use sanket::{Config, Protocol, Reason, Revision, SocketId};

/// What clients say, right and wrong.
const TEXTS: [&str; 24] = [
    "40",
    "40/a,",
    "41",
    "42[\"e\",1]",
    "421[\"e\"]",
    "431[]",
    "44{}",
    "452-[\"e\"]",
    "42[]",
    "4",
    "4x",
    "0",
    "1",
    "2",
    "2probe",
    "2x",
    "3",
    "3probe",
    "5",
    "6",
    "7",
    "",
    "bAQID",
    "b4AQID",
];

/// A session's life, and that of those who come after it.
pub fn session(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let protocol = [Protocol::SocketIo, Protocol::SocketIoMsgPack, Protocol::EngineIo][usize::from(flags & 3).min(2)];
    let base = driver::config(protocol);
    let config = Config { upgrades: flags & 4 == 0, websocket: flags & 8 == 0, ..base };
    let mut driver = Driver::new(config);
    while !script.is_over() {
        step(&mut script, &mut driver);
    }
    driver.finish();
}

fn step(script: &mut Script<'_>, driver: &mut Driver) {
    match script.below(24) {
        0 => {
            let flags = script.byte();
            let revision = if flags & 1 == 0 { Revision::V4 } else { Revision::V3 };
            let polling = (flags & 2 == 0).then_some(flags & 4 == 0);
            driver.open(revision, polling, flags & 8 != 0);
        }
        // More often than others.
        1 | 2 => drop(driver.ask(0, Input::Poll)),
        3 => drop(driver.ask(0, Input::PostBegins)),
        4 => {
            let n = script.below(4);
            let (kind, body) = body(script, driver.revision());
            let config = driver.config.clone();
            driver.body(n, Some(decode_body(driver.revision(), kind, &body, &config)));
        }
        5 => driver.body(script.below(4), None),
        6 | 7 => post(script, driver, 0),
        8 => drop(driver.ask(0, Input::PostTooLarge)),
        9 => driver.lose(driver.earlier(script.below(4))),
        10 => drop(driver.ask(0, Input::WsOpen)),
        11 | 12 => {
            let (wire, text) = (driver.wire(script.below(3)), text(script));
            let config = driver.config.clone();
            driver.message(wire, decode_message(driver.revision(), RawMessage::Text(&text), &config));
        }
        13 => {
            let wire = driver.wire(script.below(3));
            let n = script.below(80);
            let config = driver.config.clone();
            driver.message(wire, decode_message(driver.revision(), RawMessage::Binary(script.bytes(n)), &config));
        }
        14 => {
            let wire = driver.wire(script.below(3));
            driver.end(wire, if script.below(2) == 0 { WsEnd::Closed } else { WsEnd::Failed });
        }
        15 | 16 => {
            let wire = driver.wire(script.below(3));
            driver.transmit(wire, 8 * script.below(256));
        }
        17 => driver.advance(u64::from(script.byte()) * 4),
        18 => {
            let millis = driver.now.as_millis().saturating_sub(u64::from(script.byte()));
            driver.timeout(sanket::Time::from_millis(millis));
        }
        // Those that come late, for a client that is gone.
        19 => match script.below(6) {
            0 => drop(driver.ask(1, Input::Poll)),
            1 => drop(driver.ask(1, Input::PostBegins)),
            2 => drop(driver.ask(1, Input::WsOpen)),
            3 => drop(driver.ask(1, Input::PostTooLarge)),
            4 => post(script, driver, 1),
            _ => driver.route(1, Ask::Poll),
        },
        20 => driver.route(0, [Ask::Poll, Ask::Post, Ask::Upgrade, Ask::Nonsense][script.below(4)]),
        21 => driver.shut_down(script.below(16) == 0),
        22 => decide(script, driver),
        _ => {
            if let Some(to) = someone(script, driver) {
                let flags = script.byte();
                driver.emit(to, 16 * usize::from(flags >> 2), usize::from(flags & 3), flags == 3);
            }
        }
    }
}

fn post(script: &mut Script<'_>, driver: &mut Driver, n: usize) {
    let (kind, body) = body(script, driver.revision());
    let config = driver.config.clone();
    driver.post(n, decode_body(driver.revision(), kind, &body, &config));
}

/// What a hub says of sockets: first of all that they are in.
fn decide(script: &mut Script<'_>, driver: &mut Driver) {
    let Some(to) = someone(script, driver) else { return };
    let delivery = match script.below(8) {
        0 => Delivery::Refuse(Frame::new("44{}".into(), &[])),
        1 => Delivery::Disconnect,
        2 => Delivery::Detach,
        3 => Delivery::Close(Reason::ServerNamespaceDisconnect),
        4 => Delivery::Accept(None),
        _ => Delivery::Accept(Some(Frame::new("40".into(), &[]))),
    };
    driver.deliver(to, delivery);
}

/// One of the client's sockets; those who knock come first.
pub(super) fn someone(script: &mut Script<'_>, driver: &Driver) -> Option<SocketId> {
    let requested = driver.sockets.iter().filter(|(_, socket)| socket.status == Status::Requested);
    let others = driver.sockets.iter().filter(|(_, socket)| socket.status != Status::Requested).rev();
    let all: Vec<SocketId> = requested.chain(others).map(|(who, _)| *who).collect();
    (!all.is_empty()).then(|| all[script.below(4) % all.len()])
}

fn text(script: &mut Script<'_>) -> String {
    match script.below(TEXTS.len() + 4) {
        n if n < TEXTS.len() => TEXTS[n].into(),
        _ => {
            let n = script.below(24);
            String::from_utf8_lossy(script.bytes(n)).into_owned()
        }
    }
}

fn body(script: &mut Script<'_>, revision: Revision) -> (BodyKind, Vec<u8>) {
    let flags = script.byte();
    let kind = if flags & 4 == 0 { BodyKind::Text } else { BodyKind::Binary };
    if flags & 8 != 0 {
        let n = script.below(40);
        return (kind, script.bytes(n).to_vec());
    }
    let packets: Vec<String> = (0..=flags & 3).map(|_| text(script)).collect();
    let body = match revision {
        Revision::V4 => packets.join("\x1e"),
        Revision::V3 => packets.iter().map(|text| format!("{}:{text}", text.encode_utf16().count())).collect(),
    };
    (kind, body.into())
}
