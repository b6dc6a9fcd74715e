//! Feeds a recording of a partition to its machines and to their judge.

use super::{PartitionJudge, Rows, decision};
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::fence::Effect;
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::invariant::history::registers::Verdict;
use cutover::core::invariant::{Id, Violation};
use cutover::core::raft::Machine as _;
use cutover::core::trace::partition::{Frame, Step, digest};
use cutover::core::trace::recording::RecordingError;
use std::collections::VecDeque;

/// The number of steps that are told before a violation.
const TOLD: usize = 12;

/// A violation, and the step that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violated {
    /// The number of the step, from 1.
    pub step: u64,
    /// The violation.
    pub violation: Violation,
}

/// A recording that was replayed.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The partition.
    pub partition: PartitionId,
    /// The number of steps.
    pub steps: u64,
    /// The violations found, in order.
    pub violations: Vec<Violated>,
    /// The step and id of each violation that the judge of the recorded run found.
    pub recorded: Vec<(u64, String)>,
    /// Whether the recording has its end.
    pub ended: bool,
    /// The stores whose machines ended otherwise than in the recorded run.
    pub strays: Vec<Placement>,
    /// A row whose history was too long to be judged.
    pub unjudged: Option<String>,
    /// The last steps up to the first violation, or to the end, in words.
    pub told: Vec<String>,
    /// The machines at the end.
    pub judge: PartitionJudge,
}

impl Replayed {
    /// Whether the stores' machines violate nothing. What callers saw may still contradict itself: then the failure lies between.
    #[must_use]
    pub fn machines_hold(&self) -> bool {
        self.violations.iter().all(|at| at.violation.id == Id::Linearizable)
    }

    /// Whether the machines ended as recorded, and the same violations were found at the same steps.
    #[must_use]
    pub fn as_recorded(&self) -> bool {
        let found = self.violations.iter().map(|at| (at.step, at.violation.id.entry().id));
        self.strays.is_empty() && found.eq(self.recorded.iter().map(|(step, id)| (*step, id.as_str())))
    }
}

struct Run {
    replayed: Replayed,
    state: ControlPlaneState,
    rows: Rows,
    told: VecDeque<String>,
    rows_judged: bool,
}

/// Replays a recording.
///
/// # Errors
/// [`RecordingError`], if its frames are out of place.
pub fn replay(frames: impl IntoIterator<Item = Frame>) -> Result<Replayed, RecordingError> {
    let mut frames = frames.into_iter();
    let Some(Frame::Start { partition, state }) = frames.next() else {
        return Err(RecordingError::Frame { frame: 1, what: "expected what the log begins with" });
    };
    let replayed = Replayed {
        partition,
        steps: 0,
        violations: Vec::new(),
        recorded: Vec::new(),
        ended: false,
        strays: Vec::new(),
        unjudged: None,
        told: Vec::new(),
        judge: PartitionJudge::default(),
    };
    let (rows, told) = (Rows::new(partition), VecDeque::new());
    let mut run = Run { replayed, state: *state, rows, told, rows_judged: true };
    for (number, frame) in (2..).zip(frames) {
        let misplaced = |what| RecordingError::Frame { frame: number, what };
        if run.replayed.ended {
            return Err(misplaced("found after the end"));
        }
        match frame {
            Frame::Start { .. } => return Err(misplaced("a second start")),
            Frame::Step(step) => run.step(&step).map_err(misplaced)?,
            Frame::Found { id } => run.was_found(id),
            Frame::End { stores } => run.end(&stores)?,
        }
    }
    run.replayed.told = run.told.into();
    Ok(run.replayed)
}

