//! The controller of one partition: it acts on the committed record, and any controller may take any step at any time.
//!
//! Under `sealed` a controller has no state. Each step follows from the committed record and one statement of a sink,
//! and every statement names what the next step needs. So a controller can be replaced between any two inputs, two can
//! run at once, and one can act on an outdated record: its requests then carry an id that is too low, or its command
//! fails the compare-and-swap.
//!
//! Under `timed` it keeps one thing: which wait is running and whether it has ended. That is never stored or passed on;
//! a controller that takes over starts the wait again.

use super::{Command, Event, Output, PartitionRecord, Placed, Policy, Settlement, Timer, Transition};
use crate::core::fence::{
    Body, CatchUpEvidence, DropCopy, Dropped, EvidenceQuery, Prepare, Prepared, Refusal, Reply, Request,
    Seal, SealReceipt, WatermarkQuery, WatermarkReading,
};
use crate::core::ids::{Epoch, Incarnation, MigrationId, Placement, Position};
use crate::core::placement::{Guarantee, PartitionState, Phase};
use alloc::vec;
use alloc::vec::Vec;

/// The controller of one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Controller {
    policy: Policy,
    barrier: Option<Barrier>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Barrier {
    migration: MigrationId,
    epoch: Epoch,
    ended: bool,
}

/// A migration in flight, as the record shows it.
struct Flight<'a> {
    record: &'a PartitionRecord,
    placed: Placed,
    from: Placement,
    to: Placement,
    phase: Phase,
}

