//! Orders of moves, and what moves: the log's word with what the leader's controllers know beside it.

use super::deadline::Deadline;
use super::errors::{from_outcome, malformed};
use super::placements::partition_of;
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState, Drain, OrderChange, Retirement};
use crate::core::ids::{PartitionId, Placement};
use crate::core::migration::{Command, Owner, PartitionRecord, Policy, Said, Transition};
use crate::node::controllers::{Board, CopySize, Finished, Progress};
use crate::node::proto::{PartitionSelector, abort_reason_of, v1};
use crate::node::server::Service;
use core::time::Duration;
use std::collections::BTreeMap;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

/// Most partitions in one response of `Moves`.
const PAGE: usize = 1_000;
/// Most reasons for which the partitions of a drain are said to wait.
const WAITS: usize = 16;

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

const fn size(of: CopySize) -> v1::CopySize {
    v1::CopySize { rows: of.rows, bytes: of.bytes, position: of.position.0, complete: of.complete }
}

fn progress(of: &Progress, now: Instant) -> v1::MoveProgress {
    v1::MoveProgress {
        driven_ms: millis(now - of.since),
        source: of.source.map(size),
        target: of.target.map(size),
        bytes_per_second: of.bytes_per_second,
        blocked_ms: of.blocked_since.map(|since| millis(now - since)),
        waits_for: of.waits_for.as_ref().map(|(store, why)| format!("{store}: {why}")).unwrap_or_default(),
    }
}

fn finished(of: Finished) -> v1::FinishedMove {
    v1::FinishedMove {
        migration: of.migration.0,
        completed: of.completed,
        blocked_ms: millis(of.blocked),
        driven_ms: millis(of.driven),
    }
}

fn moved(
    state: &ControlPlaneState,
    record: &PartitionRecord,
    policy: Policy,
    board: Option<&Board>,
) -> v1::Move {
    let (partition, orders) = (record.partition, state.orders());
    let aborted = orders.aborted(partition).map(|aborted| v1::AbortedMove {
        migration: aborted.migration.0,
        to: aborted.to.0,
        reason: abort_reason_of(aborted.why),
        text: aborted.why.to_string(),
        epoch: aborted.epoch.0,
    });
    let retirement =
        |one: &Retirement| v1::Retirement { placement: one.placement.0, copy: one.copy.0, at_s: one.at_s };
    v1::Move {
        record: Some(v1::Record::of(record, state.directory().name(partition))),
        order: orders.order_of(record).map(Into::into),
        aborted,
        retirements: orders.retirements_of(partition).iter().map(retirement).collect(),
        blocked_budget_ms: orders.policy_of(record, policy).blocked_budget_ms,
        progress: None,
        finished: None,
        held: board.and_then(|board| held(board, record)),
    }
}

fn drains(state: &ControlPlaneState) -> Vec<v1::DrainStatus> {
    let left = |from: Placement| {
        let owned = state.table().records().filter_map(|record| record.placed);
        owned.filter(|placed| placed.state.read_placement() == from).count()
    };
    let drain = |(from, drain): (Placement, &Drain)| v1::DrainStatus {
        from: from.0,
        to: drain.to.0,
        order: Some((&drain.order).into()),
        left: u32::try_from(left(from)).unwrap_or(u32::MAX),
        waits: waits(state, from, drain.to),
    };
    state.orders().drains().map(drain).collect()
}

/// Why a partition at a store that is drained does not move; `None`: it does, or begins any moment.
fn wait(state: &ControlPlaneState, record: &PartitionRecord, to: Placement) -> Option<String> {
    let placed = record.placed?;
    if placed.state.is_migrating() {
        return None;
    }
    if placed.held.is_some() {
        return Some("it is held since the cluster was restored: no store has stated what it has".to_owned());
    }
    if !placed.opened {
        return Some("its store has not stated that it is prepared".to_owned());
    }
    let transition = Transition::Begin { expected: record.expected(), to };
    let begin = Command { partition: record.partition, transition };
    let refused = state.table().clone().apply(&begin).err().map(|refusal| refusal.to_string());
    let aborted = || state.orders().aborted(record.partition);
    refused.or_else(|| {
        aborted().map(|last| format!("its last move was aborted, and begins again: {}", last.why))
    })
}

