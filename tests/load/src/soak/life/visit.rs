//! Somebody comes in, talks a little, and goes in one of many ways.

use super::Life;
use crate::client::Transport;
use crate::packet::Revision;
use crate::soak::server::{PING_INTERVAL, PING_TIMEOUT};
use crate::soak::session::{Manner, Session};
use crate::soak::wire::{Cut, PATIENCE, Step, Wire, fault};
use crate::ws;
use std::time::{Duration, Instant};

/// The longest visit, in milliseconds.
const LONGEST: u64 = 4_000;
/// When a session that says nothing must have ended: as late as a heartbeat is due, as late as it may be answered, and
/// some time for a machine that has other work.
const SILENCE: Duration = Duration::from_millis(PING_INTERVAL + PING_TIMEOUT + 10_000);
/// Letters of the longest message that somebody sends: of three bytes each.
const LETTERS: usize = 1_000;

/// How a visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With a Close frame, or a close packet.
    Close,
    /// With a DISCONNECT of the namespace, and then as it comes.
    Leave,
    /// With the end of all connections.
    Fin,
    /// With their reset.
    Reset,
    /// With silence, until the server has enough.
    Silence,
    /// In the middle of a request's head.
    InHead,
    /// In the middle of a POST's body.
    InBody,
    /// In the middle of a WebSocket frame.
    InFrame,
    /// With the reset of the poll that waits.
    AbortedPoll,
    /// With a second poll beside the one that waits.
    TwoPolls,
}

/// A visit.
pub(super) fn visit(life: &mut Life<'_>, end: End) -> Step<()> {
    let manner = match end {
        End::InFrame => life.manner_on(Transport::Websocket),
        End::InBody | End::AbortedPoll | End::TwoPolls => life.manner_on(Transport::Polling),
        _ => life.manner(),
    };
    let mut session = life.join(manner)?;
    talk(life, &mut session)?;
    leave(life, session, end)
}

/// Says this and that, and listens.
pub(super) fn talk(life: &mut Life<'_>, session: &mut Session<'_>) -> Step<()> {
    let until = Instant::now() + life.up_to(LONGEST);
    // Some say nothing at all.
    let mut left = life.rng.u8(..4);
    while left > 0 && Instant::now() < until {
        left -= 1;
        say(life, session)?;
        session.listen(life.up_to(LONGEST / 4))?;
    }
    session.listen(until.saturating_duration_since(Instant::now()))
}

fn say(life: &mut Life<'_>, session: &mut Session<'_>) -> Step<()> {
    let id = life.rng.u32(..);
    match life.rng.u8(..10) {
        0..=3 => session.say(br#"42["chat message",{"description":"hello"}]"#),
        4..=6 => {
            session.say(format!(r#"42{id}["chat message",{{"description":"hello?"}}]"#).as_bytes())?;
            acked(session, id)
        }
        7 => {
            let letters = "聊".repeat(life.rng.usize(1..LETTERS));
            let packet = format!(r#"42["chat message",{{"description":"{letters}"}}]"#);
            // Lengths of EIO=3 count letters, which the payload's writer does not.
            if session.manner.revision == Revision::V3 && session.websocket.is_none() {
                let body = format!("{}:{packet}", packet.chars().count());
                return session.post(body.as_bytes()).map(drop);
            }
            session.say(packet.as_bytes())
        }
        8 => session.say(br#"42["nobody knows this",[1,{"a":null}],"x"]"#),
        _ => binary(session),
    }
}

/// An event with an attachment. The chat has no use for it.
fn binary(session: &mut Session<'_>) -> Step<()> {
    session.say(br#"451-["chat message",{"_placeholder":true,"num":0}]"#)?;
    let v3 = session.manner.revision == Revision::V3;
    let Some(wire) = &mut session.websocket else {
        return session.say(if v3 { b"b4AQIDBA==" } else { b"bAQIDBA==" });
    };
    let mut bytes = Vec::new();
    // In EIO=3 the packet's type stands before the attachment.
    ws::binary(&mut bytes, if v3 { &[4, 1, 2, 3, 4] } else { &[1, 2, 3, 4] });
    wire.send(&bytes)
}

/// Waits for an ack.
fn acked(session: &mut Session<'_>, id: u32) -> Step<()> {
    let (until, wanted) = (Instant::now() + PATIENCE, format!("3{id}["));
    loop {
        match session.next(until)? {
            Some(packet) if packet.starts_with(wanted.as_bytes()) => return Ok(()),
            Some(_) => {}
            None => return fault("no ack in time"),
        }
    }
}

fn leave(life: &mut Life<'_>, mut session: Session<'_>, end: End) -> Step<()> {
    // A claim to the session is kept where the server, too, keeps it.
    if matches!(end, End::Fin | End::Reset)
        && let Some(claim) = session.claim.take().filter(|claim| !claim.offset.is_empty())
    {
        life.lost.add(claim);
    }
    match end {
        End::Close => close(&mut session),
        End::Leave => {
            session.say(b"41")?;
            let time = life.up_to(500);
            gone(session.listen(time))
        }
        End::Fin => Ok(()),
        End::Reset => reset(&mut session),
        End::Silence if session.websocket.is_some() => session.ended_within(SILENCE),
        End::Silence => {
            session.take_poll();
            life.place.sleep(Duration::from_millis(PING_INTERVAL + PING_TIMEOUT))?;
            session.ended_within(SILENCE)
        }
        End::InHead => {
            let request = if life.rng.bool() { session.poll_request() } else { session.post_request(b"2") };
            let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(request.len());
            session.wire()?.send(&request[..life.rng.usize(1..head)])
        }
        End::InBody => {
            let request = session.post_request(&b"42[\"chat message\",{}]".repeat(100));
            session.wire()?.send(&request[..request.len() - life.rng.usize(1..1_000)])
        }
        End::InFrame => {
            let mut bytes = Vec::new();
            ws::text(&mut bytes, &[br#"42["chat message",{"description":"never heard"}]"#]);
            let cut = life.rng.usize(1..bytes.len());
            session.websocket.as_mut().map_or(Err(Cut::Closed), |wire| wire.send(&bytes[..cut]))
        }
        End::AbortedPoll => {
            session.poll()?;
            session.take_poll().map_or(Ok(()), |wire| if life.rng.bool() { wire.reset() } else { Ok(()) })
        }
        End::TwoPolls => {
            session.poll()?;
            let mut second = session.wire()?;
            second.send(&session.poll_request())?;
            // Which of the two is the second, the server knows; if it has something to say to the first, neither is.
            second.answer_soon().map(drop)
        }
    }
}

/// A close packet or frame, to which the server has to close.
fn close(session: &mut Session<'_>) -> Step<()> {
    if let Some(wire) = &mut session.websocket {
        let mut bytes = Vec::new();
        ws::close(&mut bytes);
        wire.send(&bytes)?;
    } else {
        session.say(b"1")?;
    }
    session.ended_within(PATIENCE)
}

fn reset(session: &mut Session<'_>) -> Step<()> {
    let poll = session.take_poll();
    [session.websocket.take(), poll].into_iter().flatten().try_for_each(Wire::reset)
}

/// Where the server may end the session, or not.
pub(super) fn gone(step: Step<()>) -> Step<()> {
    match step {
        Err(Cut::Closed) => Ok(()),
        other => other,
    }
}

/// A manner on a transport without a say in the rest.
pub(super) fn on(life: &mut Life<'_>, transport: Transport, revision: Revision) -> Manner {
    Manner { revision, ..life.manner_on(transport) }
}
