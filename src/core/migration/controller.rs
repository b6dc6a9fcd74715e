//! The controller of one partition: it acts on the committed record, and any controller may take any step at any time.
//!
//! Under `sealed` a controller has no state. Each step follows from the committed record and one statement of a sink,
//! and every statement names what the next step needs. So a controller can be replaced between any two inputs, two can
//! run at once, and one can act on an outdated record: its requests then carry an id that is too low, or its command
//! fails the compare-and-swap.
//!
//! Under `timed` it keeps one thing: which wait is running and whether it has ended. That is never stored or passed on; a
//! controller that did not see it begin starts it again, and one that takes over aborts (ADR 0034).

use super::flight::{Flight, flight, propose, send};
use super::waits::Waits;
use super::{
    AbortReason, Event, Output, PartitionRecord, Placed, Policy, Settlement, Timer, Transition, refused,
};
use crate::core::fence::{
    Body, CatchUpEvidence, DropCopy, Dropped, EvidenceQuery, Prepare, Prepared, Reply, Seal, SealReceipt,
    WatermarkQuery, WatermarkReading,
};
use crate::core::ids::{Incarnation, Position};
use crate::core::placement::{Guarantee, Phase};
use alloc::vec;
use alloc::vec::Vec;

/// The controller of one partition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Controller {
    policy: Policy,
    waits: Waits,
}

