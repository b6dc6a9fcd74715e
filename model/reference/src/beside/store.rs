//! A store and its reference.

use super::Disagreement;
use super::statements::{dropped, evidence, prepared, reading, receipt, speaker};
use crate::store::made::{Made, apply, make};
use crate::store::memory::{Known, known};
use crate::store::rules::{violated, violated_by_apply};
use crate::store::state::{Copy, Effect, Says, Settings, State, Store};
use cutover::core::fence::{
    self, Body, Config, Enforcement, Fence, Input, Output, Refusal, Reply, Request, Write,
};
use cutover::core::ids::{Epoch, MigrationId, WriteId};
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

    /// Beside a fence in any state, whose copy holds these writes, in the order of their positions: what each write is known as follows
    /// from them.
    #[must_use]
    pub fn of(fence: &Fence, writes: &[WriteId]) -> Self {
        let durable = fence.durable();
        let copy = |copy: &fence::Copy| Copy {
            writes: writes.to_vec(),
            finished: copy.finished(),
            source: copy.source(),
        };
        let state = State {
            sealed_through: durable.sealed_through(),
            closed_through: durable.closed_through(),
            newest: durable.newest(),
            receipt: durable.receipt().map(receipt),
            copy: durable.copy().map(copy),
        };
        let waiting = fence.admitted().to_vec();
        let store = Store { settings: settings(fence.config()), durable: state.clone(), state, waiting };
        Self { store, heard: writes.iter().copied().collect() }
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
                let request = Request { store, partition, body: Body::Write(*write) };
                let Some(right) = self.applies(write) else {
                    return if outputs.is_empty() {
                        Ok(())
                    } else {
                        Err(Disagreement::new("F12", outputs, "the write does not wait"))
                    };
                };
                ("F12", request, right)
            }
        };
        match right {
            Err(violated) => is_refused(rule, &request, &violated, outputs),
            Ok(Some(made)) => is_made(rule, &made, outputs),
            Ok(None) => Err(Disagreement::new(rule, outputs, "it cannot be made")),
        }
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
            Body::Chunk(chunk) => self.heard.extend(&chunk.writes),
            Body::Prepare(_)
            | Body::Seal(_)
            | Body::Evidence(_)
            | Body::Watermark(_)
            | Body::Drop(_)
            | Body::Export(_)
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
        compare("F3 to F12", have, &self.store.state)
    }

    fn compare_memory(&self, have: &fence::Durable) -> Result<(), Disagreement> {
        let (Some(have), Some(copy)) = (have.copy(), &self.store.state.copy) else { return Ok(()) };
        for id in &self.heard {
            let knows = match have.applied().known(*id) {
                fence::Known::New => Known::New,
                fence::Known::Applied(position) => Known::Applied(position),
                fence::Known::Forgotten => Known::Forgotten,
            };
            let expected = known(&copy.writes, &self.store.settings, *id);
            if knows != expected {
                return Err(Disagreement::new("F13, F14", (id, knows), (expected, &copy.writes)));
            }
        }
        Ok(())
    }
}

fn compare(rule: &'static str, have: &fence::Durable, expected: &State) -> Result<(), Disagreement> {
    let of = |copy: &Copy| (copy.watermark(), copy.finished, copy.source);
    let copy = have.copy().map(|copy| (copy.watermark(), copy.finished(), copy.source()));
    let same = have.sealed_through() == expected.sealed_through
        && have.closed_through() == expected.closed_through
        && have.newest() == expected.newest
        && have.receipt().map(receipt) == expected.receipt
        && copy == expected.copy.as_ref().map(of);
    if same { Ok(()) } else { Err(Disagreement::new(rule, have, expected)) }
}

/// The only output is a refusal that names one of these rules. It changes nothing, so nothing has to be durable for it.
fn is_refused(
    rule: &'static str,
    request: &Request,
    violated: &[Refusal],
    outputs: &[Output],
) -> Result<(), Disagreement> {
    match outputs {
        // F2
        [Output::Reply(Reply::Refused { request: of, refusal })]
            if of == request && violated.contains(refusal) =>
        {
            Ok(())
        }
        _ => Err(Disagreement::new(rule, (request, outputs), ("is refused", violated))),
    }
}

