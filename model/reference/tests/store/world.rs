//! Three stores of one partition with their references. Outputs are performed one by one, and a crash may come between any two.

use super::dice::Dice;
use super::requests::Requests;
use super::tally::Tally;
use super::words;
use cutover::core::fence::{
    Chunk, Config, Contents, CutError, Durable, Enforcement, Export, Fence, FenceLimits, Input, Output,
    Refusal, Rows, Source,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover_reference::beside::store::StoreBeside;

pub const PARTITION: PartitionId = PartitionId(1);

/// Steps between two comparisons of all that a store remembers.
const WHOLE_EVERY: u64 = 8;

/// Steps between two references that begin beside the state as it is.
const ANEW_EVERY: u64 = 4;

pub struct Host {
    pub fence: Fence,
    pub contents: Contents,
    pub reference: StoreBeside,
    /// What is on the disk.
    disk: (Durable, Contents),
}

pub struct World {
    dice: Dice,
    pub hosts: Vec<Host>,
    requests: Requests,
    steps: u64,
}

impl Host {
    fn of(fence: Fence, reference: StoreBeside) -> Self {
        let disk = (fence.durable().clone(), Contents::default());
        Self { fence, contents: Contents::default(), reference, disk }
    }

    /// The chunk that is cut for an export.
    fn cut(&self, export: &Export) -> Result<Chunk, Refusal> {
        let Config { store, incarnation, limits, .. } = *self.fence.config();
        let source = Source { store, incarnation, durable: self.fence.durable(), limits };
        Chunk::cut(source, export, &self.contents).map_err(|error| match error {
            CutError::Refused(refusal) => refusal,
            CutError::Failed(never) => match never {},
        })
    }

    fn named(&self, input: &Input) -> Rows {
        let rows = self.contents.rows();
        input.keys().filter_map(|key| Some((key.clone(), rows.get(key)?.clone()))).collect()
    }
}

impl World {
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let mut limit = |least: u64, more: u64| u32::try_from(least + dice.below(more)).expect("it is small");
        let limits = FenceLimits {
            sessions_max: limit(1, 5),
            writes_per_session_max: limit(1, 3),
            admitted_max: limit(1, 4),
            chunk_items_max: limit(1, 6),
            chunk_bytes_max: limit(3, 50),
            positions_apart: u64::from(limit(0, 4)),
        };
        let config = |store: u64| Config {
            store: Placement(store),
            partition: PARTITION,
            incarnation: Incarnation(1),
            enforcement: if store == 2 { Enforcement::Nothing } else { Enforcement::Tokens },
            limits,
        };
        let host = |store| Host::of(Fence::unknown(config(store)), StoreBeside::new(&config(store)));
        Self { dice, hosts: (0..3).map(host).collect(), requests: Requests::new(), steps: 0 }
    }

    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.steps += 1;
        let at = usize::try_from(self.dice.below(3)).expect("it is small");
        match self.dice.below(1_000) {
            0..2 => self.wipe(at, tally),
            2..12 => self.crash(at, tally),
            _ => {
                let (at, input) = self.requests.next(&mut self.dice, &self.hosts, at);
                return self.handle(at, &input, tally);
            }
        }
        self.compare(at, true)
    }

    fn compare(&self, at: usize, whole: bool) -> Result<(), String> {
        let Host { fence, contents, reference, .. } = &self.hosts[at];
        let same = if whole { reference.compare(fence) } else { reference.compare_state(fence.durable()) };
        let same = same.and_then(|()| reference.compare_contents(contents));
        same.map_err(|disagreement| disagreement.to_string())
    }

    fn handle(&mut self, at: usize, input: &Input, tally: &mut Tally) -> Result<(), String> {
        let host = &mut self.hosts[at];
        let (before, named) = (host.fence.clone(), host.named(input));
        let anew = self.steps.is_multiple_of(ANEW_EVERY).then(|| StoreBeside::of(&before, &host.contents));
        let outputs = host.fence.handle(input, &named);
        let say = |what: String| {
            let rows = host.contents.rows();
            format!("{input:?}\nanswered by {outputs:?}\nbefore: {before:?}\nrows: {rows:?}\n{what}")
        };
        let judged = host.reference.handled(input, &outputs);
        judged.map_err(|disagreement| say(disagreement.to_string()))?;
        // As in a search: beside the state as it is, and for one step.
        if let Some(mut anew) = anew {
            let judged = anew.handled(input, &outputs).and_then(|()| anew.compare(&host.fence));
            judged.map_err(|disagreement| say(format!("anew: {disagreement}")))?;
        }
        words::note(tally, &before, input, &outputs);
        let performed = if self.dice.percent(2) {
            usize::try_from(self.dice.below(outputs.len() as u64 + 1)).expect("it is small")
        } else {
            outputs.len()
        };
        for output in &outputs[..performed] {
            self.perform(at, output, tally)?;
        }
        if performed < outputs.len() {
            self.crash(at, tally);
        }
        let whole = self.steps.is_multiple_of(WHOLE_EVERY);
        self.compare(at, whole)
            .map_err(|what| format!("{input:?}\nanswered by {outputs:?}\nbefore: {before:?}\n{what}"))?;
        self.requests.heard(&outputs);
        Ok(())
    }

    fn perform(&mut self, at: usize, output: &Output, tally: &mut Tally) -> Result<(), String> {
        let host = &mut self.hosts[at];
        host.reference.performed(output);
        host.contents.perform(output);
        match output {
            Output::Persist => host.disk = (host.fence.durable().clone(), host.contents.clone()),
            Output::Hand(export) => {
                let handed = host.cut(export);
                let judged = host.reference.handed(export, &handed);
                judged.map_err(|disagreement| disagreement.to_string())?;
                let chunk = handed.map_err(|refusal| format!("after the export: {refusal}"))?;
                words::handed(tally, &chunk, host.fence.durable());
                self.requests.hands(chunk);
            }
            Output::Append(_)
            | Output::Import { .. }
            | Output::Trim { .. }
            | Output::Erase
            | Output::Admitted(_)
            | Output::Serve(_)
            | Output::Pull { .. }
            | Output::Reply(_)
            | Output::Halt(_) => {}
        }
        Ok(())
    }

    fn crash(&mut self, at: usize, tally: &mut Tally) {
        let host = &mut self.hosts[at];
        if !host.fence.admitted().is_empty() {
            tally.notes("crash: waiting lost");
        }
        let lost = host.disk != (host.fence.durable().clone(), host.contents.clone());
        tally.notes(if lost { "crash: something lost" } else { "crash: nothing lost" });
        let (durable, contents) = host.disk.clone();
        (host.fence, host.contents) = (Fence::recover(*host.fence.config(), durable), contents);
        host.reference.crashed();
    }

    /// The store loses its state, and reads a record that is at least as new as all that it has seen.
    fn wipe(&mut self, at: usize, tally: &mut Tally) {
        tally.notes("wiped");
        let config = *self.hosts[at].fence.config();
        let config = Config { incarnation: config.incarnation.next(), ..config };
        let (epoch, migration) = self.requests.newest();
        let (epoch, migration) = (Epoch(epoch), MigrationId(migration));
        let fence = Fence::returned(config, epoch, migration);
        self.hosts[at] = Host::of(fence, StoreBeside::returned(&config, epoch, migration));
    }
}