impl Controller {
    /// A controller that has not started a wait.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, waits: Waits::none() }
    }

    /// The policy that it follows.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Follows another policy from the next event on: an operator may have the copy held back, or grant another budget. Waits go on.
    pub const fn follow(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// The waits that the record of its last event asked for: the migration or copy, the epoch, and whether the wait has ended.
    pub fn waits(
        &self,
    ) -> impl Iterator<Item = (crate::core::ids::MigrationId, crate::core::ids::Epoch, bool)> {
        self.waits.all()
    }

    /// Handles one event together with the newest record read; the outputs are to be performed in order.
    #[must_use]
    pub fn handle(&mut self, record: &PartitionRecord, event: &Event) -> Vec<Output> {
        self.waits.keep_for(record);
        match event {
            Event::Observed => self.observed(record),
            Event::TookOver => self.took_over(record),
            Event::Replied(reply) => self.replied(record, reply),
            Event::TimerFired(timer) => self.timer_fired(record, timer),
        }
    }

    /// What is to be done about a record.
    fn observed(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let mut outputs = self.retire(record);
        if let Some(placed) = record.placed {
            outputs.extend(settle(record, &placed));
            outputs.extend(self.advance(record, &placed));
        }
        repeated(outputs)
    }

    fn advance(&mut self, record: &PartitionRecord, placed: &Placed) -> Vec<Output> {
        match flight(record) {
            None if !placed.opened => {
                let (store, migration) = (placed.state.read_placement(), placed.copy);
                let closed_through = placed.owned_since.previous();
                let prepare = Prepare { migration, closed_through, source: None, keep: None };
                vec![send(record, store, Body::Prepare(prepare))]
            }
            None => Vec::new(),
            Some(flight) => {
                let mut outputs = Vec::new();
                if flight.placed.cutover.is_some() {
                    // Whichever controller asked for the seal or began the cutover.
                    outputs.push(Output::SetTimer(Timer::BlockedBudget { migration: record.migration }));
                }
                outputs.push(Output::SetTimer(Timer::Retry));
                outputs.extend(match (flight.phase, flight.placed.cutover, flight.placed.guarantee) {
                    (Phase::Cutover, ..) => self.cutover_observed(&flight),
                    (Phase::Draining, Some(facts), Guarantee::Sealed) => vec![seal(&flight, facts.target)],
                    (Phase::Draining, ..) => vec![prepare(&flight)],
                });
                outputs
            }
        }
    }

    /// Has the copies dropped that an operator has retired. Where writes cannot be refused, not before those that were under
    /// way have taken effect: afterwards, the store may get another copy.
    fn retire(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let mut outputs = Vec::new();
        for old in &record.old_copies {
            if let Some(before) = old.late_before {
                outputs.extend(self.waits.start(old.copy, before));
            }
            let waited = old.late_before.is_none_or(|before| self.waits.has_ended(old.copy, before));
            if old.retiring && waited {
                let drop = DropCopy { copy: old.copy, sealed_through: old.sealed_through };
                outputs.push(send(record, old.placement, Body::Drop(drop)));
            }
        }
        outputs
    }

    /// If writes may be blocked, how much of the budget is left is not known. A migration that is one answer away from its flip gets
    /// the time for that answer; every other one is aborted at once.
    fn took_over(&mut self, record: &PartitionRecord) -> Vec<Output> {
        let blocking =
            flight(record).and_then(|flight| Some((flight.placed, flight.placed.cutover?, flight)));
        let Some((placed, facts, flight)) = blocking else { return self.observed(record) };
        let mut outputs = self.retire(record);
        outputs.extend(settle(record, &placed));
        match facts.watermark {
            Some(watermark) => {
                let migration = record.migration;
                outputs.extend([
                    Output::SetTimer(Timer::Overdue { migration }),
                    ask_evidence(&flight, watermark),
                ]);
            }
            None => outputs.extend(abort(record, AbortReason::TakenOver)),
        }
        outputs
    }

    fn cutover_observed(&mut self, flight: &Flight<'_>) -> Vec<Output> {
        let record = flight.record;
        let watermark = flight.placed.cutover.and_then(|facts| facts.watermark);
        if let Some(watermark) = watermark {
            // The store forgets in a crash that it pulls.
            return vec![prepare(flight), ask_evidence(flight, watermark)];
        }
        let (migration, epoch) = (record.migration, record.epoch);
        if self.waits.has_ended(migration, epoch) {
            return vec![ask_watermark(flight)];
        }
        self.waits.start(migration, epoch).into_iter().collect()
    }

    fn replied(&mut self, record: &PartitionRecord, reply: &Reply) -> Vec<Output> {
        match reply {
            Reply::Prepared(prepared) => self.prepared(record, prepared),
            Reply::Sealed(receipt) => sealed(record, receipt),
            Reply::Evidence(evidence) => self.evidence(record, evidence),
            Reply::Watermark(reading) => self.watermark(record, reading),
            Reply::Dropped(dropped) => dropped_copy(record, dropped),
            Reply::Refused { request, refusal } => refused::refused(record, request, refusal),
            Reply::ChunkTaken(_) | Reply::Ended(_) | Reply::Applied { .. } => Vec::new(),
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
            let proof = Settlement::Closed((*prepared).into());
            return vec![propose(record, Transition::Settle { migration: debt.migration, proof })];
        }
        let Some(flight) = flight(record) else {
            if placed.opened || prepared.migration() != placed.copy {
                return Vec::new();
            }
            return vec![propose(record, Transition::Open { expected, prepared: (*prepared).into() })];
        };
        if prepared.migration() != record.migration || prepared.origin().store != flight.to {
            return Vec::new();
        }
        if prepared.finished() {
            // It takes no more chunks, and nobody forced the partition to it.
            return vec![propose(record, Transition::Abort { expected, why: AbortReason::Ended })];
        }
        if flight.phase == Phase::Cutover {
            return Vec::new();
        }
        match (placed.cutover, placed.guarantee, self.policy.lag_writes_max) {
            (None, _, Some(_)) => vec![ask_watermark(&flight)],
            (None, _, None) => self.start_block(&flight, prepared.origin().incarnation),
            (Some(_), Guarantee::Timed, _) => {
                let enter = Transition::EnterTimedCutover { expected, prepared: (*prepared).into() };
                vec![propose(record, enter)]
            }
            (Some(_), Guarantee::Sealed, _) => Vec::new(),
        }
    }

    /// While draining: asks the target for its lag behind this position of the source. In a `timed` cutover: records the last
    /// position, if this controller's own wait has ended.
    fn watermark(&self, record: &PartitionRecord, reading: &WatermarkReading) -> Vec<Output> {
        let Some(flight) = flight(record) else { return Vec::new() };
        if reading.migration() != record.migration || reading.epoch() != record.epoch {
            return Vec::new();
        }
        match flight.phase {
            Phase::Draining if flight.placed.cutover.is_none() && reading.origin().store == flight.from => {
                let lag = self.policy.lag_writes_max;
                lag.map(|lag| ask_evidence(&flight, reading.position().minus(lag))).into_iter().collect()
            }
            Phase::Cutover if self.waits.has_ended(record.migration, record.epoch) => {
                let expected = record.expected();
                vec![propose(record, Transition::RecordWatermark { expected, reading: (*reading).into() })]
            }
            Phase::Draining | Phase::Cutover => Vec::new(),
        }
    }

    fn evidence(&self, record: &PartitionRecord, evidence: &CatchUpEvidence) -> Vec<Output> {
        let Some(flight) = flight(record) else { return Vec::new() };
        if evidence.migration() != record.migration || evidence.epoch() != record.epoch {
            return Vec::new();
        }
        match flight.phase {
            // The command names an incarnation, and not whose.
            Phase::Draining if evidence.origin().store != flight.to => Vec::new(),
            Phase::Draining => self.start_block(&flight, evidence.origin().incarnation),
            Phase::Cutover => {
                let expected = record.expected();
                let differs = flight.placed.cutover.is_some_and(|facts| {
                    facts.digest.is_some_and(|digest| digest != evidence.digest())
                        && evidence.origin().store == flight.to
                        && evidence.origin().incarnation == facts.target
                });
                if differs {
                    return vec![propose(record, Transition::Abort { expected, why: AbortReason::Digest })];
                }
                vec![propose(record, Transition::Complete { expected, evidence: (*evidence).into() })]
            }
        }
    }

    /// The copy is near enough: from here on writes may be blocked, unless an operator has that held back.
    fn start_block(&self, flight: &Flight<'_>, target: Incarnation) -> Vec<Output> {
        if flight.placed.cutover.is_some() || self.policy.hold {
            return Vec::new();
        }
        vec![propose(flight.record, Transition::StartBlock { expected: flight.record.expected(), target })]
    }

    fn timer_fired(&mut self, record: &PartitionRecord, timer: &Timer) -> Vec<Output> {
        match *timer {
            Timer::Retry => self.observed(record),
            Timer::BlockedBudget { migration } | Timer::Overdue { migration } => {
                if flight(record).is_none() || migration != record.migration {
                    return Vec::new();
                }
                abort(record, AbortReason::Budget).into()
            }
            Timer::Barrier { migration, epoch } => {
                if !self.waits.end(migration, epoch) {
                    return Vec::new();
                }
                let asks = flight(record).filter(|_| epoch == record.epoch).map(|f| ask_watermark(&f));
                repeated(self.retire(record).into_iter().chain(asks).collect())
            }
        }
    }
}

