//! The state transitions of an Engine.IO session: one table, from which both [`row`] and its documentation are made.
//! `session` carries out the acts.

use super::reason::Reason;

/// The state of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On polling.
    Polling,
    /// On polling. A WebSocket is open beside it; `2probe` has not arrived on it.
    Probing,
    /// On polling. A WebSocket is open beside it; `2probe` has been answered with `3probe`. Polls are answered at once,
    /// so that the client can complete the upgrade.
    Probed,
    /// On WebSocket.
    WebSocket,
    /// Closed by the server. Queued packets wait for a poll.
    PollClosing,
    /// Closed by the server. Queued packets wait to be transmitted on the WebSocket.
    WsClosing,
    /// Ended.
    Closed,
}

/// The transport of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    Polling,
    WebSocket,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A GET.
    Poll,
    /// A GET in the absence of queued packets.
    LastPoll,
    /// A GET while another one waits.
    SecondPoll,
    /// The connection of the waiting GET is gone.
    PollGone,
    /// A POST whose body has not arrived yet.
    PostBegins,
    /// A POST while the body of another one has not arrived yet.
    SecondPost,
    /// The body of a POST.
    Post,
    /// The connection of a POST is gone before its body has arrived.
    PostGone,
    /// The packet with which a client shows that it is alive: `3` in EIO=4, `2` in EIO=3.
    Heartbeat(Via),
    /// The heartbeat of the other direction: `2` in EIO=4, `3` in EIO=3.
    WrongHeartbeat(Via),
    /// `4`, or a binary message.
    Message(Via),
    /// `1`.
    Close(Via),
    /// `5`.
    Upgrade(Via),
    /// `0` or `6`, which have no meaning from a client.
    Other(Via),
    /// Not a packet.
    Malformed(Via),
    /// `2probe` on the WebSocket of an upgrade.
    Probe,
    /// A WebSocket has been opened for this session.
    WsOpen,
    /// The peer has closed the session's WebSocket.
    WsClosed,
    /// The session's WebSocket broke, or the peer violated its protocol.
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
    /// The queue would exceed its limit.
    Overfull,
    /// The server closes the session.
    Shut,
    /// The server closes the session and drops its queue, because the client has another connection.
    Abandon,
    /// All queued packets of a closing session have been taken.
    Drained,
}

/// What a session does because of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Nothing.
    Ignore,
    /// Answer the GET with queued packets, or make it wait.
    Park,
    /// Answer the GET with queued packets, or with `6`, unless another GET was answered so just now: then make it wait.
    ParkOrNoop,
    /// Answer the GET with `1`.
    AnswerLast,
    /// Respond 400, code 3.
    Mismatch,
    /// Respond 400, code 1.
    Unknown,
    /// Respond 400 to the new GET, answer the waiting one with `1`, and close.
    Overlap,
    /// Read the body of the POST.
    Read,
    /// Respond 400 to the new POST, and close.
    OverlapPost,
    /// Handle the packets of the POST one by one.
    Take,
    /// The peer is alive. In EIO=3, send `3`.
    Beat,
    /// Deliver the message to `socket`.
    Deliver,
    /// Answer the waiting GET with `6`, and close.
    ClientClose,
    /// Send `3probe` on the new WebSocket, and answer the waiting GET with `6`.
    AnswerProbe,
    /// Use the WebSocket as the transport from now on, and answer the waiting GET with `6`.
    Switch,
    /// Answer the waiting GET with `6`.
    Noop,
    /// Close the new WebSocket, and stay on polling.
    DropProbe,
    /// Open the WebSocket beside polling.
    StartProbe,
    /// Close the WebSocket that has been opened.
    RefuseWs,
    /// Send `2`.
    SendPing,
    /// Queue the packet.
    Queue,
    /// Disconnect the sockets. End the session after the queued packets have been taken.
    BeginClose,
    /// Disconnect the sockets, answer the waiting GET with `1`, close the WebSocket, and drop the queue.
    Close(Reason),
    /// The same, after the sockets have been disconnected.
    Finish,
}