impl Run {
    /// Takes a step. An error says why it has no place here.
    fn step(&mut self, step: &Step) -> Result<(), &'static str> {
        self.replayed.steps += 1;
        let effects = self.take(step)?;
        if self.replayed.violations.is_empty() {
            self.tell(step, &effects);
        }
        self.found();
        Ok(())
    }

    fn take(&mut self, step: &Step) -> Result<Vec<Vec<Effect>>, &'static str> {
        let partition = self.replayed.partition;
        let record = self.state.table().record(partition).cloned();
        match step {
            Step::Entry { at, entry } => {
                let answer = self.state.apply(*at, entry, &mut None);
                if let ControlPlaneEntry::OwnershipTransition(command) = entry
                    && command.partition == partition
                    && let Some(outcome) = decision(&answer)
                {
                    let after = self.state.table().record(partition);
                    self.replayed.judge.decided(record.as_ref(), command, outcome, after);
                }
            }
            Step::Store { config, closed_through, newest } => {
                self.replayed.judge.begins(*config, *closed_through, *newest);
            }
            Step::Group { store, inputs, answered } => {
                let judge = &mut self.replayed.judge;
                if judge.shadow(*store).is_none() {
                    return Err("a group of a store that did not begin");
                }
                return Ok(judge.group(*store, inputs, *answered, record.as_ref()));
            }
            Step::Opened { store } => self.replayed.judge.opened(*store),
            Step::Lost { store } => self.replayed.judge.lost(*store),
            Step::Forced => self.rows.forced(),
            Step::Invoked { process, key, call } => {
                self.rows.invoke(*process, key, call.clone()).map_err(|_| "an operation begins twice")?;
            }
            Step::Returned { process, outcome } => {
                let fits = self.rows.complete(*process, outcome.clone());
                fits.map_err(|_| "an end of an operation that cannot end like this")?;
            }
            Step::Unjudged => {
                self.rows_judged = false;
                self.replayed.judge.unjudged();
            }
        }
        Ok(Vec::new())
    }

    /// Keeps a step in words. Entries of the log about others are left out.
    fn tell(&mut self, step: &Step, effects: &[Vec<Effect>]) {
        if let Step::Entry { entry, .. } = step
            && !matches!(entry, ControlPlaneEntry::OwnershipTransition(command) if command.partition == self.replayed.partition)
        {
            return;
        }
        if self.told.len() == TOLD {
            self.told.pop_front();
        }
        let said: Vec<String> = effects.iter().flatten().map(words).collect();
        let said = said.iter().map(|said| format!("\n             > {said}"));
        let said: String = said.collect();
        self.told.push_back(format!("{:>6} {:<6} {step}{said}", self.replayed.steps, step.lane()));
    }

    /// Notes what the run found. If the machines here do not show it, they do otherwise than in the run, so that what follows is not
    /// what they would have been given: it is not judged. What callers saw is judged at the end.
    fn was_found(&mut self, id: String) {
        let step = self.replayed.steps;
        let found = |at: &Violated| at.step == step && at.violation.id.entry().id == id;
        if id != Id::Linearizable.entry().id && !self.replayed.violations.iter().any(found) {
            self.rows_judged = false;
            self.replayed.judge.unjudged();
        }
        self.replayed.recorded.push((step, id));
    }

    fn found(&mut self) {
        let step = self.replayed.steps;
        let violations = self.replayed.judge.take_violations().into_iter();
        self.replayed.violations.extend(violations.map(|violation| Violated { step, violation }));
    }

    /// Compares the machines with what they were. What callers saw is judged if the machines did as recorded: otherwise it is not
    /// what they would have been told.
    fn end(&mut self, stores: &[(Placement, u64)]) -> Result<(), RecordingError> {
        let mut ended = Vec::new();
        for (store, shadow) in self.replayed.judge.shadows() {
            ended.push((store, digest(&shadow.fence, &shadow.data)?));
        }
        let missing = stores.iter().filter(|was| !ended.contains(was)).map(|(store, _)| *store);
        let more = ended.iter().filter(|(store, _)| !stores.iter().any(|(was, _)| was == store));
        self.replayed.strays = missing.chain(more.map(|(store, _)| *store)).collect();
        self.replayed.ended = true;
        if !self.rows_judged || !self.replayed.strays.is_empty() {
            return Ok(());
        }
        match self.rows.judge().verdict {
            Verdict::Linearizable => {}
            Verdict::NotLinearizable(failure) => {
                let found = format!("{}: {}", failure.key, failure.found);
                let violation = Violation { id: Id::Linearizable, found, against: failure.against };
                self.replayed.violations.push(Violated { step: self.replayed.steps, violation });
            }
            Verdict::Unknown { key } => self.replayed.unjudged = Some(key),
        }
        Ok(())
    }
}

/// What a machine wants done, in words.
fn words(effect: &Effect) -> String {
    match effect {
        Effect::Reply(reply) => reply.to_string(),
        Effect::Value { read, row, position } => {
            let value = row.as_ref().map_or_else(|| "nothing".to_owned(), |row| row.value.to_string());
            format!("{} is {value} at position {position}", read.key)
        }
        Effect::Chunk { chunk: Ok(chunk), .. } => {
            let (changes, rows) = (chunk.changes.len(), chunk.rows.len());
            format!("a chunk to position {}: {changes} changes, {rows} rows", chunk.position)
        }
        Effect::Chunk { chunk: Err(refusal), .. } => format!("refused: {refusal}"),
        Effect::Pull { migration, source } => format!("pulls {migration} from {source}"),
        Effect::Halt(halt) => format!("halts: {}", halt.facts),
    }
}
