//! Conversions of records and resolutions between protobuf messages and the types of the protocol.

use super::command::{Malformed, guarantee, guarantee_of};
use super::digest::{digest, digest_of};
use super::v1;
use crate::core::control_plane::PartitionName;
use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision};
use crate::core::migration::{CutoverFacts, Debt, Held, Kept, OldCopy, PartitionRecord, Placed};
use crate::core::placement::{PartitionState, Phase, Resolution};

const fn parts(state: PartitionState) -> (v1::Phase, Placement, Option<Placement>) {
    match state {
        PartitionState::Active(at) => (v1::Phase::Active, at, None),
        PartitionState::Migrating { from, to, phase: Phase::Draining } => {
            (v1::Phase::Draining, from, Some(to))
        }
        PartitionState::Migrating { from, to, phase: Phase::Cutover } => (v1::Phase::Cutover, from, Some(to)),
    }
}

fn state(phase: i32, from: u64, to: Option<u64>) -> Result<PartitionState, Malformed> {
    let from = Placement(from);
    let to = to.map(Placement);
    let migrating = |phase| {
        let to = to.ok_or(Malformed::Missing { field: "to" })?;
        Ok(PartitionState::Migrating { from, to, phase })
    };
    match v1::Phase::try_from(phase) {
        Ok(v1::Phase::Active) => Ok(PartitionState::Active(from)),
        Ok(v1::Phase::Draining) => migrating(Phase::Draining),
        Ok(v1::Phase::Cutover) => migrating(Phase::Cutover),
        Ok(v1::Phase::Unspecified) | Err(_) => Err(Malformed::Missing { field: "phase" }),
    }
}

impl v1::Resolution {
    /// The message of a resolution. `name` is empty for a partition without a name.
    #[must_use]
    pub fn of(resolution: &Resolution, name: Option<&PartitionName>) -> Self {
        let (phase, from, to) = parts(resolution.state);
        Self {
            partition: resolution.partition.0,
            name: name.map(ToString::to_string).unwrap_or_default(),
            phase: phase.into(),
            from: from.0,
            to: to.map(|to| to.0),
            epoch: resolution.epoch.0,
            guarantee: guarantee_of(resolution.guarantee),
            revision: resolution.revision.0,
        }
    }
}

impl TryFrom<&v1::Resolution> for Resolution {
    type Error = Malformed;

    fn try_from(wire: &v1::Resolution) -> Result<Self, Malformed> {
        Ok(Self {
            partition: PartitionId(wire.partition),
            state: state(wire.phase, wire.from, wire.to)?,
            epoch: Epoch(wire.epoch),
            guarantee: guarantee(wire.guarantee)?,
            revision: Revision(wire.revision),
        })
    }
}

impl v1::Record {
    /// The message of a record. `name` is empty for a partition without a name.
    #[must_use]
    pub fn of(record: &PartitionRecord, name: Option<&PartitionName>) -> Self {
        Self {
            partition: record.partition.0,
            name: name.map(ToString::to_string).unwrap_or_default(),
            epoch: record.epoch.0,
            migration: record.migration.0,
            placed: record.placed.map(v1::Placed::from),
            old_copies: record.old_copies.iter().map(v1::OldCopy::from).collect(),
        }
    }
}

