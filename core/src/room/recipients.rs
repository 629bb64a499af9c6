//! The recipients of a delivery: one socket, or a list that is made once and shared.

use crate::id::SocketId;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Deref;

/// Sockets, each once, in the order of their keys. Those of one shard are next to each other.
#[derive(Clone, Debug)]
pub struct Recipients(Inside);

#[derive(Clone, Debug)]
enum Inside {
    One(SocketId),
    Many(Arc<[SocketId]>),
}

impl Recipients {
    pub(crate) fn none() -> Self {
        Vec::new().into()
    }

    /// The recipients in one shard.
    #[must_use]
    pub fn in_shard(&self, shard: u8) -> &[SocketId] {
        if let Inside::One(socket) = &self.0 {
            return if socket.key.shard() == shard { core::slice::from_ref(socket) } else { &[] };
        }
        let start = self.partition_point(|socket| socket.key.shard() < shard);
        let rest = &self[start..];
        &rest[..rest.partition_point(|socket| socket.key.shard() == shard)]
    }
}

impl Deref for Recipients {
    type Target = [SocketId];

    fn deref(&self) -> &[SocketId] {
        match &self.0 {
            Inside::One(socket) => core::slice::from_ref(socket),
            Inside::Many(list) => list,
        }
    }
}

impl From<SocketId> for Recipients {
    fn from(socket: SocketId) -> Self {
        Self(Inside::One(socket))
    }
}

/// The list must be in the order of keys.
impl From<Vec<SocketId>> for Recipients {
    fn from(list: Vec<SocketId>) -> Self {
        match list[..] {
            [socket] => socket.into(),
            _ => Self(Inside::Many(list.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Key;

    #[test]
    fn the_sockets_of_a_shard_are_found() {
        let at = |shard, slot| SocketId { key: Key::new(shard, slot, 0), serial: 0 };
        let all = [at(0, 1), at(2, 0), at(2, 9), at(3, 3)];
        let list = Recipients::from(all.to_vec());
        assert_eq!(list.in_shard(0), &all[..1]);
        assert_eq!(list.in_shard(1), &[]);
        assert_eq!(list.in_shard(2), &all[1..3]);
        assert_eq!(list.in_shard(3), &all[3..]);
        assert_eq!(list.in_shard(4), &[]);
        let one = Recipients::from(all[1]);
        assert_eq!((one.in_shard(2), one.in_shard(0)), (&all[1..2], &[][..]));
        assert_eq!(Recipients::none().in_shard(0), &[]);
    }
}
