//! A partition at its stores: the machines with their rows in memory, and the one judge of what they and the callers of gateways do.
//!
//! The simulator feeds the judge while a run goes on. A recording of the partition ([`cutover::core::trace::partition`]) holds what it was
//! fed, and [`replay`](fn@replay) feeds it to the same judge again.
//!
//! May import: `core::ids`, `core::raft`, `core::fence`, `core::migration`, `core::placement`, `core::control_plane`, `core::invariant`, `core::trace`.

mod judge;
mod replay;
mod rows;
mod shadow;

pub use judge::{PartitionJudge, decision};
pub use replay::{Replayed, Violated, replay};
pub use rows::Rows;
pub use shadow::Shadow;
