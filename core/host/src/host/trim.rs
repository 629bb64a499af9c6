//! Tables that have had much more in them than they have now give memory back.

use slab::Slab;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Entries that a table keeps room for, however few are in it.
const KEPT: usize = 1_024;

/// Whether more than seven eighths of a table are empty, and there is much of it.
fn is_loose(len: usize, capacity: usize) -> bool {
    capacity > KEPT && len < capacity / 8
}

/// Gives back memory of a map that is mostly empty. What is left has room for as many entries as are there once more, so that the
/// cost is that of the entries which were removed since.
pub(super) fn trim_map<K: Eq + Hash, V, S: BuildHasher>(map: &mut HashMap<K, V, S>) {
    if is_loose(map.len(), map.capacity()) {
        map.shrink_to(KEPT.max(2 * map.len()));
    }
}

/// The same for a slab, as far as its last entries are gone: the others keep their places. That looks at all places, and is done
/// whenever half of the entries are gone.
pub(super) fn trim_slab<T>(slab: &mut Slab<T>) {
    if (slab.is_empty() || slab.len().is_power_of_two()) && is_loose(slab.len(), slab.capacity()) {
        slab.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_trimmed_when_it_is_large_and_mostly_empty() {
        let mut map: HashMap<usize, u64> = (0..64 * KEPT).map(|n| (n, 7)).collect();
        let mut rebuilt = 0;
        for n in 0..64 * KEPT {
            map.remove(&n);
            let before = map.capacity();
            trim_map(&mut map);
            assert!(map.capacity() <= (2 * KEPT).max(8 * map.len() + 8), "{} for {}", map.capacity(), map.len());
            rebuilt += usize::from(map.capacity() != before);
        }
        assert!((2..6).contains(&rebuilt), "{rebuilt}");
        assert!(map.capacity() >= KEPT, "a small one is left alone");
    }

    #[test]
    fn a_slab_is_trimmed_when_its_last_entries_are_gone() {
        let mut slab: Slab<u64> = Slab::new();
        let all: Vec<usize> = (0..64 * KEPT).map(|_| slab.insert(7)).collect();
        for place in all.into_iter().rev() {
            slab.remove(place);
            trim_slab(&mut slab);
        }
        assert!(slab.capacity() <= KEPT, "{}", slab.capacity());
    }
}
