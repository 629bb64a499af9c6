//! The sockets of one client: packets in any order, also such as no decoder returns, and deliveries that may be for
//! sockets that are gone. `driver` has the checks.

use super::driver::{self, Driver};
use super::session::someone;
use crate::script::Script;
use bytes::Bytes;
use sanket::codec::{Kind, Packet, PacketData, SocketMessage, SocketPacket, SocketPacketError};
use sanket::driver::{Delivery, Frame, Input, Packets};
use sanket::{Protocol, Reason, Revision, SocketId};

/// A client's namespaces. The last is never asked for.
const NAMESPACES: [&str; 4] = ["/", "/a", "/b", "/c"];

/// A client's life on Socket.IO.
pub fn client(data: &[u8]) {
    let mut script = Script::new(data);
    let flags = script.byte();
    let protocol = [Protocol::SocketIo, Protocol::SocketIoMsgPack, Protocol::EngineIo][usize::from(flags & 3).min(2)];
    let mut driver = Driver::new(driver::config(protocol));
    driver.counts = true;
    let revision = if flags & 4 == 0 { Revision::V4 } else { Revision::V3 };
    let opening = if flags & 8 == 0 { None } else { Some(flags & 16 == 0) };
    driver.open(revision, opening, false);
    while !script.is_over() {
        step(&mut script, &mut driver, revision, opening);
    }
    driver.finish();
}

fn step(script: &mut Script<'_>, driver: &mut Driver, revision: Revision, polling: Option<bool>) {
    match script.below(16) {
        what @ 0..=6 => {
            let message = message(script, what);
            let wire = driver.wire(0);
            if polling.is_none() {
                driver.message(wire, Ok(Packet::Message(message)));
            } else {
                driver.post(0, Packets { packets: vec![Packet::Message(message)], error: None });
            }
        }
        7 => drop(driver.ask(0, Input::Poll)),
        8 => driver.transmit(driver.wire(0), 8 * script.below(256)),
        9 => {
            if let Some(to) = anyone(script, driver) {
                driver.deliver(to, Delivery::Accept(Some(Frame::new("40".into(), &[]))));
            }
        }
        10 | 11 => {
            if let Some(to) = anyone(script, driver) {
                let flags = script.byte();
                driver.emit(to, 16 * usize::from(flags >> 2), usize::from(flags & 3), flags == 3);
            }
        }
        12 => {
            if let Some(to) = anyone(script, driver) {
                let delivery = match script.below(6) {
                    0 => Delivery::Refuse(Frame::new("44{}".into(), &[])),
                    1 => Delivery::Disconnect,
                    2 => Delivery::Detach,
                    3 => Delivery::Close(Reason::ServerNamespaceDisconnect),
                    4 => Delivery::Close(Reason::ServerShuttingDown),
                    _ => Delivery::Accept(None),
                };
                driver.deliver(to, delivery);
            }
        }
        13 => driver.advance(u64::from(script.byte()) * 4),
        14 => {
            // A heartbeat of either side.
            let beat = if revision == Revision::V4 { Packet::Pong } else { Packet::Ping { probe: false } };
            driver.message(driver.wire(0), Ok(beat));
        }
        _ => driver.open(revision, polling, false),
    }
}

/// A packet, or an attachment.
fn message(script: &mut Script<'_>, what: usize) -> SocketMessage<'static> {
    let nsp = NAMESPACES[script.below(NAMESPACES.len())];
    let n = script.below(4);
    let id = Some(u64::from(script.byte())).filter(|id| *id > 0);
    // The last argument says how many attachments there are.
    let (args, name) = (format!("[\"e\",{n}]"), 1..4);
    let packet = |kind| SocketMessage::Packet(SocketPacket { nsp: nsp.into(), kind });
    match what {
        0 => packet(Kind::Connect { auth: ["", "{}", "{\"a\":1}", "{\"pid\":\"AAAAAAAAAAAAAAAAAAAAAA\"}"][n].into() }),
        1 | 2 => packet(Kind::Event { id, args: args.into(), name, attachments: n }),
        3 => packet(Kind::Ack { id, args: format!("[{n}]").into(), attachments: n }),
        4 => SocketMessage::Attachment(vec![7; 16 * n + 1].into()),
        5 => {
            let attachments = vec![Bytes::from_static(b"abc"); n];
            let packet = match id {
                None => SocketPacket { nsp: nsp.into(), kind: Kind::Connect { auth: "".into() } },
                Some(1..128) => {
                    SocketPacket { nsp: nsp.into(), kind: Kind::Event { id, args: args.into(), name, attachments: n } }
                }
                Some(_) => SocketPacket {
                    nsp: nsp.into(),
                    kind: Kind::Ack { id, args: format!("[{n}]").into(), attachments: n },
                },
            };
            SocketMessage::Whole(packet, attachments)
        }
        _ => match n {
            0 => packet(Kind::Disconnect),
            1 => packet(Kind::ConnectError),
            2 => SocketMessage::Raw(PacketData::Text("raw")),
            _ => SocketMessage::Malformed(SocketPacketError::Data),
        },
    }
}

/// One of the client's sockets, or a stranger.
fn anyone(script: &mut Script<'_>, driver: &Driver) -> Option<SocketId> {
    let someone = someone(script, driver)?;
    Some(match script.below(8) {
        0 => SocketId { serial: someone.serial.wrapping_add(1), ..someone },
        1 => driver.before(someone),
        _ => someone,
    })
}
