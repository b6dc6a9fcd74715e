//! The pure part of the crate: deterministic state machines that take one input at a time, and return their
//! outputs in the order in which they must take effect.
//!
//! Built alone (`--no-default-features`) it is `no_std`, so the compiler refuses clocks, files, sockets, threads and
//! hash maps with a random seed.
//!
//! May import: nothing of the other rooms.

pub mod control_plane;
pub mod fault;
pub mod fence;
pub mod gate;
pub mod ids;
pub mod invariant;
pub mod map;
mod marks;
pub mod migration;
pub mod outbox;
pub mod placement;
pub mod raft;
pub mod registry;
pub mod retry;
pub mod trace;

pub use crate::marks;
