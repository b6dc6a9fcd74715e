//! The invariants. One [registry](crate::core::registry) serves the exhaustive search, the replay of traces and the simulator.
//!
//! An invariant is judged on facts: what state machines did, and what records and fences hold. The checks
//! never ask a state machine whether it acted correctly.
//!
//! Most invariants are *action* properties: they forbid a step, not a state. They are judged on every step of
//! a search, before equal states are merged, so that a violation on one of two paths into a state is not
//! missed.
//!
//! May import: `core::registry`, `core::ids`, `core::raft`, `core::fence`, `core::placement`, `core::migration`, `core::gate`, `core::control_plane`.

mod calls;
mod cluster_fact;
mod commit;
mod consensus;
mod fact;
mod findings;
pub mod history;
mod monitor;
mod nodes;
mod past;
mod register;
mod sink;
mod truth;

pub use crate::core::registry::{Id, Invariant, JudgedBy, REGISTRY};
use alloc::string::String;
pub use cluster_fact::{Before, ClusterFact, NodeNow};
pub use consensus::ConsensusMonitor;
pub use fact::{Fact, ReadServed, SinkNow, SinkStep, Statement};
pub use findings::Findings;
pub use nodes::is_outsider;
pub use past::Monitor;
pub use register::Register;

/// A violated invariant, with the two facts in conflict.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Violation {
    /// The invariant that is violated.
    pub id: Id,
    /// The fact that was found.
    pub found: String,
    /// The fact that the found one contradicts.
    pub against: String,
}
