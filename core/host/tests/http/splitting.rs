//! splitting
