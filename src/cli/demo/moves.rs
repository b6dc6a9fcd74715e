//! Moves of the partition, and what the log says of them.

use super::clock::{Micros, now};
use super::cluster::{Cluster, PARTITION, STORES};
use crate::cli::{Failed, exit};
use crate::client::{Client, Update};
use crate::core::ids::{PartitionId, Placement, Position};
use crate::core::migration::PartitionRecord;
use crate::core::placement::{PartitionState, Phase};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

/// How long a move may take, with all its attempts.
const MOVE: Duration = Duration::from_secs(120);

/// What a move does at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// No move is under way, and no copy is left to be dropped.
    Rest,
    /// The target copies; writes go to the source.
    Copying,
    /// Writes may be blocked.
    Blocked,
    /// The target is the owner; the source still has its copy.
    Flipped,
}

/// A change of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Change {
    pub(super) time: Micros,
    pub(super) stage: Stage,
    pub(super) state: PartitionState,
    /// The position of the source's last write, once it is known.
    pub(super) watermark: Option<Position>,
}

/// What the log has said of the partition so far.
#[derive(Clone, Default)]
pub(super) struct Followed(Arc<Mutex<Vec<Change>>>);

fn change(record: &PartitionRecord) -> Option<Change> {
    let placed = record.placed?;
    let stage = match placed.state {
        PartitionState::Active(_) if record.old_copies.is_empty() => Stage::Rest,
        PartitionState::Active(_) => Stage::Flipped,
        PartitionState::Migrating { phase: Phase::Draining, .. } if placed.cutover.is_none() => {
            Stage::Copying
        }
        PartitionState::Migrating { .. } => Stage::Blocked,
    };
    let watermark = placed.cutover.and_then(|facts| facts.watermark);
    Some(Change { time: now(), stage, state: placed.state, watermark })
}

impl Followed {
    /// Follows the changes of a partition for ever.
    pub(super) async fn follow(self, client: Client, partition: PartitionId) {
        let mut watch = client.watch();
        loop {
            let record = match watch.next().await {
                Ok(Update::Everything { records, .. }) => {
                    records.into_iter().find(|record| record.partition == partition)
                }
                Ok(Update::Changed { partition: of, record, .. }) if of == partition => record,
                Ok(Update::Changed { .. }) => None,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    None
                }
            };
            if let Some(change) = record.as_ref().and_then(change) {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(change);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn last(&self) -> Option<Change> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().copied()
    }
}

/// Moves the partition to a store, as an operator does, until the old copy is dropped. Returns how often the move was aborted.
pub(super) async fn to(
    cluster: &Cluster,
    followed: &Followed,
    stores: [Placement; 2],
    target: usize,
) -> Result<u64, Failed> {
    let arrived = tokio::time::timeout(MOVE, steps(cluster, followed, stores, target)).await;
    arrived.unwrap_or_else(|_| {
        let state = followed.last().map_or_else(String::new, |last| format!(": it is {}", last.state));
        Err(Failed::new(exit::UNSETTLED, format!("the move has not ended after {MOVE:?}{state}")))
    })
}

async fn steps(
    cluster: &Cluster,
    followed: &Followed,
    stores: [Placement; 2],
    target: usize,
) -> Result<u64, Failed> {
    let name = STORES.get(target).copied().unwrap_or_default();
    let source = STORES.get(1 - target).copied().unwrap_or_default();
    let at = stores.get(target).copied().unwrap_or(Placement(u64::MAX));
    let (mut begun, mut retired) = (0_u64, false);
    loop {
        match followed.last().map(|last| (last.state, last.stage)) {
            Some((PartitionState::Active(place), Stage::Rest)) if place == at => {
                return Ok(begun.saturating_sub(1));
            }
            Some((PartitionState::Active(place), _)) if place == at && !retired => {
                retired = cluster.try_ctl(&["retire", PARTITION, "--at", source]).await?;
            }
            Some((PartitionState::Active(place), _)) if place != at => {
                if cluster.try_ctl(&["begin", PARTITION, "--to", name]).await? {
                    begun += 1;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Some(_) | None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
