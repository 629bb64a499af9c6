//! Who hears whom: everybody everybody, or some that are apart from others.

use super::AT_A_TIME;
use super::crowd::Crowd;
use super::rollcall::RollCall;
use crate::fault::Result;
use crate::world::{Orders, World};

/// Who hears whom. Client `n` is in circle `n` modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circles {
    /// Everybody hears everybody.
    One,
    /// So many rooms of `/`, which clients enter.
    Rooms(usize),
    /// So many namespaces.
    Namespaces(usize),
}

impl Circles {
    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Rooms(count) | Self::Namespaces(count) => count.max(1),
        }
    }

    /// How many namespaces besides `/`.
    pub(super) fn namespaces(self) -> usize {
        if let Self::Namespaces(count) = self { count } else { 0 }
    }

    /// How many of all clients are in a circle.
    pub(super) fn members(self, circle: usize, clients: usize) -> usize {
        clients.saturating_sub(circle).div_ceil(self.count())
    }

    /// Brings everybody in and into its room, until everybody hears what is said there.
    pub(super) fn gather(self, world: &mut World, clients: usize) -> Result<()> {
        world.run(&mut Crowd::of(clients, AT_A_TIME))?;
        world.run(&mut RollCall::of(clients, self))
    }

    /// A client enters the room of its circle, if that is one that it is not in without asking.
    pub(super) fn enter(self, who: usize, orders: &mut Orders) {
        if let Self::Rooms(_) = self {
            orders.send(who, format_args!(r#"2["enter","r{}"]"#, who % self.count()));
        }
    }

    /// A client says number `number` of `sender` to its circle.
    pub(super) fn say(self, who: usize, (sender, number): (usize, u64), padding: &str, orders: &mut Orders) {
        if let Self::Rooms(_) = self {
            let room = who % self.count();
            orders.send(who, format_args!(r#"2["tell","r{room}",{sender},{number},"{padding}"]"#));
        } else {
            orders.send(who, format_args!(r#"2["say",{sender},{number},"{padding}"]"#));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_in_one_circle() {
        for circles in [Circles::One, Circles::Rooms(3), Circles::Namespaces(16)] {
            for clients in [1, 16, 20, 100] {
                let sizes = (0..circles.count()).map(|circle| circles.members(circle, clients));
                assert_eq!(sizes.sum::<usize>(), clients, "{circles:?}");
                let last = clients - 1;
                assert!(last / circles.count() < circles.members(last % circles.count(), clients));
            }
        }
    }
}