/// Makes [`row`] with its documentation, and the lists of states and causes, from the table below.
macro_rules! transitions {
    (
        cause : $($state:ident),+ ;
        $($cause:ident $(by $via:ident)? : $($act:ident $(($reason:ident))? $(=> $next:ident)?),+ ;)+
    ) => {
        /// The act and the next state for a cause in a state. A cell without a next state stays in the state.
        ///
        #[doc = concat!("| cause |", $(" ", stringify!($state), " |"),+)]
        #[doc = concat!("|---|", $(transitions!(@rule $state)),+)]
        $(
            #[doc = concat!(
                "| ", stringify!($cause), $(" by ", stringify!($via),)? " |",
                $(" ", stringify!($act), $("(", stringify!($reason), ")",)? $(" → ", stringify!($next),)? " |"),+
            )]
        )+
        pub(crate) const fn row(state: State, cause: Cause) -> (Act, State) {
            let cells = match cause {
                $(Cause::$cause $((Via::$via))? => {
                    const { &[$(transitions!(@cell $act $(($reason))? $(=> $next)?)),+] }
                })+
            };
            let column = match state {
                $(State::$state => State::$state as usize),+
            };
            // A row has a cell for each state: the length of `STATES` is the number of columns.
            let cells: &[(Act, Option<State>); STATES.len()] = cells;
            match cells[column] {
                (act, Some(next)) => (act, next),
                (act, None) => (act, state),
            }
        }

        /// The columns, in the order in which the states are declared.
        const STATES: [State; [$(stringify!($state)),+].len()] = [$(State::$state),+];

        /// The causes of all rows.
        #[cfg(test)]
        const CAUSES: &[Cause] = &[$(Cause::$cause $((Via::$via))?),+];
    };
    (@rule $state:ident) => { "---|" };
    (@cell $act:ident $(($reason:ident))?) => { (Act::$act $((Reason::$reason))?, None) };
    (@cell $act:ident $(($reason:ident))? => $next:ident) => { (Act::$act $((Reason::$reason))?, Some(State::$next)) };
}

