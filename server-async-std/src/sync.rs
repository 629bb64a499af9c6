//! Atomics, as `reactor::news` uses them: a test puts loom's in their place, which tries all interleavings.

pub(crate) use std::sync::atomic::{AtomicU8, Ordering, fence};
