//! The Engine.IO session's transitions, all of them, as one function of state and cause. Knows no queue, no timer and no
//! packet; `session` does what a row says.
//!
//! A cell is what is done, and the state that follows where it is another one. A test walks the product and compares
//! the function below with this table, so that neither can be changed alone.
//!
//! | cause | Polling | Probing | Probed | WebSocket | PollClosing | WsClosing | Closed |
//! |---|---|---|---|---|---|---|---|
//! | Poll | Park | Park | ParkOrNoop | Mismatch | Park | Mismatch | Unknown |
//! | LastPoll | Park | Park | ParkOrNoop | Mismatch | AnswerLast → Closed | Mismatch | Unknown |
//! | SecondPoll | Overlap → Closed | Overlap → Closed | Overlap → Closed | Mismatch | AnswerLast → Closed | Mismatch | Unknown |
//! | PollGone | Close(TransportError) → Closed | Close(TransportError) → Closed | Close(TransportError) → Closed | Ignore | Ignore | Ignore | Ignore |
//! | PostBegins | Read | Read | Read | Mismatch | Read | Mismatch | Unknown |
//! | SecondPost | OverlapPost → Closed | OverlapPost → Closed | OverlapPost → Closed | Mismatch | OverlapPost → Closed | Mismatch | Unknown |
//! | Post | Take | Take | Take | Mismatch | Take | Mismatch | Unknown |
//! | PostGone | Close(TransportError) → Closed | Close(TransportError) → Closed | Close(TransportError) → Closed | Ignore | Ignore | Ignore | Ignore |
//! | Heartbeat by Polling | Beat | Beat | Beat | Ignore | Ignore | Ignore | Ignore |
//! | WrongHeartbeat by Polling | Close(TransportError) → Closed | Close(TransportError) → Closed | Close(TransportError) → Closed | Ignore | Ignore | Ignore | Ignore |
//! | Message by Polling | Deliver | Deliver | Deliver | Ignore | Ignore | Ignore | Ignore |
//! | Close by Polling | ClientClose → Closed | ClientClose → Closed | ClientClose → Closed | Ignore | Finish → Closed | Ignore | Ignore |
//! | Upgrade by Polling | Ignore | Ignore | Ignore | Ignore | Ignore | Ignore | Ignore |
//! | Other by Polling | Ignore | Ignore | Ignore | Ignore | Ignore | Ignore | Ignore |
//! | Malformed by Polling | Close(ParseError) → Closed | Close(ParseError) → Closed | Close(ParseError) → Closed | Ignore | Finish → Closed | Ignore | Ignore |
//! | Heartbeat by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Beat | Ignore | Ignore | Ignore |
//! | WrongHeartbeat by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Close(TransportError) → Closed | Ignore | Ignore | Ignore |
//! | Message by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Deliver | Ignore | Ignore | Ignore |
//! | Close by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Close(TransportClose) → Closed | Ignore | Finish → Closed | Ignore |
//! | Upgrade by WebSocket | Ignore | Switch → WebSocket | Switch → WebSocket | Ignore | Ignore | Ignore | Ignore |
//! | Other by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Ignore | Ignore | Ignore | Ignore |
//! | Malformed by WebSocket | Ignore | DropProbe → Polling | DropProbe → Polling | Close(ParseError) → Closed | Ignore | Finish → Closed | Ignore |
//! | Probe | Ignore | AnswerProbe → Probed | AnswerProbe | Ignore | Ignore | Ignore | Ignore |
//! | WsOpen | StartProbe → Probing | RefuseWs | RefuseWs | RefuseWs | RefuseWs | RefuseWs | RefuseWs |
//! | WsClosed | Ignore | DropProbe → Polling | DropProbe → Polling | Close(TransportClose) → Closed | Ignore | Finish → Closed | Ignore |
//! | WsFailed | Ignore | DropProbe → Polling | DropProbe → Polling | Close(TransportError) → Closed | Ignore | Finish → Closed | Ignore |
//! | PingDue | SendPing | SendPing | SendPing | SendPing | Ignore | Ignore | Ignore |
//! | Silent | Close(PingTimeout) → Closed | Close(PingTimeout) → Closed | Close(PingTimeout) → Closed | Close(PingTimeout) → Closed | Ignore | Ignore | Ignore |
//! | UpgradeOverdue | Ignore | DropProbe → Polling | DropProbe → Polling | Ignore | Ignore | Ignore | Ignore |
//! | NoopDue | Ignore | Ignore | Noop | Ignore | Ignore | Ignore | Ignore |
//! | LingerOver | Ignore | Ignore | Ignore | Ignore | Finish → Closed | Finish → Closed | Ignore |
//! | Send | Queue | Queue | Queue | Queue | Ignore | Ignore | Ignore |
//! | Overfull | Close(SlowConsumer) → Closed | Close(SlowConsumer) → Closed | Close(SlowConsumer) → Closed | Close(SlowConsumer) → Closed | Ignore | Ignore | Ignore |
//! | Shut | BeginClose → PollClosing | BeginClose → PollClosing | BeginClose → PollClosing | BeginClose → WsClosing | Ignore | Ignore | Ignore |
//! | Abandon | Close(ForcedServerClose) → Closed | Close(ForcedServerClose) → Closed | Close(ForcedServerClose) → Closed | Close(ForcedServerClose) → Closed | Ignore | Ignore | Ignore |
//! | Drained | Ignore | Ignore | Ignore | Ignore | Finish → Closed | Finish → Closed | Ignore |

