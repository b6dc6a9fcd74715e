//! The judge of one partition: its machines at all stores, and the monitor of the migration invariants beside them.

use super::shadow::{Shadow, Stepped, handle, statement};
use cutover::core::control_plane::Answer;
use cutover::core::fence::{Body, Config, Effect, Fence, Input, Reply, Request};
use cutover::core::ids::{Epoch, MigrationId, Placement};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow, SinkStep, Violation};
use cutover::core::migration::{Command, MigrationError, PartitionRecord, Transition};
use cutover::core::placement::PartitionState;
use std::collections::BTreeMap;

/// All stores of a partition are compared after so many groups.
const LOOKS: u64 = 16;

/// Follows the machines of one partition, and judges what they do.
#[derive(Clone, Debug)]
pub struct PartitionJudge {
    shadows: BTreeMap<Placement, Shadow>,
    monitor: Monitor,
    groups: u64,
    judged: bool,
    violations: Vec<Violation>,
}

impl Default for PartitionJudge {
    fn default() -> Self {
        let (shadows, monitor) = (BTreeMap::new(), Monitor::new(None, Vec::new()));
        Self { shadows, monitor, groups: 0, judged: true, violations: Vec::new() }
    }
}

impl PartitionJudge {
    /// From here on the machines are followed, and not judged.
    pub const fn unjudged(&mut self) {
        self.judged = false;
    }

    /// The machine at a store.
    #[must_use]
    pub fn shadow(&self, store: Placement) -> Option<&Shadow> {
        self.shadows.get(&store)
    }

    /// The machines, by store.
    pub fn shadows(&self) -> impl Iterator<Item = (Placement, &Shadow)> {
        self.shadows.iter().map(|(store, shadow)| (*store, shadow))
    }

    /// The violations since the last call.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        core::mem::take(&mut self.violations)
    }

    /// A store begins with nothing of the partition.
    pub fn begins(&mut self, config: Config, closed_through: Epoch, newest: MigrationId) {
        self.shadows.insert(config.store, Shadow::new(config, closed_through, newest));
    }

    /// A store has lost its disk. It answers no more before it begins again.
    pub fn lost(&mut self, store: Placement) {
        self.shadows.remove(&store);
    }

    /// A store starts from what is durable.
    pub fn opened(&mut self, store: Placement) {
        if let Some(shadow) = self.shadows.get_mut(&store) {
            let (config, durable) = (*shadow.fence.config(), shadow.fence.durable().clone());
            shadow.fence = Fence::recover(config, durable);
        }
    }

    /// Hands a group of inputs to the machine of a store, and judges what it does. Returns what is to be done about each input. `answered`:
    /// whether the store does it. `record`: the partition's committed record.
    pub fn group(
        &mut self,
        store: Placement,
        inputs: &[Input],
        answered: bool,
        record: Option<&PartitionRecord>,
    ) -> Vec<Vec<Effect>> {
        let mut findings = Findings::new(true);
        let Self { shadows, monitor, judged, .. } = self;
        let Some(shadow) = shadows.get_mut(&store) else { return Vec::new() };
        let (mut all, mut said) = (Vec::new(), Vec::new());
        for input in inputs {
            let effects = handle(shadow, input, |step, after, done| {
                if *judged && let Input::Request(request) = input {
                    stepped(monitor, &mut findings, step, after, (done, request, record));
                }
            });
            said.extend(effects.iter().map(|effect| shadow.states(effect)));
            all.push(effects);
        }
        for (effect, copy) in said.iter().filter(|_| answered) {
            self.stated(store, effect, *copy, &mut findings);
        }
        self.violations.extend_from_slice(findings.violations());
        self.groups += 1;
        if self.groups.is_multiple_of(LOOKS) || inputs.iter().any(moves) {
            self.look(record);
        }
        all
    }

    /// Judges what a store says, when it says it.
    fn stated(&mut self, store: Placement, effect: &Effect, copy: MigrationId, findings: &mut Findings) {
        if let Effect::Halt(halt) = effect {
            let (id, found) = (halt.invariant, halt.facts.clone());
            self.violations.push(Violation {
                id,
                found,
                against: "the machine of a store halted".to_owned(),
            });
        }
        let Some(shadow) = self.shadows.get(&store).filter(|_| self.judged) else { return };
        if let Some(statement) = statement(effect) {
            self.monitor.feed(&Fact::Stated(statement, copy, shadow.now()), findings);
        }
        if let Effect::Reply(Reply::Applied { write, .. }) = effect {
            self.monitor.feed(&Fact::Acknowledged(write.id), findings);
        }
    }

    /// Judges the record of the partition and all its copies.
    fn look(&mut self, record: Option<&PartitionRecord>) {
        if !self.judged {
            return;
        }
        let mut findings = Findings::new(true);
        let sinks: Vec<SinkNow<'_>> = self.shadows.values().map(Shadow::now).collect();
        self.monitor.judge(&Fact::Now(record, &sinks), &mut findings);
        self.violations.extend_from_slice(findings.violations());
    }

    /// Judges a command on the partition that the log applied, or refused.
    pub fn decided(
        &mut self,
        before: Option<&PartitionRecord>,
        command: &Command,
        outcome: Result<Epoch, MigrationError>,
        after: Option<&PartitionRecord>,
    ) {
        if !self.judged {
            return;
        }
        let owner = after.and_then(|record| record.placed).map(|placed| match placed.state {
            PartitionState::Active(at) => at,
            PartitionState::Migrating { from, .. } => from,
        });
        let mut findings = Findings::new(true);
        if let (Transition::RecordWatermark { .. }, Ok(_), Some(before)) =
            (&command.transition, outcome, before)
        {
            self.monitor.feed(&Fact::Waited(before), &mut findings);
        }
        let owner = owner.and_then(|store| self.shadows.get(&store)).map(Shadow::now);
        let fact = Fact::Decided { before, command, outcome, after, owner };
        self.monitor.feed(&fact, &mut findings);
        self.violations.extend_from_slice(findings.violations());
        self.look(after);
    }
}

/// Whether an input may be a step of a move.
const fn moves(input: &Input) -> bool {
    !matches!(input, Input::Request(Request { body: Body::Write(_) | Body::Read(_) | Body::Export(_), .. }))
}

/// Reports a step that changed a machine.
fn stepped(
    monitor: &mut Monitor,
    findings: &mut Findings,
    step: &Stepped,
    after: &Shadow,
    (done, request, record): (&Input, &Request, Option<&PartitionRecord>),
) {
    if let (Input::Apply(write), true) = (done, step.wrote) {
        let (store, fences) = (after.fence.config().store, step.before.fence.durable());
        monitor.feed(&Fact::Wrote { store, write, fences, record }, findings);
    }
    let (before, after) = (step.before.now(), after.now());
    monitor.feed(&Fact::SinkStepped(SinkStep { request: Some(request), before, after, record }), findings);
}

/// What the log decided about a command on a partition, by its answer.
#[must_use]
pub const fn decision(answer: &Answer) -> Option<Result<Epoch, MigrationError>> {
    match answer {
        Answer::Epoch(epoch) => Some(Ok(*epoch)),
        Answer::Refused(error) => Some(Err(*error)),
        Answer::Named { .. }
        | Answer::Noted
        | Answer::Store { .. }
        | Answer::StoreRefused(_)
        | Answer::OrderRefused(_) => None,
    }
}
