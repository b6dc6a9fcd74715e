//! How far the moves are that a leader drives: what operators are shown. Nothing is decided by it, and it is lost with the leader.

use super::CopySize;
use crate::core::ids::{MigrationId, PartitionId, Placement};
use crate::core::migration::{PartitionRecord, Said};
use crate::core::placement::PartitionState;
use core::time::Duration;
use metrics::{counter, gauge, histogram};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Most moves whose end is remembered.
const FINISHED_MAX: usize = 1_024;

/// How far a move is.
#[derive(Clone, PartialEq, Debug)]
pub struct Progress {
    /// The move.
    pub migration: MigrationId,
    /// When this leader began to drive it.
    pub since: Instant,
    /// What its source and its target have said that they have.
    pub source: Option<CopySize>,
    /// See `source`.
    pub target: Option<CopySize>,
    /// Bytes per second by which the target's copy has grown of late.
    pub bytes_per_second: u64,
    /// Since when writes may be blocked.
    pub blocked_since: Option<Instant>,
    /// A store that has not answered, and why.
    pub waits_for: Option<(Placement, String)>,
    looked_at: Option<Instant>,
}

/// How a move ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finished {
    /// The move.
    pub migration: MigrationId,
    /// The partition is at its target.
    pub completed: bool,
    /// For how long writes may have been blocked.
    pub blocked: Duration,
    /// For how long this leader drove it.
    pub driven: Duration,
    at: Instant,
}

/// What is known of all moves. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    moves: BTreeMap<PartitionId, Progress>,
    finished: BTreeMap<PartitionId, Finished>,
    /// What the sources and the targets of migrations say that are held.
    held: BTreeMap<PartitionId, Ends>,
}

/// What the source and the target say of a migration that is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Ends {
    migration: MigrationId,
    source: Option<Said>,
    target: Option<Said>,
}

impl Board {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far a partition's move is; `None`: this node does not drive one.
    #[must_use]
    pub fn progress(&self, partition: PartitionId) -> Option<Progress> {
        self.known().moves.get(&partition).cloned()
    }

    /// How the last move of a partition ended that this node has driven as leader.
    #[must_use]
    pub fn finished(&self, partition: PartitionId) -> Option<Finished> {
        self.known().finished.get(&partition).copied()
    }

    /// What the source and the target of a migration have said that is held, since this node leads.
    #[must_use]
    pub fn held(&self, partition: PartitionId, migration: MigrationId) -> (Option<Said>, Option<Said>) {
        let known = self.known();
        let ends = known.held.get(&partition).filter(|ends| ends.migration == migration);
        ends.map_or((None, None), |ends| (ends.source, ends.target))
    }

    /// The migrations that are held are these, and no others.
    pub(super) fn only_held(&self, held: &BTreeMap<PartitionId, MigrationId>) {
        self.known().held.retain(|partition, ends| held.get(partition) == Some(&ends.migration));
    }

    /// A store has said what it has of a partition whose migration is held, or has not answered.
    pub(super) fn heard(
        &self,
        (partition, migration): (PartitionId, MigrationId),
        is_target: bool,
        said: Option<Said>,
    ) {
        let mut known = self.known();
        let ends = known.held.entry(partition).or_insert(Ends { migration, source: None, target: None });
        if ends.migration != migration {
            *ends = Ends { migration, source: None, target: None };
        }
        *(if is_target { &mut ends.target } else { &mut ends.source }) = said;
    }

    /// The node does not lead any more: others drive.
    pub(super) fn clear(&self) {
        *self.known() = Known::default();
    }

    /// A record was read.
    pub(super) fn saw(&self, record: Option<&PartitionRecord>, partition: PartitionId, now: Instant) {
        let mut known = self.known();
        let flies = record.filter(|record| {
            let placed = record.placed.as_ref();
            placed.is_some_and(|placed| placed.state.is_migrating() && placed.held.is_none())
        });
        let ended = known
            .moves
            .get(&partition)
            .filter(|past| flies.is_none_or(|now| now.migration != past.migration));
        if let Some(past) = ended {
            let completed = record.and_then(|record| record.placed).is_some_and(|placed| {
                placed.copy == past.migration && matches!(placed.state, PartitionState::Active(_))
            });
            let finished = Finished {
                migration: past.migration,
                completed,
                blocked: past.blocked_since.map_or(Duration::ZERO, |since| now - since),
                driven: now - past.since,
                at: now,
            };
            known.moves.remove(&partition);
            known.ended(partition, finished);
        }
        let Some(record) = flies else { return };
        let progress = known.moves.entry(partition).or_insert_with(|| Progress {
            migration: record.migration,
            since: now,
            source: None,
            target: None,
            bytes_per_second: 0,
            blocked_since: None,
            waits_for: None,
            looked_at: None,
        });
        let blocked = record.placed.is_some_and(|placed| placed.cutover.is_some());
        if blocked && progress.blocked_since.is_none() {
            progress.blocked_since = Some(now);
        }
    }

    /// A store has said what it has of a partition.
    pub(super) fn looked(&self, partition: PartitionId, is_target: bool, size: CopySize, now: Instant) {
        let mut known = self.known();
        let Some(progress) = known.moves.get_mut(&partition) else { return };
        if !is_target {
            progress.source = Some(size);
            return;
        }
        if let (Some(before), Some(at)) = (progress.target, progress.looked_at) {
            let grown = u128::from(size.bytes.saturating_sub(before.bytes));
            let nanos = (now - at).as_nanos().max(1);
            progress.bytes_per_second = u64::try_from(grown * 1_000_000_000 / nanos).unwrap_or(u64::MAX);
        }
        progress.target = Some(size);
        progress.looked_at = Some(now);
    }

    /// A store has answered (`None`), or has not.
    pub(super) fn asked(&self, partition: PartitionId, store: Placement, why: Option<String>) {
        let mut known = self.known();
        let Some(progress) = known.moves.get_mut(&partition) else { return };
        match why {
            Some(why) => progress.waits_for = Some((store, why)),
            None if progress.waits_for.as_ref().is_some_and(|(waits, _)| *waits == store) => {
                progress.waits_for = None;
            }
            None => {}
        }
    }

    /// Tells the monitor of this process how old the oldest move is that this leader drives.
    pub(super) fn measured(&self, now: Instant) {
        let known = self.known();
        let oldest = known.moves.values().map(|progress| progress.since).min();
        gauge!("cutover_moves_oldest_seconds").set(oldest.map_or(0.0, |since| (now - since).as_secs_f64()));
        let rates: u64 = known.moves.values().map(|progress| progress.bytes_per_second).sum();
        #[expect(clippy::cast_precision_loss, reason = "a monitor's numbers are floats")]
        gauge!("cutover_moves_bytes_per_second").set(rates as f64);
    }
}

impl Known {
    fn ended(&mut self, partition: PartitionId, finished: Finished) {
        let how = if finished.completed { "completed" } else { "aborted" };
        counter!("cutover_moves_ended_total", "how" => how).increment(1);
        histogram!("cutover_move_blocked_seconds", "how" => how).record(finished.blocked.as_secs_f64());
        self.finished.insert(partition, finished);
        if self.finished.len() > FINISHED_MAX {
            let oldest =
                self.finished.iter().min_by_key(|(_, finished)| finished.at).map(|(which, _)| *which);
            oldest.map(|which| self.finished.remove(&which));
        }
    }
}