/// What is sent is repeated until it is answered.
fn repeated(mut outputs: Vec<Output>) -> Vec<Output> {
    let retry = Output::SetTimer(Timer::Retry);
    if outputs.iter().any(|output| matches!(output, Output::Send(_))) && !outputs.contains(&retry) {
        outputs.insert(0, retry);
    }
    outputs
}

fn prepare(flight: &Flight<'_>) -> Output {
    let prepare = Prepare {
        migration: flight.record.migration,
        // Also in the cutover: tokens of its own epoch do not exist.
        closed_through: flight.record.draining_epoch().unwrap_or(flight.record.epoch),
        source: Some(flight.from),
        keep: flight.placed.kept.map(|kept| kept.migration),
    };
    send(flight.record, flight.to, Body::Prepare(prepare))
}

/// Asks the source to seal. Only for a record that says so: whoever takes over must know that writes may be blocked.
fn seal(flight: &Flight<'_>, target: Incarnation) -> Output {
    let (migration, through) = (flight.record.migration, flight.record.epoch);
    send(flight.record, flight.from, Body::Seal(Seal { migration, through, target }))
}

/// Proposes the abort, and again until the record shows that the migration is over: a proposal may be lost with a leader.
fn abort(record: &PartitionRecord, why: AbortReason) -> [Output; 2] {
    let again = Timer::Overdue { migration: record.migration };
    [propose(record, Transition::Abort { expected: record.expected(), why }), Output::SetTimer(again)]
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
        let proof = Settlement::Sealed((*receipt).into());
        return vec![propose(record, Transition::Settle { migration: debt.migration, proof })];
    }
    match flight(record) {
        Some(flight) if flight.phase == Phase::Draining && receipt.migration() == record.migration => {
            let expected = record.expected();
            vec![propose(record, Transition::EnterCutover { expected, receipt: (*receipt).into() })]
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
        let proof = Settlement::Dropped((*dropped).into());
        outputs.push(propose(record, Transition::Settle { migration: debt.migration, proof }));
    }
    outputs.push(propose(record, Transition::ForgetCopy { dropped: (*dropped).into() }));
    outputs
}

/// Seals the source of a forced move as soon as it is reachable.
fn settle(record: &PartitionRecord, placed: &Placed) -> Option<Output> {
    let debt = placed.debt?;
    let seal = Seal { migration: debt.migration, through: debt.through, target: debt.target };
    Some(send(record, debt.placement, Body::Seal(seal)))
}
