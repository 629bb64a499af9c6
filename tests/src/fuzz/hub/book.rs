//! The records of the application: which sockets are connected, were connected, and have to acknowledge which events.

use sanket::{BroadcastOptions, Nsp, SocketId, Target, Time};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) history: usize,
    /// How many kept events it has heard of; nothing if nobody can say.
    pub(super) from: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Person {
    pub(super) nsp: Nsp,
    pub(super) id: String,
    pub(super) rooms: BTreeSet<String>,
    pub(super) data: Option<String>,
    pub(super) history: Option<usize>,
}

/// What a socket was told, however often it came back.
#[derive(Debug)]
pub(super) struct History {
    pub(super) pid: String,
    pub(super) nsp: Nsp,
    pub(super) id: String,
    /// As they were when it went.
    pub(super) rooms: BTreeSet<String>,
    pub(super) data: Option<String>,
    pub(super) state: State,
    /// Kept events for it, each with its number among all of them.
    pub(super) told: Vec<(u64, u64)>,
    /// The offsets that came to it.
    pub(super) heard: Vec<String>,
    /// It does not come back again before.
    pub(super) rests_until: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Here(SocketId),
    Gone(SocketId),
    Over,
}

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) waiting: BTreeSet<SocketId>,
    pub(super) silent: BTreeSet<SocketId>,
    pub(super) deadline: Time,
}

/// A target, with all that it names.
#[derive(Debug)]
pub(super) enum Aim {
    Socket(SocketId),
    Namespace(Nsp),
    Room(Nsp, String),
    BroadcastOptions { nsp: Nsp, rooms: Vec<String>, except_rooms: Vec<String>, except: Vec<SocketId> },
}

impl Aim {
    pub(super) fn with<R>(&self, work: impl FnOnce(Target<'_>) -> R) -> R {
        match self {
            Self::Socket(who) => work(Target::Socket(*who)),
            Self::Namespace(nsp) => work(Target::Namespace(nsp)),
            Self::Room(nsp, room) => work(Target::Room(nsp, room)),
            Self::BroadcastOptions { nsp, rooms, except_rooms, except } => {
                let [rooms, except_rooms] =
                    [rooms, except_rooms].map(|names| names.iter().map(|name| &**name).collect::<Vec<_>>());
                work(Target::Broadcast(BroadcastOptions {
                    rooms: &rooms,
                    except_rooms: &except_rooms,
                    except,
                    ..BroadcastOptions::of(nsp)
                }))
            }
        }
    }

    /// Whether it includes somebody in these rooms; `who` is nobody while its connection is gone.
    pub(super) fn includes(&self, who: Option<SocketId>, in_nsp: &Nsp, id: &str, in_rooms: &BTreeSet<String>) -> bool {
        // An EIO=3 client's id may be given without the namespace.
        let bare =
            |id: &str| id.strip_prefix(in_nsp.as_str()).and_then(|id| id.strip_prefix('#')).unwrap_or(id).to_owned();
        let is_in = |room: &String| bare(room) == bare(id) || in_rooms.contains(room);
        match self {
            Self::Socket(only) => who == Some(*only),
            Self::Namespace(nsp) => nsp == in_nsp,
            Self::Room(nsp, room) => nsp == in_nsp && is_in(room),
            Self::BroadcastOptions { nsp, rooms, except_rooms, except } => {
                nsp == in_nsp
                    && (rooms.is_empty() || rooms.iter().any(is_in))
                    && !except_rooms.iter().any(is_in)
                    && !who.is_some_and(|who| except.contains(&who))
            }
        }
    }
}
