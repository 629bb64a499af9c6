//! vanishing