/// The effects come first and in order, then a `Persist`, then what is said.
fn is_made(rule: &'static str, (effects, says): &Made, outputs: &[Output]) -> Result<(), Disagreement> {
    let mut effects_left = effects.as_slice();
    let mut durable = matches!(says, Says::Admitted(_));
    let mut said = false;
    for output in outputs {
        if said {
            return Err(Disagreement::new(rule, outputs, (effects, says)));
        }
        if matches!(output, Output::Persist) {
            durable |= effects_left.is_empty();
            continue;
        }
        if let Some(effect) = effect_of(output) {
            let [next, rest @ ..] = effects_left else {
                return Err(Disagreement::new(rule, outputs, (effects, says)));
            };
            if *next != effect {
                return Err(Disagreement::new(rule, outputs, (effects, says)));
            }
            effects_left = rest;
            continue;
        }
        if says_of(output).as_ref() != Some(says) {
            return Err(Disagreement::new(rule, outputs, (effects, says)));
        }
        if !durable || !effects_left.is_empty() {
            return Err(Disagreement::new("F15", outputs, (effects, "are durable before", says)));
        }
        said = true;
    }
    if said { Ok(()) } else { Err(Disagreement::new(rule, outputs, (effects, says))) }
}

fn effect_of(output: &Output) -> Option<Effect> {
    match output {
        Output::Erase => Some(Effect::Erase),
        Output::Import { first, writes } => Some(Effect::Import(*first, writes.clone())),
        Output::Append { position, id } => Some(Effect::Append(*position, *id)),
        Output::Persist
        | Output::Admitted(_)
        | Output::Serve(_)
        | Output::Hand { .. }
        | Output::Reply(_)
        | Output::Halt(_) => None,
    }
}

fn says_of(output: &Output) -> Option<Says> {
    Some(match output {
        Output::Admitted(write) => Says::Admitted(*write),
        Output::Serve(read) => Says::Serves(*read),
        Output::Hand { migration, first, last } => Says::Hands(*migration, *first, *last),
        Output::Reply(Reply::Prepared(of)) => Says::Prepared(prepared(of)),
        Output::Reply(Reply::Sealed(of)) => Says::Sealed(receipt(of)),
        Output::Reply(Reply::Evidence(of)) => Says::Evidence(evidence(of)),
        Output::Reply(Reply::Watermark(of)) => Says::Reading(reading(of), of.sealed_through()),
        Output::Reply(Reply::Dropped(of)) => Says::Dropped(dropped(of)),
        Output::Reply(Reply::ChunkTaken(of)) => {
            Says::Taken(speaker(of.origin()), of.migration(), of.position())
        }
        Output::Reply(Reply::Applied { write, position }) => Says::Applied(*write, *position),
        Output::Reply(Reply::Refused { .. })
        | Output::Erase
        | Output::Import { .. }
        | Output::Append { .. }
        | Output::Persist
        | Output::Halt(_) => return None,
    })
}

fn settings(config: &Config) -> Settings {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let limits = &config.limits;
    Settings {
        store: config.store,
        partition: config.partition,
        incarnation: config.incarnation,
        enforces: config.enforcement == Enforcement::Tokens,
        sessions_max: size(limits.sessions_max),
        writes_max: size(limits.writes_per_session_max),
        waiting_max: size(limits.admitted_max),
        chunk_max: size(limits.chunk_writes_max),
    }
}

const fn rule_of(body: &Body) -> &'static str {
    match body {
        Body::Prepare(_) => "F4",
        Body::Seal(_) => "F5",
        Body::Evidence(_) => "F6",
        Body::Watermark(_) => "F7",
        Body::Drop(_) => "F8",
        Body::Export(_) => "F9",
        Body::Chunk(_) => "F10",
        Body::Write(_) => "F11",
        Body::Read(_) => "F19",
    }
}