impl Controller {
    /// A controller that has not started a wait.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, barrier: None }
    }

    /// The policy that it follows.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Handles one event together with the newest record read; the outputs are to be performed in order.
    #[must_use]
    pub fn handle(&mut self, record: &PartitionRecord, event: &Event) -> Vec<Output> {
        self.forget_other_barriers(record);
        match event {
            Event::Observed => self.observed(record),
            Event::TookOver => self.took_over(record),
            Event::Replied(reply) => self.replied(record, reply),
            Event::TimerFired(timer) => self.timer_fired(record, timer),
        }
    }

    /// A wait belongs to one cutover. An abort or another migration ends it.
    fn forget_other_barriers(&mut self, record: &PartitionRecord) {
        let current =
            |barrier: &Barrier| barrier.migration == record.migration && barrier.epoch == record.epoch;
        self.barrier = self.barrier.filter(current);
    }

    fn observed(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let mut outputs: Vec<_> = retire(record).collect();
        let Some(placed) = record.placed else { return outputs };
        outputs.extend(settle(record, &placed));
        match flight(record) {
            None if !placed.opened => {
                let (store, migration) = (placed.state.read_placement(), placed.copy);
                let closed_through = placed.owned_since.previous();
                outputs.push(send(record, store, Body::Prepare(Prepare { migration, closed_through })));
            }
            None => {}
            Some(flight) if flight.phase == Phase::Draining => {
                outputs.extend([Output::SetTimer(Timer::Retry), prepare(&flight)]);
            }
            Some(flight) => {
                // Writes are blocked in every cutover, whichever controller began it.
                let budget = Timer::BlockedBudget { migration: record.migration };
                outputs.extend([Output::SetTimer(budget), Output::SetTimer(Timer::Retry)]);
                outputs.extend(self.cutover_observed(&flight));
            }
        }
        outputs
    }

    /// A previous controller may have sealed the source. Writes count as blocked until the source states that it is not
    /// sealed.
    fn took_over(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let mut outputs = self.observed(record);
        if let Some(flight) = flight(record).filter(|flight| flight.phase == Phase::Draining) {
            let suspected = Timer::SealSuspected { migration: record.migration };
            outputs.extend([Output::SetTimer(suspected), ask_watermark(&flight)]);
        }
        outputs
    }

    /// Repeats all requests, and asks whether a seal sent by another controller has arrived.
    fn retry(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let mut outputs = self.observed(record);
        outputs.extend(
            flight(record).filter(|flight| flight.phase == Phase::Draining).map(|f| ask_watermark(&f)),
        );
        outputs
    }

    fn cutover_observed(&mut self, flight: &Flight<'_>) -> Vec<Output> {
        let record = flight.record;
        let watermark = flight.placed.cutover.and_then(|facts| facts.watermark);
        if let Some(watermark) = watermark {
            return vec![ask_evidence(flight, watermark)];
        }
        let (migration, epoch) = (record.migration, record.epoch);
        match self.barrier {
            Some(Barrier { ended: true, .. }) => vec![ask_watermark(flight)],
            Some(Barrier { ended: false, .. }) => Vec::new(),
            None => {
                self.barrier = Some(Barrier { migration, epoch, ended: false });
                vec![Output::SetTimer(Timer::Barrier { migration, epoch })]
            }
        }
    }

    fn replied(&mut self, record: &PartitionRecord, reply: &Reply) -> Vec<Output> {
        match reply {
            Reply::Prepared(prepared) => self.prepared(record, prepared),
            Reply::Sealed(receipt) => sealed(record, receipt),
            Reply::Evidence(evidence) => self.evidence(record, evidence),
            Reply::Watermark(reading) => self.watermark(record, reading),
            Reply::Dropped(dropped) => dropped_copy(record, dropped),
            Reply::Refused { request, refusal } => refused(record, request, refusal),
            Reply::ChunkTaken(_) | Reply::Applied { .. } => Vec::new(),
        }
    }

    fn prepared(&self, record: &PartitionRecord, prepared: &Prepared) -> Vec<Output> {
        let Some(placed) = record.placed else { return Vec::new() };
        let expected = record.expected();
        if let Some(debt) = placed.debt
            && prepared.origin().store == debt.placement
            && prepared.closed_through() >= debt.through
            && prepared.enforces()
        {
            let proof = Settlement::Closed(*prepared);
            return vec![propose(record, Transition::Settle { migration: debt.migration, proof })];
        }
        let Some(flight) = flight(record).filter(|flight| flight.phase == Phase::Draining) else {
            if placed.opened || prepared.migration() != placed.copy {
                return Vec::new();
            }
            return vec![propose(record, Transition::Open { expected, prepared: *prepared })];
        };
        if prepared.migration() != record.migration || prepared.origin().store != flight.to {
            return Vec::new();
        }
        match (placed.guarantee, self.policy.lag_writes_max) {
            (Guarantee::Timed, _) => {
                let migration = record.migration;
                let enter = Transition::EnterTimedCutover { expected, prepared: *prepared };
                vec![Output::SetTimer(Timer::BlockedBudget { migration }), propose(record, enter)]
            }
            (Guarantee::Sealed, None) => seal(&flight, prepared.origin().incarnation),
            (Guarantee::Sealed, Some(_)) => vec![ask_watermark(&flight)],
        }
    }

    /// While draining: asks the target for its lag behind this position of the source. If the source is sealed already,
    /// writes are blocked, so the budget runs and the lag does not matter.
    ///
    /// In a `timed` cutover: records the last position, if this controller's own wait has ended.
    fn watermark(&self, record: &PartitionRecord, reading: &WatermarkReading) -> Vec<Output> {
        let Some(flight) = flight(record) else { return Vec::new() };
        if reading.migration() != record.migration || reading.epoch() != record.epoch {
            return Vec::new();
        }
        match (flight.phase, self.policy.lag_writes_max, self.barrier) {
            (Phase::Draining, lag, _) => {
                let migration = record.migration;
                if reading.sealed_through() >= record.epoch {
                    let budget = Output::SetTimer(Timer::BlockedBudget { migration });
                    return vec![budget, ask_evidence(&flight, Position::ZERO)];
                }
                // The blocked budget keeps running: this controller may have sent a seal after the question.
                let cleared = Output::CancelTimer(Timer::SealSuspected { migration });
                let ask = lag.map(|lag| ask_evidence(&flight, reading.position().minus(lag)));
                core::iter::once(cleared).chain(ask).collect()
            }
            (Phase::Cutover, _, Some(Barrier { ended: true, .. })) => {
                let expected = record.expected();
                vec![propose(record, Transition::RecordWatermark { expected, reading: *reading })]
            }
            (Phase::Cutover, _, _) => Vec::new(),
        }
    }

    fn evidence(&self, record: &PartitionRecord, evidence: &CatchUpEvidence) -> Vec<Output> {
        let Some(flight) = flight(record) else { return Vec::new() };
        if evidence.migration() != record.migration || evidence.epoch() != record.epoch {
            return Vec::new();
        }
        match (flight.phase, flight.placed.guarantee) {
            (Phase::Draining, Guarantee::Sealed) => seal(&flight, evidence.origin().incarnation),
            (Phase::Draining, Guarantee::Timed) => Vec::new(),
            (Phase::Cutover, _) => {
                let expected = record.expected();
                vec![propose(record, Transition::Complete { expected, evidence: *evidence })]
            }
        }
    }

    fn timer_fired(&mut self, record: &PartitionRecord, timer: &Timer) -> Vec<Output> {
        match *timer {
            Timer::Retry => self.retry(record),
            Timer::BlockedBudget { migration } | Timer::SealSuspected { migration } => {
                if flight(record).is_none() || migration != record.migration {
                    return Vec::new();
                }
                vec![propose(record, Transition::Abort { expected: record.expected() })]
            }
            Timer::Barrier { migration, epoch } => {
                let fired = Barrier { migration, epoch, ended: false };
                if self.barrier != Some(fired) {
                    return Vec::new();
                }
                self.barrier = Some(Barrier { ended: true, ..fired });
                flight(record).map(|flight| ask_watermark(&flight)).into_iter().collect()
            }
        }
    }
}

