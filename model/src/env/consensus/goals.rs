//! The goals of the nodes and their clients; `way.rs` judges them.

use crate::protocol::{GoalSet, Invariant};
use cutover::core::invariant::JudgedBy;

const fn goal(id: &'static str, claim: &'static str, source: &'static str) -> Invariant {
    Invariant { id, claim, source, scope: JudgedBy::Ways }
}

/// The goals of the nodes and their clients.
pub const GOALS: &[Invariant] = &[
    goal(
        "raft.can-elect",
        "While a quorum lives, a leader can be elected that the living members follow.",
        "Raft 5.2, 5.6",
    ),
    goal(
        "raft.can-commit",
        "While a quorum lives, everything in the leader's log can be committed, and what is proposed next.",
        "Raft 5.4.2",
    ),
    goal("raft.can-catch-up", "Every living member can apply all that is committed.", "Raft 5.3, 7"),
    goal(
        "client.can-end",
        "Every request that a client waits for can be answered, or its client is told that nobody will answer; a new write, a \
         new read and a new session are answered.",
        "thesis 6.3, 6.4",
    ),
    goal("raft.can-promote", "Every living learner can become a voter.", "thesis 4.2.1"),
];

pub(super) const ELECT: GoalSet = 1;
pub(super) const COMMIT: GoalSet = 1 << 1;
pub(super) const CATCH_UP: GoalSet = 1 << 2;
pub(super) const END: GoalSet = 1 << 3;
pub(super) const PROMOTE: GoalSet = 1 << 4;