use super::output::Reason;

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On polling.
    Polling,
    /// On polling, with a WebSocket open beside it that has not yet said `2probe`.
    Probing,
    /// The same after `2probe` and `3probe`: polls are cut short so that the client can move.
    Probed,
    /// On WebSocket.
    WebSocket,
    /// Closed by the server; what is queued waits for a poll.
    PollClosing,
    /// Closed by the server; what is queued waits for the WebSocket.
    WsClosing,
    /// Over.
    Closed,
}

/// Which way a packet came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Polling,
    WebSocket,
}

/// What can happen to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A GET.
    Poll,
    /// A GET when nothing is left to be said.
    LastPoll,
    /// A GET while another one waits.
    SecondPoll,
    /// The waiting GET's connection is gone.
    PollGone,
    /// A POST whose body is still to come.
    PostBegins,
    /// A POST while the body of another one is still to come.
    SecondPost,
    /// A POST's body.
    Post,
    /// The connection of a POST is gone before its body has come.
    PostGone,
    /// The packet that a live client sends: `3` in EIO=4, `2` in EIO=3.
    Heartbeat(Via),
    /// The other one.
    WrongHeartbeat(Via),
    /// `4`, or a binary message.
    Message(Via),
    /// `1`.
    Close(Via),
    /// `5`.
    Upgrade(Via),
    /// `0` or `6`, which mean nothing when a client sends them.
    Other(Via),
    /// No packet.
    Malformed(Via),
    /// `2probe` on a WebSocket that is not in use yet.
    Probe,
    /// A WebSocket has been opened for this session.
    WsOpen,
    /// The session's WebSocket has been closed by the peer.
    WsClosed,
    /// The session's WebSocket broke, or broke its protocol.
    WsFailed,
    /// [`Timer::Ping`](super::timer::Timer::Ping).
    PingDue,
    /// [`Timer::Silence`](super::timer::Timer::Silence).
    Silent,
    /// [`Timer::Upgrade`](super::timer::Timer::Upgrade).
    UpgradeOverdue,
    /// [`Timer::Noop`](super::timer::Timer::Noop).
    NoopDue,
    /// [`Timer::Linger`](super::timer::Timer::Linger).
    LingerOver,
    /// The server has a packet for the client.
    Send,
    /// More waits for the client than may.
    Overfull,
    /// The server closes the session.
    Shut,
    /// The server closes the session, and what waits in it is for somebody else.
    Abandon,
    /// All that a closing session had to say has been taken.
    Drained,
}

/// What is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing.
    Ignore,
    /// Answer the GET with what is queued, or keep it.
    Park,
    /// Answer the GET with what is queued, or with `6` unless another one was let go just now.
    ParkOrNoop,
    /// Answer the GET `1`.
    AnswerLast,
    /// Answer 400, code 3.
    Mismatch,
    /// Answer 400, code 1.
    Unknown,
    /// Answer the new GET 400, the waiting one `1`, and close.
    Overlap,
    /// Let the POST's body come.
    Read,
    /// Answer the new POST 400, and close.
    OverlapPost,
    /// Take the POST's packets, one by one.
    Take,
    /// The peer lives; EIO=3 is answered `3`.
    Beat,
    /// Hand the message up.
    Deliver,
    /// Answer the waiting GET `6`, and close.
    ClientClose,
    /// Send `3probe` on the new WebSocket and `6` to the waiting GET.
    AnswerProbe,
    /// The WebSocket is the transport now; the waiting GET gets `6`.
    Switch,
    /// Answer the waiting GET `6`.
    Noop,
    /// Close the new WebSocket only.
    DropProbe,
    /// Take the new WebSocket beside polling.
    StartProbe,
    /// Close the WebSocket that has just been opened.
    RefuseWs,
    /// Send `2`.
    SendPing,
    /// Put the packet into the queue.
    Queue,
    /// Tell the sockets; then the queue, then the end.
    BeginClose,
    /// Tell the sockets; the waiting GET gets `1`, the WebSocket is closed, the queue is dropped.
    Close(Reason),
    /// The same, where the sockets have been told.
    Finish,
}

