//! Whether a write may be sent.

use cutover::core::gate::GateRefusal;
use cutover::core::ids::{Epoch, Placement};
use cutover::core::placement::{Guarantee, PartitionState, Phase, Resolution};

/// Where writes go by this view; nowhere in a cutover.
#[must_use]
pub const fn takes_writes(view: &Resolution) -> Option<Placement> {
    // G11
    match view.state {
        PartitionState::Active(owner) => Some(owner),
        PartitionState::Migrating { from, phase: Phase::Draining, .. } => Some(from),
        PartitionState::Migrating { phase: Phase::Cutover, .. } => None,
    }
}

/// Where reads go by this view.
#[must_use]
pub const fn serves_reads(view: &Resolution) -> Placement {
    // G5
    match view.state {
        PartitionState::Active(owner) | PartitionState::Migrating { from: owner, .. } => owner,
    }
}

/// The rules that a write violates which was resolved at this epoch, against a view; none: it is admitted.
#[must_use]
pub fn violated(view: &Resolution, resolved: Epoch, from_cache: bool) -> Vec<GateRefusal> {
    let mut found = Vec::new();
    let (partition, epoch) = (view.partition, view.epoch);
    // G11
    if resolved != epoch {
        found.push(GateRefusal::StaleEpoch { have: epoch, got: resolved });
    }
    if takes_writes(view).is_none() {
        found.push(GateRefusal::InCutover { partition, epoch });
    }
    // G12
    if from_cache && view.guarantee == Guarantee::Timed {
        found.push(GateRefusal::Cached { partition });
    }
    found
}
