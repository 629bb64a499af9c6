//! Who sends what, and when: clients in a closed loop, which send when they are answered, and open ones, which do not wait.

/// What a message makes the server do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Its sender is answered.
    Echo,
    /// Everybody in the sender's room gets it.
    Broadcast,
    /// It is read, and the hub hears nothing of it: a heartbeat.
    Beat,
    /// The application computes for 200 ms because of it, at no lock, in the thread that has read it.
    Blocks,
}

/// What a server is put under.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) kind: Kind,
    pub(crate) clients: usize,
    /// Clients are in rooms of so many.
    pub(crate) room: usize,
    pub(crate) pace: Pace,
    /// When clients send something that blocks, if any do.
    pub(crate) blocks_at: [Option<u64>; 2],
}

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// In each room this many clients have this many messages that are not answered.
    Closed { senders: usize, outstanding: usize },
    /// So many messages a second, each by whoever, at any moment: arrivals are independent of each other.
    Open { rate: u64 },
}

impl Load {
    pub(crate) fn echoes(clients: usize, outstanding: usize) -> Self {
        let pace = Pace::Closed { senders: 1, outstanding };
        Self { kind: Kind::Echo, clients, room: 1, pace, blocks_at: [None; 2] }
    }

    pub(crate) fn broadcasts(rooms: usize, room: usize, outstanding: usize) -> Self {
        let pace = Pace::Closed { senders: 1, outstanding };
        Self { kind: Kind::Broadcast, clients: rooms * room, room, pace, blocks_at: [None; 2] }
    }

    pub(crate) fn open(kind: Kind, clients: usize, room: usize, rate: u64) -> Self {
        Self { kind, clients, room, pace: Pace::Open { rate }, blocks_at: [None; 2] }
    }
}