/// The table.
pub(crate) const fn row(state: State, cause: Cause) -> (Act, State) {
    use Via::{Polling as ByPolling, WebSocket as ByWebSocket};
    match cause {
        Cause::Poll | Cause::LastPoll | Cause::SecondPoll => match state {
            State::Polling | State::Probing | State::Probed if matches!(cause, Cause::SecondPoll) => {
                (Act::Overlap, State::Closed)
            }
            State::Polling | State::Probing => (Act::Park, state),
            State::Probed => (Act::ParkOrNoop, state),
            State::PollClosing if matches!(cause, Cause::Poll) => (Act::Park, state),
            State::PollClosing => (Act::AnswerLast, State::Closed),
            State::WebSocket | State::WsClosing => (Act::Mismatch, state),
            State::Closed => (Act::Unknown, state),
        },
        Cause::PostBegins | Cause::SecondPost | Cause::Post => match state {
            State::Polling | State::Probing | State::Probed | State::PollClosing => match cause {
                Cause::Post => (Act::Take, state),
                Cause::SecondPost => (Act::OverlapPost, State::Closed),
                _ => (Act::Read, state),
            },
            State::WebSocket | State::WsClosing => (Act::Mismatch, state),
            State::Closed => (Act::Unknown, state),
        },
        Cause::PollGone | Cause::PostGone => match state {
            State::Polling | State::Probing | State::Probed => (Act::Close(Reason::TransportError), State::Closed),
            State::WebSocket | State::PollClosing | State::WsClosing | State::Closed => (Act::Ignore, state),
        },
        Cause::Heartbeat(ByPolling)
        | Cause::WrongHeartbeat(ByPolling)
        | Cause::Message(ByPolling)
        | Cause::Close(ByPolling)
        | Cause::Malformed(ByPolling) => match state {
            State::Polling | State::Probing | State::Probed => match cause {
                Cause::Heartbeat(_) => (Act::Beat, state),
                Cause::Message(_) => (Act::Deliver, state),
                Cause::Close(_) => (Act::ClientClose, State::Closed),
                Cause::Malformed(_) => (Act::Close(Reason::ParseError), State::Closed),
                _ => (Act::Close(Reason::TransportError), State::Closed),
            },
            State::PollClosing if matches!(cause, Cause::Close(_) | Cause::Malformed(_)) => {
                (Act::Finish, State::Closed)
            }
            State::WebSocket | State::PollClosing | State::WsClosing | State::Closed => (Act::Ignore, state),
        },
        Cause::Upgrade(ByPolling) | Cause::Other(ByPolling) => (Act::Ignore, state),
        Cause::Heartbeat(ByWebSocket)
        | Cause::WrongHeartbeat(ByWebSocket)
        | Cause::Message(ByWebSocket)
        | Cause::Close(ByWebSocket)
        | Cause::Other(ByWebSocket)
        | Cause::Malformed(ByWebSocket)
        | Cause::WsClosed
        | Cause::WsFailed => match state {
            State::Probing | State::Probed => (Act::DropProbe, State::Polling),
            State::WebSocket => match cause {
                Cause::Heartbeat(_) => (Act::Beat, state),
                Cause::Message(_) => (Act::Deliver, state),
                Cause::Other(_) => (Act::Ignore, state),
                Cause::Close(_) | Cause::WsClosed => (Act::Close(Reason::TransportClose), State::Closed),
                Cause::Malformed(_) => (Act::Close(Reason::ParseError), State::Closed),
                _ => (Act::Close(Reason::TransportError), State::Closed),
            },
            State::WsClosing
                if matches!(cause, Cause::Close(_) | Cause::Malformed(_) | Cause::WsClosed | Cause::WsFailed) =>
            {
                (Act::Finish, State::Closed)
            }
            State::Polling | State::PollClosing | State::WsClosing | State::Closed => (Act::Ignore, state),
        },
        Cause::Upgrade(ByWebSocket) => match state {
            State::Probing | State::Probed => (Act::Switch, State::WebSocket),
            State::Polling | State::WebSocket | State::PollClosing | State::WsClosing | State::Closed => {
                (Act::Ignore, state)
            }
        },
        Cause::Probe => match state {
            State::Probing | State::Probed => (Act::AnswerProbe, State::Probed),
            State::Polling | State::WebSocket | State::PollClosing | State::WsClosing | State::Closed => {
                (Act::Ignore, state)
            }
        },
        Cause::WsOpen => match state {
            State::Polling => (Act::StartProbe, State::Probing),
            State::Probing
            | State::Probed
            | State::WebSocket
            | State::PollClosing
            | State::WsClosing
            | State::Closed => (Act::RefuseWs, state),
        },
        Cause::PingDue | Cause::Silent | Cause::Send | Cause::Overfull | Cause::Shut | Cause::Abandon => match state {
            State::Polling | State::Probing | State::Probed | State::WebSocket => match cause {
                Cause::PingDue => (Act::SendPing, state),
                Cause::Send => (Act::Queue, state),
                Cause::Silent => (Act::Close(Reason::PingTimeout), State::Closed),
                Cause::Overfull => (Act::Close(Reason::SlowConsumer), State::Closed),
                Cause::Abandon => (Act::Close(Reason::ForcedServerClose), State::Closed),
                _ if matches!(state, State::WebSocket) => (Act::BeginClose, State::WsClosing),
                _ => (Act::BeginClose, State::PollClosing),
            },
            State::PollClosing | State::WsClosing | State::Closed => (Act::Ignore, state),
        },
        Cause::UpgradeOverdue => match state {
            State::Probing | State::Probed => (Act::DropProbe, State::Polling),
            State::Polling | State::WebSocket | State::PollClosing | State::WsClosing | State::Closed => {
                (Act::Ignore, state)
            }
        },
        Cause::NoopDue => match state {
            State::Probed => (Act::Noop, state),
            State::Polling
            | State::Probing
            | State::WebSocket
            | State::PollClosing
            | State::WsClosing
            | State::Closed => (Act::Ignore, state),
        },
        Cause::LingerOver | Cause::Drained => match state {
            State::PollClosing | State::WsClosing => (Act::Finish, State::Closed),
            State::Polling | State::Probing | State::Probed | State::WebSocket | State::Closed => (Act::Ignore, state),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    const STATES: [State; 7] = [
        State::Polling,
        State::Probing,
        State::Probed,
        State::WebSocket,
        State::PollClosing,
        State::WsClosing,
        State::Closed,
    ];

    fn causes() -> Vec<Cause> {
        let mut all = alloc::vec![
            Cause::Poll,
            Cause::LastPoll,
            Cause::SecondPoll,
            Cause::PollGone,
            Cause::PostBegins,
            Cause::SecondPost,
            Cause::Post,
            Cause::PostGone,
            Cause::NoopDue,
            Cause::Probe,
            Cause::WsOpen,
            Cause::WsClosed,
            Cause::WsFailed,
            Cause::PingDue,
            Cause::Silent,
            Cause::UpgradeOverdue,
            Cause::LingerOver,
            Cause::Send,
            Cause::Overfull,
            Cause::Shut,
            Cause::Abandon,
            Cause::Drained,
        ];
        for via in [Via::Polling, Via::WebSocket] {
            all.extend([
                Cause::Heartbeat(via),
                Cause::WrongHeartbeat(via),
                Cause::Message(via),
                Cause::Close(via),
                Cause::Upgrade(via),
                Cause::Other(via),
                Cause::Malformed(via),
            ]);
        }
        all
    }

    /// `Heartbeat(Polling)` is written `Heartbeat by Polling`.
    fn title(cause: Cause) -> String {
        format!("{cause:?}").replace('(', " by ").replace(')', "")
    }

    fn documented() -> Vec<Vec<&'static str>> {
        let rows = include_str!("table.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
        rows.map(|row| row.trim_end_matches(" |").split(" | ").collect()).collect()
    }

    #[test]
    fn the_function_is_the_table() {
        let table = documented();
        let heads: Vec<String> = STATES.iter().map(|state| format!("{state:?}")).collect();
        assert_eq!(table[0][1..], heads, "a column for each state");
        let mut rows = 0;
        for cause in causes() {
            let row_of_cause = table.iter().find(|cells| cells[0] == title(cause));
            let cells = row_of_cause.unwrap_or_else(|| panic!("no row for {cause:?}"));
            rows += 1;
            for (state, cell) in STATES.into_iter().zip(&cells[1..]) {
                let (act, next) = row(state, cause);
                let arrow = if next == state { String::new() } else { format!(" → {next:?}") };
                assert_eq!(**cell, format!("{act:?}{arrow}"), "{state:?}, {cause:?}");
            }
        }
        assert_eq!(rows, table.len() - 1, "a cause for each row");
    }

    #[test]
    fn nothing_leaves_closed_and_every_other_state_can_reach_it() {
        for cause in causes() {
            assert_eq!(row(State::Closed, cause).1, State::Closed, "{cause:?}");
        }
        for state in STATES {
            let by_deadline = [Cause::Silent, Cause::LingerOver].map(|cause| row(state, cause).1);
            assert!(by_deadline.contains(&State::Closed), "{state:?} has no deadline that ends it");
        }
    }
}
