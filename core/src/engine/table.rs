//! The Engine.IO session's transitions: one table, of which both [`row`] and its documentation are made. Knows no queue, no timer
//! and no packet; `session` does what a cell says.

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

/// Makes the function, its documentation, and the lists of states and causes of the table below.
macro_rules! transitions {
    (
        cause : $($state:ident),+ ;
        $($cause:ident $(by $via:ident)? : $($act:ident $(($reason:ident))? $(=> $next:ident)?),+ ;)+
    ) => {
        /// What is done about a cause in a state, and the state that follows. A cell without a following state leaves it.
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
            // A row has a cell for each state; the type of `STATES` says how many there are.
            let cells: &[(Act, Option<State>); STATES.len()] = cells;
            match cells[column] {
                (act, Some(next)) => (act, next),
                (act, None) => (act, state),
            }
        }

        /// The columns, in the order in which the states are declared.
        const STATES: [State; [$(stringify!($state)),+].len()] = [$(State::$state),+];

        /// The rows.
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

    /// What closes a session does so from every state in which it does anything.
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
