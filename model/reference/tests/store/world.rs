//! Three stores of one partition with their references. Outputs are performed one by one, and a crash may come between any two.

use super::dice::Dice;
use super::requests::Requests;
use super::tally::{Tally, name};
use cutover::core::fence::{
    Body, Config, Durable, Enforcement, Fence, FenceLimits, Input, Output, Refusal, Reply, Request,
};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover_reference::beside::store::StoreBeside;

pub const PARTITION: PartitionId = PartitionId(1);

/// Steps between two comparisons of all that a store remembers.
const WHOLE_EVERY: u64 = 8;

pub struct Host {
    pub fence: Fence,
    pub reference: StoreBeside,
    /// What is on the disk.
    disk: Durable,
}

pub struct World {
    dice: Dice,
    pub hosts: Vec<Host>,
    requests: Requests,
    steps: u64,
}

impl Host {
    fn new(config: Config) -> Self {
        let fence = Fence::unknown(config);
        let disk = fence.durable().clone();
        Self { fence, reference: StoreBeside::new(&config), disk }
    }
}

impl World {
    pub fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let mut limit = |more: u64| u32::try_from(1 + dice.below(more)).expect("it is small");
        let limits = FenceLimits {
            sessions_max: limit(5),
            writes_per_session_max: limit(3),
            admitted_max: limit(4),
            chunk_writes_max: limit(5),
        };
        let config = |store: u64| Config {
            store: Placement(store),
            partition: PARTITION,
            incarnation: Incarnation(1),
            enforcement: if store == 2 { Enforcement::Nothing } else { Enforcement::Tokens },
            limits,
        };
        let hosts = (0..3).map(|store| Host::new(config(store))).collect();
        Self { dice, hosts, requests: Requests::new(), steps: 0 }
    }

    pub fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.steps += 1;
        let at = usize::try_from(self.dice.below(3)).expect("it is small");
        match self.dice.below(1_000) {
            0..2 => self.wipe(at, tally),
            2..12 => self.crash(at, tally),
            _ => {
                let input = self.requests.input(&mut self.dice, &self.hosts, at);
                return self.handle(at, &input, tally);
            }
        }
        let host = &self.hosts[at];
        host.reference.compare(&host.fence).map_err(|disagreement| disagreement.to_string())
    }

    fn handle(&mut self, at: usize, input: &Input, tally: &mut Tally) -> Result<(), String> {
        let host = &mut self.hosts[at];
        let before = host.fence.clone();
        let outputs = host.fence.handle(input);
        let say = |what: String| format!("{input:?}\nanswered by {outputs:?}\nbefore: {before:?}\n{what}");
        let judged = host.reference.handled(input, &outputs);
        judged.map_err(|disagreement| say(disagreement.to_string()))?;
        note(tally, &before, input, &outputs);
        let performed = if self.dice.percent(2) {
            usize::try_from(self.dice.below(outputs.len() as u64 + 1)).expect("it is small")
        } else {
            outputs.len()
        };
        for output in &outputs[..performed] {
            host.reference.performed(output);
            if matches!(output, Output::Persist) {
                host.disk = host.fence.durable().clone();
            }
        }
        if performed < outputs.len() {
            self.crash(at, tally);
        }
        let host = &self.hosts[at];
        let whole = self.steps.is_multiple_of(WHOLE_EVERY);
        let same = if whole {
            host.reference.compare(&host.fence)
        } else {
            host.reference.compare_state(host.fence.durable())
        };
        same.map_err(|disagreement| say(disagreement.to_string()))?;
        self.requests.heard(&outputs);
        Ok(())
    }

    fn crash(&mut self, at: usize, tally: &mut Tally) {
        let host = &mut self.hosts[at];
        if !host.fence.admitted().is_empty() {
            tally.notes("crash: waiting lost");
        }
        let lost = host.disk != *host.fence.durable();
        tally.notes(if lost { "crash: something lost" } else { "crash: nothing lost" });
        host.fence = Fence::recover(*host.fence.config(), host.disk.clone());
        host.reference.crashed();
    }

    /// The store loses its state, and reads a record that is at least as new as all that it has seen.
    fn wipe(&mut self, at: usize, tally: &mut Tally) {
        tally.notes("wiped");
        let host = &mut self.hosts[at];
        let config = *host.fence.config();
        let config = Config { incarnation: config.incarnation.next(), ..config };
        let (epoch, migration) = self.requests.newest();
        let (epoch, migration) = (Epoch(epoch), MigrationId(migration));
        host.fence = Fence::returned(config, epoch, migration);
        host.disk = host.fence.durable().clone();
        host.reference = StoreBeside::returned(&config, epoch, migration);
    }
}

fn note(tally: &mut Tally, before: &Fence, input: &Input, outputs: &[Output]) {
    let (what, body) = match input {
        Input::Request(Request { body, .. }) => (kind(body), body.clone()),
        Input::Apply(write) => ("apply", Body::Write(*write)),
    };
    let does = |word: &str| format!("{what}: {word}");
    let said = match outputs {
        [] => does("does not wait"),
        [Output::Reply(Reply::Refused { refusal, .. })] => {
            if let (Refusal::Forgotten { id }, Some(copy)) = (refusal, before.durable().copy()) {
                let session =
                    cutover::core::ids::WriteId { serial: cutover::core::ids::Serial(u64::MAX), ..*id };
                let whole = copy.applied().known(session) == cutover::core::fence::Known::Forgotten;
                tally.notes(if whole { "forgotten: a session" } else { "forgotten: a number" });
            }
            does(&name(refusal))
        }
        [Output::Erase, ..] if what == "prepare" => does("a new copy"),
        [Output::Persist, ..] if what == "prepare" => does("again"),
        [Output::Persist, ..] if what == "seal" => {
            let again = before.durable().receipt().is_some_and(|receipt| {
                outputs.iter().any(|output| output.reply() == Some(&Reply::Sealed(*receipt)))
            });
            does(if again { "again" } else { "done" })
        }
        [Output::Persist, ..] if what == "drop" => does("nothing there"),
        [Output::Import { .. }, ..] => does("appended"),
        [Output::Persist, ..] if what == "chunk" => does("nothing lacked"),
        [Output::Admitted(_)] => does("waits"),
        [Output::Append { .. }, ..] => {
            if let Body::Write(write) = body
                && write.token <= before.durable().closed_through()
            {
                tally.notes("under a fence: applied by a store that does not check");
            }
            does("appended")
        }
        [Output::Persist, ..] if matches!(body, Body::Write(_)) => does("known"),
        _ => does("done"),
    };
    tally.notes(said);
}

const fn kind(body: &Body) -> &'static str {
    match body {
        Body::Prepare(_) => "prepare",
        Body::Seal(_) => "seal",
        Body::Evidence(_) => "evidence",
        Body::Watermark(_) => "watermark",
        Body::Drop(_) => "drop",
        Body::Export(_) => "export",
        Body::Chunk(_) => "chunk",
        Body::Write(_) => "write",
        Body::Read(_) => "read",
    }
}
