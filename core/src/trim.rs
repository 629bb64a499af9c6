//! Lists that have had much more in them than they have now give memory back.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Bytes of room that a list keeps, however little is in it: about as much as it needs again and again.
const KEPT_BYTES: usize = 256 << 10;

/// A list that can give back memory.
pub(crate) trait Trim {
    /// Gives back memory if more than three quarters of it are empty, and there is much of it. What is left has room for as many
    /// elements as are there once more, so that the cost is that of the elements which were taken since.
    fn trim(&mut self);
}

/// Whether a list of `len` elements of `size` bytes that has room for `capacity` is to have less.
#[inline]
const fn is_loose(len: usize, capacity: usize, size: usize) -> bool {
    capacity > KEPT_BYTES / if size == 0 { 1 } else { size } && len <= capacity / 4
}

/// The room that is left to such a list.
const fn room(len: usize, size: usize) -> usize {
    let kept = KEPT_BYTES / if size == 0 { 1 } else { size } / 2;
    if len * 2 > kept { len * 2 } else { kept }
}

macro_rules! trim {
    ($($list:ident)+) => {$(
        impl<T> Trim for $list<T> {
            // It is asked for often, and seldom has anything to do: what it does is kept out of its callers.
            #[inline]
            fn trim(&mut self) {
                #[cold]
                #[inline(never)]
                fn shrink<T>(list: &mut $list<T>) {
                    list.shrink_to(room(list.len(), size_of::<T>()));
                }
                if is_loose(self.len(), self.capacity(), size_of::<T>()) {
                    shrink(self);
                }
            }
        }
    )+};
}

trim!(Vec VecDeque);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_trimmed_when_it_is_long_and_mostly_empty() {
        let kept = KEPT_BYTES / size_of::<u64>();
        let mut list: VecDeque<u64> = (0..kept as u64).collect();
        list.shrink_to_fit();
        list.clear();
        list.trim();
        assert!(list.capacity() >= kept, "that much is kept");
        let many = 16 * kept;
        let mut list: VecDeque<u64> = (0..many as u64).collect();
        let mut reallocations = 0;
        while list.pop_front().is_some() {
            let before = list.capacity();
            list.trim();
            assert!(list.capacity() <= kept.max(4 * list.len() + 4), "{} for {}", list.capacity(), list.len());
            reallocations += usize::from(list.capacity() != before);
        }
        assert!((3..8).contains(&reallocations), "{reallocations}");
        // An element of no size takes nothing.
        let mut nothing = alloc::vec![(); 1 << 20];
        nothing.trim();
        assert_eq!(nothing.len(), 1 << 20);
    }
}
