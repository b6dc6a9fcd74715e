//! A store and its reference.

mod abstraction;
mod outputs;

use super::Disagreement;
use super::statements::receipt;
use crate::store::chunk::chunk;
use crate::store::made::{Made, apply, make, trim};
use crate::store::memory::{Known, Remembered};
use crate::store::rules::{violated, violated_by_apply};
use crate::store::state::{Copy, State, Store};
use abstraction::settings;
use cutover::core::fence::{
    self, Body, Chunk, Config, Contents, Export, Fence, Input, Output, Refusal, Request, Write,
};
use cutover::core::ids::{Epoch, MigrationId, Serial, WriteId};
use outputs::{is_made, is_refused};
use std::collections::BTreeSet;

/// The reference of a store, beside a fence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreBeside {
    store: Store,
    /// All writes that were heard of, in whichever copy.
    heard: BTreeSet<WriteId>,
}

impl StoreBeside {
    /// Beside a store that never held the partition.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { store: Store::new(settings(config)), heard: BTreeSet::new() }
    }

    /// Beside a store that lost its state, and read this of the committed record.
    #[must_use]
    pub fn returned(config: &Config, epoch: Epoch, migration: MigrationId) -> Self {
        Self { store: Store::returned(settings(config), epoch, migration), heard: BTreeSet::new() }
    }

    /// Beside a fence in any state, with these rows and changes.
    #[must_use]
    pub fn of(fence: &Fence, contents: &Contents) -> Self {
        let store = abstraction::store(fence, contents);
        let mut heard: BTreeSet<WriteId> = contents.log().iter().map(|change| change.id).collect();
        heard.extend(store.state.copy.iter().flat_map(|copy| ids(&copy.carried)));
        Self { store, heard }
    }

    /// What the reference has.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Judges the outputs of one input, which are to be [performed](Self::performed) in order.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn handled(&mut self, input: &Input, outputs: &[Output]) -> Result<(), Disagreement> {
        let (rule, request, right) = match input {
            Input::Request(request) => {
                self.hears(&request.body);
                let right = match violated(&self.store, request) {
                    violated if violated.is_empty() => Ok(make(&mut self.store, &request.body)),
                    violated => Err(violated),
                };
                (rule_of(&request.body), request.clone(), right)
            }
            Input::Apply(write) => {
                let settings = &self.store.settings;
                let (store, partition) = (settings.store, settings.partition);
                let request = Request { store, partition, body: Body::Write(write.clone()) };
                let Some(right) = self.applies(write) else {
                    return is_nothing("F12", outputs, "the write does not wait");
                };
                ("F12, F26", request, right)
            }
            Input::Trim { through } => {
                let effects = trim(&mut self.store, *through);
                return outputs::are_effects("F30", &effects, outputs);
            }
            Input::Stuck { migration, why } => {
                // F22
                self.store.stuck = Some((*migration, *why));
                return is_nothing("F22", outputs, "nothing is to be done");
            }
        };
        match right {
            Err(violated) => is_refused(rule, &request, &violated, outputs),
            Ok(Some(made)) => is_made(rule, &request, &made, outputs),
            Ok(None) => Err(Disagreement::new(rule, outputs, "it cannot be made")),
        }
    }

    /// Judges a chunk that was cut for an export, or the refusal to cut one. It is of the state that is durable, or of one that is about to be.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn handed(&self, export: &Export, handed: &Result<Chunk, Refusal>) -> Result<(), Disagreement> {
        let Store { settings, state, durable, .. } = &self.store;
        let right = [state, durable].map(|state| chunk(settings, state, export));
        let is_right = right.iter().any(|right| match (right, handed) {
            (Ok(right), Ok(handed)) => right == handed,
            (Err(violated), Err(refusal)) => violated.contains(refusal),
            (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
        });
        if is_right { Ok(()) } else { Err(Disagreement::new("F9, F28, F29", (export, handed), right)) }
    }

    /// What comes of a write that waits: nothing if it does not.
    fn applies(&mut self, write: &Write) -> Option<Result<Option<Made>, Vec<Refusal>>> {
        let at = self.store.waiting.iter().position(|waiting| waiting == write)?;
        self.store.waiting.remove(at);
        let violated = violated_by_apply(&self.store, write);
        Some(if violated.is_empty() { Ok(apply(&mut self.store, write)) } else { Err(violated) })
    }

    fn hears(&mut self, body: &Body) {
        match body {
            Body::Write(write) => {
                self.heard.insert(write.id);
            }
            Body::Chunk(chunk) => {
                self.heard.extend(chunk.changes.iter().map(|change| change.id));
                let carried = chunk.applied.as_ref().and_then(Remembered::read);
                self.heard.extend(carried.iter().flat_map(ids));
            }
            Body::Prepare(_)
            | Body::Seal(_)
            | Body::Evidence(_)
            | Body::Watermark(_)
            | Body::Drop(_)
            | Body::Export(_)
            | Body::End(_)
            | Body::Read(_) => {}
        }
    }

    /// An output was performed.
    pub fn performed(&mut self, output: &Output) {
        if matches!(output, Output::Persist) {
            self.store.persisted();
        }
    }

    /// The store crashes, and comes back with what is durable.
    pub fn crashed(&mut self) {
        self.store.crashed();
    }

    /// [`Self::handled`], all outputs [performed](Self::performed), and the fences and the copy's end compared.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn step(&mut self, input: &Input, outputs: &[Output], after: &Fence) -> Result<(), Disagreement> {
        self.handled(input, outputs)?;
        outputs.iter().for_each(|output| self.performed(output));
        self.compare_state(after.durable())
    }

    /// Compares the whole state: what each write is known as, and what waits.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare(&self, fence: &Fence) -> Result<(), Disagreement> {
        self.compare_state(fence.durable())?;
        if fence.admitted() != self.store.waiting {
            return Err(Disagreement::new("F11, F12", fence.admitted(), &self.store.waiting));
        }
        self.compare_memory(fence.durable())
    }

    /// Compares what a crash would leave.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare_durable(&self, durable: &fence::Durable) -> Result<(), Disagreement> {
        compare("F15, F16", durable, &self.store.durable)
    }

    /// Compares the fences, the receipt, and the copy without what it remembers.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare_state(&self, have: &fence::Durable) -> Result<(), Disagreement> {
        compare("F3 to F12, F21 to F24, F27, F30", have, &self.store.state)
    }

    /// Compares the rows, and the log.
    ///
    /// # Errors
    /// The machine and the reference differ.
    pub fn compare_contents(&self, contents: &Contents) -> Result<(), Disagreement> {
        let (rows, log) = self
            .store
            .state
            .copy
            .as_ref()
            .map(|copy| (copy.rows.clone(), copy.log.clone()))
            .unwrap_or_default();
        if *contents.rows() == rows && contents.log() == log {
            return Ok(());
        }
        Err(Disagreement::new("F12, F27, F30", contents, (rows, log)))
    }

    fn compare_memory(&self, have: &fence::Durable) -> Result<(), Disagreement> {
        let (Some(have), Some(copy)) = (have.copy(), &self.store.state.copy) else { return Ok(()) };
        let remembered = copy.remembered(&self.store.settings);
        let of = || (&copy.carried, &copy.since);
        for id in &self.heard {
            let knows = match have.applied().known(*id) {
                fence::Known::New => Known::New,
                fence::Known::Applied(position) => Known::Applied(position),
                fence::Known::Forgotten => Known::Forgotten,
            };
            let expected = remembered.known(*id);
            if knows != expected {
                return Err(Disagreement::new("F13, F14", (id, knows), (expected, of())));
            }
        }
        let whole = Remembered::read(have.applied());
        if whole.as_ref() != Some(&remembered) {
            return Err(Disagreement::new("F13, F14, F24", whole, (remembered, of())));
        }
        let digest = copy.digest(&self.store.settings);
        if Some(have.digest()) != digest {
            return Err(Disagreement::new("F25", have.digest(), digest));
        }
        let size = have.size();
        if (size.rows, size.bytes) != copy.size() {
            return Err(Disagreement::new("F31", size, copy.size()));
        }
        Ok(())
    }
}