transitions! {
    cause                       : Polling                           , Probing                           , Probed                            , WebSocket                         , PollClosing          , WsClosing       , Closed;
    Poll                        : Park,                               Park,                               ParkOrNoop,                         Mismatch,                           Park,                  Mismatch,         Unknown;
    LastPoll                    : Park,                               Park,                               ParkOrNoop,                         Mismatch,                           AnswerLast => Closed,  Mismatch,         Unknown;
    SecondPoll                  : Overlap => Closed,                  Overlap => Closed,                  Overlap => Closed,                  Mismatch,                           AnswerLast => Closed,  Mismatch,         Unknown;
    PollGone                    : Close(TransportError) => Closed,    Close(TransportError) => Closed,    Close(TransportError) => Closed,    Ignore,                             Ignore,                Ignore,           Ignore;
    PostBegins                  : Read,                               Read,                               Read,                               Mismatch,                           Read,                  Mismatch,         Unknown;
    SecondPost                  : OverlapPost => Closed,              OverlapPost => Closed,              OverlapPost => Closed,              Mismatch,                           OverlapPost => Closed, Mismatch,         Unknown;
    Post                        : Take,                               Take,                               Take,                               Mismatch,                           Take,                  Mismatch,         Unknown;
    PostGone                    : Close(TransportError) => Closed,    Close(TransportError) => Closed,    Close(TransportError) => Closed,    Ignore,                             Ignore,                Ignore,           Ignore;
    Heartbeat by Polling        : Beat,                               Beat,                               Beat,                               Ignore,                             Ignore,                Ignore,           Ignore;
    WrongHeartbeat by Polling   : Close(TransportError) => Closed,    Close(TransportError) => Closed,    Close(TransportError) => Closed,    Ignore,                             Ignore,                Ignore,           Ignore;
    Message by Polling          : Deliver,                            Deliver,                            Deliver,                            Ignore,                             Ignore,                Ignore,           Ignore;
    Close by Polling            : ClientClose => Closed,              ClientClose => Closed,              ClientClose => Closed,              Ignore,                             Finish => Closed,      Ignore,           Ignore;
    Upgrade by Polling          : Ignore,                             Ignore,                             Ignore,                             Ignore,                             Ignore,                Ignore,           Ignore;
    Other by Polling            : Ignore,                             Ignore,                             Ignore,                             Ignore,                             Ignore,                Ignore,           Ignore;
    Malformed by Polling        : Close(ParseError) => Closed,        Close(ParseError) => Closed,        Close(ParseError) => Closed,        Ignore,                             Finish => Closed,      Ignore,           Ignore;
    Heartbeat by WebSocket      : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Beat,                               Ignore,                Ignore,           Ignore;
    WrongHeartbeat by WebSocket : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Close(TransportError) => Closed,    Ignore,                Ignore,           Ignore;
    Message by WebSocket        : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Deliver,                            Ignore,                Ignore,           Ignore;
    Close by WebSocket          : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Close(TransportClose) => Closed,    Ignore,                Finish => Closed, Ignore;
    Upgrade by WebSocket        : Ignore,                             Switch => WebSocket,                Switch => WebSocket,                Ignore,                             Ignore,                Ignore,           Ignore;
    Other by WebSocket          : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Ignore,                             Ignore,                Ignore,           Ignore;
    Malformed by WebSocket      : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Close(ParseError) => Closed,        Ignore,                Finish => Closed, Ignore;
    Probe                       : Ignore,                             AnswerProbe => Probed,              AnswerProbe,                        Ignore,                             Ignore,                Ignore,           Ignore;
    WsOpen                      : StartProbe => Probing,              RefuseWs,                           RefuseWs,                           RefuseWs,                           RefuseWs,              RefuseWs,         RefuseWs;
    WsClosed                    : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Close(TransportClose) => Closed,    Ignore,                Finish => Closed, Ignore;
    WsFailed                    : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Close(TransportError) => Closed,    Ignore,                Finish => Closed, Ignore;
    PingDue                     : SendPing,                           SendPing,                           SendPing,                           SendPing,                           Ignore,                Ignore,           Ignore;
    Silent                      : Close(PingTimeout) => Closed,       Close(PingTimeout) => Closed,       Close(PingTimeout) => Closed,       Close(PingTimeout) => Closed,       Ignore,                Ignore,           Ignore;
    UpgradeOverdue              : Ignore,                             DropProbe => Polling,               DropProbe => Polling,               Ignore,                             Ignore,                Ignore,           Ignore;
    NoopDue                     : Ignore,                             Ignore,                             Noop,                               Ignore,                             Ignore,                Ignore,           Ignore;
    LingerOver                  : Ignore,                             Ignore,                             Ignore,                             Ignore,                             Finish => Closed,      Finish => Closed, Ignore;
    Send                        : Queue,                              Queue,                              Queue,                              Queue,                              Ignore,                Ignore,           Ignore;
    Overfull                    : Close(SlowConsumer) => Closed,      Close(SlowConsumer) => Closed,      Close(SlowConsumer) => Closed,      Close(SlowConsumer) => Closed,      Ignore,                Ignore,           Ignore;
    Shut                        : BeginClose => PollClosing,          BeginClose => PollClosing,          BeginClose => PollClosing,          BeginClose => WsClosing,            Ignore,                Ignore,           Ignore;
    Abandon                     : Close(ForcedServerClose) => Closed, Close(ForcedServerClose) => Closed, Close(ForcedServerClose) => Closed, Close(ForcedServerClose) => Closed, Ignore,                Ignore,           Ignore;
    Drained                     : Ignore,                             Ignore,                             Ignore,                             Ignore,                             Finish => Closed,      Finish => Closed, Ignore;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_in_the_order_of_the_states() {
        for (index, state) in STATES.into_iter().enumerate() {
            assert_eq!(state as usize, index, "{state:?}");
        }
    }

    #[test]
    fn nothing_leaves_closed_and_every_other_state_can_reach_it() {
        for cause in CAUSES {
            assert_eq!(row(State::Closed, *cause).1, State::Closed, "{cause:?}");
        }
        for state in STATES {
            let by_deadline = [Cause::Silent, Cause::LingerOver].map(|cause| row(state, cause).1);
            assert!(by_deadline.contains(&State::Closed), "{state:?} has no deadline that ends it");
        }
    }

    /// The acts that close a session lead to `Closed`, and no others do.
    #[test]
    fn who_ends_a_session_leaves_it_closed() {
        for cause in CAUSES {
            for state in STATES {
                let (act, next) = row(state, *cause);
                let ends = match act {
                    Act::Close(_)
                    | Act::ClientClose
                    | Act::Finish
                    | Act::AnswerLast
                    | Act::Overlap
                    | Act::OverlapPost => true,
                    _ => state == State::Closed,
                };
                assert_eq!(next == State::Closed, ends, "{state:?}, {cause:?}");
            }
        }
    }
}
