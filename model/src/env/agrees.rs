//! The invariants that a machine does what its reference does.

use crate::protocol::Invariant;
use cutover::core::invariant::JudgedBy;

const fn agrees(id: &'static str, claim: &'static str, source: &'static str) -> Invariant {
    Invariant { id, claim, source, scope: JudgedBy::History }
}

/// Stores.
pub(crate) const STORES: Invariant = agrees(
    "store.agrees-with-its-reference",
    "A store's fence does what its reference does: each answer, what is durable before it, and the whole state.",
    "`docs/protocol.md`, rules F1 to F20",
);

/// Controllers.
pub(crate) const CONTROLLERS: Invariant = agrees(
    "controller.agrees-with-its-reference",
    "A controller asks, proposes and sets at each event what its reference does, in the order that the rules ask for, and has its waits.",
    "`docs/protocol.md`, rules M1 to M28",
);

/// The placement table.
pub(crate) const TABLE: Invariant = agrees(
    "table.agrees-with-its-reference",
    "The placement table answers and changes as its reference does, through restores and recoveries.",
    "`docs/protocol.md`, rules T1 to T37",
);
