//! The goals of the sinks, their controllers and gateways; `way.rs` judges them.

use crate::protocol::{GoalSet, Invariant};
use cutover::core::invariant::JudgedBy;

const fn goal(id: &'static str, claim: &'static str, source: &'static str) -> Invariant {
    Invariant { id, claim, source, scope: JudgedBy::Ways }
}

/// The goals of the sinks, their controllers and gateways.
pub const GOALS: &[Invariant] = &[
    goal(
        "migration.can-settle",
        "While both stores live, the record of every partition can settle: its migration ends, its new copy is opened.",
        "ADR 0034",
    ),
    goal(
        "migration.can-complete",
        "A migration that nobody aborts, and whose stores have what the record says, completes.",
        "DESIGN, the migration state machine",
    ),
    goal(
        "migration.can-clean-up",
        "While both stores live, every debt can be settled, and every old copy that is retired can be dropped and forgotten.",
        "ADR 0004, ADR 0010",
    ),
    goal(
        "migration.can-serve",
        "Once the record has settled, its owner can take a new write of a new session, and serve a read: no place is kept for ever.",
        "docs/protocol.md, a move; rules F1 to F20",
    ),
    goal(
        "gate.can-end",
        "While the record is settled, every write that a gateway has begun can end.",
        "docs/protocol.md, a move",
    ),
];

pub(super) const SETTLE: GoalSet = 1;
pub(super) const COMPLETE: GoalSet = 1 << 1;
pub(super) const CLEAN_UP: GoalSet = 1 << 2;
pub(super) const SERVE: GoalSet = 1 << 3;
pub(super) const END: GoalSet = 1 << 4;