/// The migration that a controller drives. A held one waits for an operator.
fn flight(record: &PartitionRecord) -> Option<Flight<'_>> {
    let placed = record.placed.filter(|placed| placed.held.is_none())?;
    match placed.state {
        PartitionState::Migrating { from, to, phase } => Some(Flight { record, placed, from, to, phase }),
        PartitionState::Active(_) => None,
    }
}

fn prepare(flight: &Flight<'_>) -> Output {
    let prepare = Prepare { migration: flight.record.migration, closed_through: flight.record.epoch };
    send(flight.record, flight.to, Body::Prepare(prepare))
}

/// The budget starts before the request is sent, since writes may be blocked from then on.
fn seal(flight: &Flight<'_>, target: Incarnation) -> Vec<Output> {
    let (migration, through) = (flight.record.migration, flight.record.epoch);
    let seal = Body::Seal(Seal { migration, through, target });
    vec![Output::SetTimer(Timer::BlockedBudget { migration }), send(flight.record, flight.from, seal)]
}

fn ask_evidence(flight: &Flight<'_>, at_least: Position) -> Output {
    let (migration, epoch) = (flight.record.migration, flight.record.epoch);
    send(flight.record, flight.to, Body::Evidence(EvidenceQuery { migration, epoch, at_least }))
}

fn ask_watermark(flight: &Flight<'_>) -> Output {
    let (migration, epoch) = (flight.record.migration, flight.record.epoch);
    send(flight.record, flight.from, Body::Watermark(WatermarkQuery { migration, epoch }))
}

fn sealed(record: &PartitionRecord, receipt: &SealReceipt) -> Vec<Output> {
    let Some(placed) = record.placed else { return Vec::new() };
    if let Some(debt) = placed.debt
        && receipt.migration() == debt.migration
    {
        let proof = Settlement::Sealed(*receipt);
        return vec![propose(record, Transition::Settle { migration: debt.migration, proof })];
    }
    match flight(record) {
        Some(flight) if flight.phase == Phase::Draining && receipt.migration() == record.migration => {
            let expected = record.expected();
            vec![propose(record, Transition::EnterCutover { expected, receipt: *receipt })]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Records a dropped copy. If it was at the source of a forced move, that also settles the debt.
fn dropped_copy(record: &PartitionRecord, dropped: &Dropped) -> Vec<Output> {
    let mut outputs = Vec::new();
    if let Some(debt) = record.placed.and_then(|placed| placed.debt)
        && dropped.origin().store == debt.placement
        && dropped.copy() >= debt.copy
    {
        let proof = Settlement::Dropped(*dropped);
        outputs.push(propose(record, Transition::Settle { migration: debt.migration, proof }));
    }
    outputs.push(propose(record, Transition::ForgetCopy { dropped: *dropped }));
    outputs
}

/// A target that lost its state refuses every copy of this migration, so the migration is aborted.
fn refused(record: &PartitionRecord, request: &Request, refusal: &Refusal) -> Vec<Output> {
    let Body::Prepare(prepare) = &request.body else { return Vec::new() };
    let lost = matches!(refusal, Refusal::UnknownPartition { .. });
    match flight(record) {
        Some(flight) if lost && prepare.migration == record.migration && request.store == flight.to => {
            vec![propose(record, Transition::Abort { expected: record.expected() })]
        }
        Some(_) | None => Vec::new(),
    }
}

/// Seals the source of a forced move as soon as it is reachable.
fn settle(record: &PartitionRecord, placed: &Placed) -> Option<Output> {
    let debt = placed.debt?;
    let seal = Seal { migration: debt.migration, through: debt.through, target: debt.target };
    Some(send(record, debt.placement, Body::Seal(seal)))
}

fn retire(record: &PartitionRecord) -> impl Iterator<Item = Output> + '_ {
    record.old_copies.iter().filter(|old| old.retiring).map(|old| {
        let drop = DropCopy { copy: old.copy, sealed_through: old.sealed_through };
        send(record, old.placement, Body::Drop(drop))
    })
}

fn send(record: &PartitionRecord, store: Placement, body: Body) -> Output {
    Output::Send(Request { store, partition: record.partition, body })
}

const fn propose(record: &PartitionRecord, transition: Transition) -> Output {
    Output::Propose(Command { partition: record.partition, transition })
}