impl From<Placed> for v1::Placed {
    fn from(placed: Placed) -> Self {
        let (phase, from, to) = parts(placed.state);
        Self {
            phase: phase.into(),
            from: from.0,
            to: to.map(|to| to.0),
            owned_since: placed.owned_since.0,
            copy: placed.copy.0,
            opened: placed.opened,
            guarantee: guarantee_of(placed.guarantee),
            cutover: placed.cutover.map(|facts| v1::CutoverFacts {
                draining_epoch: facts.draining.0,
                target_incarnation: facts.target.0,
                watermark: facts.watermark.map(|watermark| watermark.0),
                digest: facts.digest.and_then(digest_of),
            }),
            unsealed: placed.debt.map(|debt| v1::Debt {
                placement: debt.placement.0,
                through: debt.through.0,
                migration: debt.migration.0,
                copy: debt.copy.0,
                target_incarnation: debt.target.0,
                copied: debt.copied.map(|position| position.0),
            }),
            kept: placed
                .kept
                .map(|kept| v1::Kept { migration: kept.migration.0, placement: kept.placement.0 }),
            held: placed.held.map(|held| v1::Held {
                migration: held.migration.0,
                phase: match held.phase {
                    Phase::Draining => v1::Phase::Draining,
                    Phase::Cutover => v1::Phase::Cutover,
                }
                .into(),
                draining_epoch: held.draining.0,
            }),
        }
    }
}

impl From<&OldCopy> for v1::OldCopy {
    fn from(old: &OldCopy) -> Self {
        Self {
            placement: old.placement.0,
            copy: old.copy.0,
            sealed_through: old.sealed_through.map(|epoch| epoch.0),
            retiring: old.retiring,
            late_before: old.late_before.map(|epoch| epoch.0),
        }
    }
}

impl TryFrom<&v1::Record> for PartitionRecord {
    type Error = Malformed;

    fn try_from(wire: &v1::Record) -> Result<Self, Malformed> {
        let old = |old: &v1::OldCopy| -> Result<OldCopy, Malformed> {
            Ok(OldCopy {
                placement: Placement(old.placement),
                copy: MigrationId(old.copy),
                sealed_through: old.sealed_through.map(Epoch),
                retiring: old.retiring,
                late_before: old.late_before.map(Epoch),
            })
        };
        Ok(Self {
            partition: PartitionId(wire.partition),
            epoch: Epoch(wire.epoch),
            migration: MigrationId(wire.migration),
            placed: wire.placed.as_ref().map(Placed::try_from).transpose()?,
            old_copies: wire.old_copies.iter().map(old).collect::<Result<_, Malformed>>()?,
        })
    }
}

impl TryFrom<&v1::Placed> for Placed {
    type Error = Malformed;

    fn try_from(wire: &v1::Placed) -> Result<Self, Malformed> {
        let debt = |debt: &v1::Debt| -> Result<Debt, Malformed> {
            Ok(Debt {
                placement: Placement(debt.placement),
                through: Epoch(debt.through),
                migration: MigrationId(debt.migration),
                copy: MigrationId(debt.copy),
                target: Incarnation(debt.target_incarnation),
                copied: debt.copied.map(Position),
            })
        };
        let held = |held: &v1::Held| -> Result<Held, Malformed> {
            Ok(Held {
                migration: MigrationId(held.migration),
                phase: match v1::Phase::try_from(held.phase) {
                    Ok(v1::Phase::Draining) => Phase::Draining,
                    Ok(v1::Phase::Cutover) => Phase::Cutover,
                    Ok(v1::Phase::Active | v1::Phase::Unspecified) | Err(_) => {
                        return Err(Malformed::Missing { field: "held.phase" });
                    }
                },
                draining: Epoch(held.draining_epoch),
            })
        };
        Ok(Self {
            state: state(wire.phase, wire.from, wire.to)?,
            owned_since: Epoch(wire.owned_since),
            copy: MigrationId(wire.copy),
            opened: wire.opened,
            guarantee: guarantee(wire.guarantee)?,
            cutover: wire.cutover.as_ref().map(|facts| CutoverFacts {
                draining: Epoch(facts.draining_epoch),
                target: Incarnation(facts.target_incarnation),
                watermark: facts.watermark.map(Position),
                digest: facts.digest.map(|found| digest(Some(found))),
            }),
            debt: wire.unsealed.as_ref().map(debt).transpose()?,
            held: wire.held.as_ref().map(held).transpose()?,
            kept: wire.kept.map(|kept| Kept {
                migration: MigrationId(kept.migration),
                placement: Placement(kept.placement),
            }),
        })
    }
}
