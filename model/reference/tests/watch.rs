//! A watcher and its reference over the streams of nodes that lag, break off and are restored: each message is judged, and
//! what was told is compared with the log.

#![expect(clippy::expect_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "support/dice.rs"]
mod dice;
#[path = "watch/log.rs"]
mod log;
#[path = "support/seeds.rs"]
mod seeds;
#[path = "support/tally.rs"]
mod tally;

use cutover::core::gate::{Step, Update, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, Revision};
use cutover_reference::beside::watch::WatchBeside;
use dice::Dice;
use log::{Cluster, Record, partition_of};
use std::collections::VecDeque;
use tally::Tally;

const WORLDS: u64 = 30;
const STEPS: u64 = 4_000;

struct World {
    dice: Dice,
    cluster: Cluster,
    machine: WatchCache<Record>,
    reference: WatchBeside<Record>,
    /// The node of the open stream, and what it has said.
    stream: Option<(usize, VecDeque<WatchEvent<Record>>)>,
    /// Changes that were heard, with their history.
    past: Vec<(HistoryId, WatchEvent<Record>)>,
}

impl World {
    fn new(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let cluster = Cluster::new(&mut dice);
        let (machine, reference) = (WatchCache::default(), WatchBeside::new(partition_of));
        Self { dice, cluster, machine, reference, stream: None, past: Vec::new() }
    }

    fn step(&mut self, tally: &mut Tally) -> Result<(), String> {
        match self.dice.below(100) {
            0..15 => self.cluster.commit(&mut self.dice),
            15..30 => {
                let (node, said) = self.cluster.advance(&mut self.dice);
                if let Some((_, queue)) = self.stream.as_mut().filter(|(at, _)| *at == node) {
                    queue.extend(said);
                }
            }
            30 if self.dice.percent(10) => {
                self.cluster.restore(&mut self.dice);
                // A node that starts in another history ends its streams.
                self.stream = None;
                tally.notes("restored");
                return self.handle(WatchEvent::Ended, tally);
            }
            30..33 => {
                self.stream = None;
                return self.handle(WatchEvent::Ended, tally);
            }
            33..35 if !self.past.is_empty() => {
                let at = usize::try_from(self.dice.below(self.past.len() as u64)).expect("it is an index");
                let (history, event) = self.past[at].clone();
                let fits = self.stream.is_some() && history == self.machine.history();
                return if fits { self.handle(event, tally) } else { Ok(()) };
            }
            35 if self.stream.is_some() => {
                let revision = Revision(self.machine.seen().0 + self.dice.below(3));
                return self.handle(WatchEvent::Page { records: Vec::new(), revision, last: false }, tally);
            }
            _ => return self.hear(tally),
        }
        Ok(())
    }

    fn hear(&mut self, tally: &mut Tally) -> Result<(), String> {
        let Some((_, queue)) = &mut self.stream else {
            let (after, history) = (self.machine.resume(), self.machine.history());
            let (node, queue) = self.cluster.open(&mut self.dice, after, history);
            tally.notes(if after == Revision::ZERO {
                "stream: from the beginning"
            } else {
                "stream: continued"
            });
            self.stream = Some((node, queue));
            return Ok(());
        };
        let Some(event) = queue.pop_front() else { return self.compare() };
        if matches!(event, WatchEvent::Changed { .. }) {
            self.past.push((self.machine.history(), event.clone()));
            let surplus = self.past.len().saturating_sub(12);
            self.past.drain(..surplus);
            if self.dice.percent(3) {
                return Ok(());
            }
        }
        self.handle(event, tally)
    }

    fn handle(&mut self, event: WatchEvent<Record>, tally: &mut Tally) -> Result<(), String> {
        let before = self.machine.clone();
        let step = self.machine.handle(event.clone());
        let judged = self.reference.handled(&event, &step, &self.machine);
        judged.map_err(|disagreement| format!("{disagreement}\nbefore: {before:?}"))?;
        tally.notes(said(&before, &event, &step));
        if step == Step::Reopen {
            self.stream = None;
        }
        let truth = |history, revision| self.cluster.table(history, revision);
        self.reference.compare(&truth, false).map_err(|what| format!("after {event:?}: {what}"))
    }

    /// The node has said all that it has.
    fn compare(&self) -> Result<(), String> {
        let Some((node, _)) = &self.stream else { return Ok(()) };
        let watcher = self.reference.watcher();
        let still = self.cluster.is_at(*node, watcher.history, watcher.told);
        let truth = |history, revision| self.cluster.table(history, revision);
        self.reference.compare(&truth, still).map_err(|what| what.to_string())
    }
}

fn said(before: &WatchCache<Record>, event: &WatchEvent<Record>, step: &Step<Record>) -> &'static str {
    match (event, step) {
        (WatchEvent::Page { .. }, Step::Wait) => "page: waits",
        (WatchEvent::Page { .. }, Step::Apply(_)) => "page: all told",
        (WatchEvent::Page { revision, last: true, .. }, Step::Reopen) if *revision < before.seen() => {
            "page: of a node that lags"
        }
        (WatchEvent::Page { .. }, Step::Reopen) => "page: of another revision",
        (WatchEvent::Changed { .. }, Step::Wait) => "change: told before",
        (WatchEvent::Changed { .. }, Step::Apply(_)) => "change: told",
        (WatchEvent::Changed { after, .. }, Step::Reopen) if *after > before.seen() => "change: after a gap",
        (WatchEvent::Changed { .. }, Step::Reopen) => "change: amid pages",
        (WatchEvent::History(_), Step::Wait) => "history: the same, or the first",
        (WatchEvent::History(_), Step::Apply(Update::Everything { .. })) => "history: another",
        (WatchEvent::History(_), _) => "history: something else",
        (WatchEvent::Ended, _) => "ended",
    }
}

fn walk(seed: u64) {
    let mut tally = Tally::default();
    for number in 0..WORLDS {
        let mut world = World::new(seed, number);
        for step in 0..STEPS {
            world
                .step(&mut tally)
                .unwrap_or_else(|what| panic!("seed {seed}, world {number}, step {step}\n{what}"));
        }
    }
    tally.wants(
        30,
        &[
            "restored",
            "stream: from the beginning",
            "stream: continued",
            "page: waits",
            "page: all told",
            "page: of a node that lags",
            "page: of another revision",
            "change: told before",
            "change: told",
            "change: after a gap",
            "change: amid pages",
            "history: the same, or the first",
            "history: another",
            "ended",
        ],
    );
}

#[test]
fn a_watcher_agrees_with_its_reference() {
    walk(1);
}

/// `WALK_SEEDS=1000..1100 cargo test --release -p cutover-reference --test watch -- --ignored`
#[test]
#[ignore = "as long as it is asked to"]
fn a_watcher_agrees_with_its_reference_from_other_seeds() {
    seeds::asked_for().for_each(walk);
}