/// The reasons why partitions of a drain do not move, with how many wait for each.
fn waits(state: &ControlPlaneState, from: Placement, to: Placement) -> Vec<v1::DrainWait> {
    let mut waits: BTreeMap<String, v1::DrainWait> = BTreeMap::new();
    for record in state.table().records() {
        if record.placed.is_none_or(|placed| placed.state.read_placement() != from) {
            continue;
        }
        let Some(why) = wait(state, record, to) else { continue };
        if waits.len() == WAITS && !waits.contains_key(&why) {
            continue;
        }
        let name = state.directory().name(record.partition);
        let first = name.map_or_else(|| record.partition.to_string(), ToString::to_string);
        let one = waits.entry(why.clone()).or_insert(v1::DrainWait { why, partitions: 0, first });
        one.partitions += 1;
    }
    waits.into_values().collect()
}

impl Service {
    pub(super) async fn ordered(
        &self,
        request: Request<v1::OrderRequest>,
    ) -> Result<Response<v1::OrderResponse>, Status> {
        let limit = Deadline::of(request.metadata());
        let change = request.into_inner().change;
        let change = change.ok_or_else(|| Status::invalid_argument("change is missing"))?;
        let change = OrderChange::try_from(change).map_err(|error| malformed(&error))?;
        let entry = ControlPlaneEntry::OrderChange(change);
        let outcome = self.within(limit, true, self.handle.propose(entry, None)).await?;
        let (index, _) = from_outcome(outcome, self.hint())?;
        Ok(Response::new(v1::OrderResponse { index: index.0 }))
    }

    pub(super) async fn moving(
        &self,
        request: Request<v1::MovesRequest>,
    ) -> Result<Response<v1::MovesResponse>, Status> {
        let within = Deadline::of(request.metadata());
        let v1::MovesRequest { partition, after, limit } = request.into_inner();
        let asked = partition.map(|one| PartitionSelector::try_from(Some(one))).transpose();
        let asked = asked.map_err(|error| malformed(&error))?;
        let missing = asked.as_ref().map(|asked| Status::not_found(format!("there is no partition {asked}")));
        let limit =
            usize::try_from(limit).ok().filter(|limit| *limit > 0).map_or(PAGE, |limit| limit.min(PAGE));
        let (policy, board) = (self.policy, self.board.clone());
        let read = self.handle.read(move |view| {
            let state = view.state();
            let mut moves: Vec<_> = match asked {
                Some(asked) => {
                    let record = partition_of(state, &asked).and_then(|number| state.table().record(number));
                    vec![moved(state, record?, policy, board.as_ref())]
                }
                None => {
                    let after = (after > 0).then_some(PartitionId(after));
                    let unsettled = state.table().records_after(after).filter(|record| {
                        let flies = record.placed.is_some_and(|placed| placed.state.is_migrating());
                        flies || !record.is_settled()
                    });
                    unsettled
                        .take(limit + 1)
                        .map(|record| moved(state, record, policy, board.as_ref()))
                        .collect()
                }
            };
            let more = moves.len() > limit;
            moves.truncate(limit);
            let (paused, drains) = (state.orders().paused(), drains(state));
            Some(v1::MovesResponse { moves, more, paused, drains, driven: false })
        });
        let answer = self.within(within, false, read).await?;
        let mut answer = answer.ok_or_else(|| missing.unwrap_or_else(|| Status::internal("no answer")))?;
        if let Some(board) = &self.board {
            answer.driven = true;
            show(board, &mut answer.moves);
        }
        Ok(Response::new(answer))
    }
}

/// What the stores show of a migration that is held. `None`: it is not held.
fn held(board: &Board, record: &PartitionRecord) -> Option<v1::HeldMove> {
    let (source, target) = board.held(record.partition, record.migration);
    let (owner, unclear) = match record.owner_by(source, target)? {
        Owner::Source => (v1::held_move::Owner::Source, String::new()),
        Owner::Target => (v1::held_move::Owner::Target, String::new()),
        Owner::Unclear(why) => (v1::held_move::Owner::Unspecified, why.to_string()),
    };
    let position = |said: Option<Said>| Some(said?.position?.0);
    let (source_position, target_position) = (position(source), position(target));
    Some(v1::HeldMove { owner: owner.into(), unclear, source_position, target_position })
}

/// Adds what the controllers know.
fn show(board: &Board, moves: &mut [v1::Move]) {
    let now = Instant::now();
    for one in moves {
        let Some(partition) = one.record.as_ref().map(|record| PartitionId(record.partition)) else {
            continue;
        };
        one.progress = board.progress(partition).map(|of| progress(&of, now));
        one.finished = board.finished(partition).map(finished);
    }
}