/// The writes that are remembered.
fn ids(remembered: &Remembered) -> Vec<WriteId> {
    let of = |(session, life): (&_, &crate::store::memory::Life)| {
        let id = |serial: &Serial| WriteId { session: *session, serial: *serial };
        life.applied.keys().map(id).collect::<Vec<_>>()
    };
    remembered.lives.iter().flat_map(of).collect()
}

fn is_nothing(rule: &'static str, outputs: &[Output], why: &str) -> Result<(), Disagreement> {
    if outputs.is_empty() { Ok(()) } else { Err(Disagreement::new(rule, outputs, why)) }
}

fn compare(rule: &'static str, have: &fence::Durable, expected: &State) -> Result<(), Disagreement> {
    let of =
        |copy: &Copy| (copy.position, copy.frontier.clone(), copy.logged_after, copy.finished, copy.source);
    let copy = have.copy().map(|copy| {
        (copy.position(), copy.frontier().clone(), copy.logged_after(), copy.finished(), copy.source())
    });
    let same = have.sealed_through() == expected.sealed_through
        && have.closed_through() == expected.closed_through
        && have.newest() == expected.newest
        && have.receipt().map(receipt) == expected.receipt
        && copy == expected.copy.as_ref().map(of);
    if same { Ok(()) } else { Err(Disagreement::new(rule, have, expected)) }
}

const fn rule_of(body: &Body) -> &'static str {
    match body {
        Body::Prepare(_) => "F4, F21, F22",
        Body::Seal(_) => "F5",
        Body::Evidence(_) => "F6",
        Body::Watermark(_) => "F7",
        Body::Drop(_) => "F8",
        Body::Export(_) => "F9",
        Body::Chunk(_) => "F10, F27 to F29",
        Body::End(_) => "F23",
        Body::Write(_) => "F11",
        Body::Read(_) => "F19",
    }
}
