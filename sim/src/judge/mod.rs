//! Watches the nodes of a run, and tells the invariants what happens.
//!
//! Each driver hands its inputs to a recorder before the engine gets them. Here each is given once more, to a *shadow*: the
//! pure machine alone, with a disk that holds what was acknowledged as durable. What the invariants are told comes from
//! the shadows, and what leaves a node is held against them. So nothing is taken from the driver on trust, and at its end
//! it must be in the state of its shadow: it decides nothing.

mod finding;
mod released;

pub use finding::{Finding, own};

use crate::event_log::{EventLog, now_ns};
use crate::table::Table;
use crate::tape::Tape;
use cutover::core::control_plane::{
    Accepted, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput, ControlPlaneOutput,
    ReplicatedControlPlane,
};
use cutover::core::ids::{Index, Term};
use cutover::core::invariant::{Before, ClusterFact, ConsensusMonitor, Findings, Id, NodeNow};
use cutover::core::raft::{
    Batch, Config, Content, Durable, Effect, Entry, LogPosition, Output, RoleName, Ticket,
};
use cutover::core::trace::recording::digest;
use std::collections::BTreeMap;

/// A node as it should be.
struct Shadow {
    engine: ReplicatedControlPlane,
    disk: Durable<ControlPlaneEntry>,
    /// A write that failed: it is on the disk, or it is not.
    pending: Option<Vec<Batch<ControlPlaneEntry>>>,
    calls: u64,
    /// A flight recording of this start, if it is to be replayed.
    tape: Option<Tape>,
}

impl Shadow {
    fn now(&self) -> NodeNow<'_> {
        NodeNow { node: self.engine.node(), disk: &self.disk }
    }

    fn shape(&self) -> Shape {
        let node = self.engine.node();
        Shape {
            log: (node.log().base(), node.log().last()),
            role: node.role(),
            term: node.hard_state().term,
            commit: node.commit(),
            later: node.uncommitted_configurations().len(),
        }
    }
}

/// What of a node the judgement of all nodes rests on, as far as it changes.
#[derive(PartialEq, Eq)]
struct Shape {
    log: (LogPosition, LogPosition),
    role: RoleName,
    term: Term,
    commit: Index,
    later: usize,
}

/// Knows the nodes, and what was found.
pub struct Judge {
    event_log: EventLog,
    monitor: ConsensusMonitor,
    shadows: BTreeMap<u8, Shadow>,
    table: Table,
    findings: Vec<Finding>,
    lowering: bool,
}

impl Judge {
    /// No nodes yet; the cluster is founded with this on its disks.
    #[must_use]
    pub fn new(event_log: EventLog, founded: Index, table: Table, lowering: bool) -> Self {
        let monitor = ConsensusMonitor::new(founded);
        Self { event_log, monitor, shadows: BTreeMap::new(), table, findings: Vec::new(), lowering }
    }

    /// What was found, oldest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The table as the log has made it.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.table
    }

    /// The last place that any node has known to be committed.
    #[must_use]
    pub fn committed_through(&self) -> Index {
        self.monitor.committed_through()
    }

    /// Every node, as it should be.
    pub fn nodes(&self) -> impl Iterator<Item = (u8, NodeNow<'_>)> {
        self.shadows.iter().map(|(node, shadow)| (*node, shadow.now()))
    }

    /// Notes something that must not be.
    pub fn find(&mut self, id: &'static str, found: String, against: String) {
        self.event_log.note("judge", 0, id, &[], || format!("{found}; {against}"));
        if self.findings.len() < 16 {
            self.findings.push(Finding { at_ns: now_ns(), id, found, against });
        }
    }

    fn demand(&mut self, holds: bool, id: &'static str, facts: impl FnOnce() -> (String, String)) {
        if !holds {
            let (found, against) = facts();
            self.find(id, found, against);
        }
    }

    fn collect(&mut self, findings: &Findings) {
        for violation in findings.violations() {
            self.find(violation.id.entry().id, violation.found.clone(), violation.against.clone());
        }
    }

    fn feed(&mut self, fact: &ClusterFact<'_>) {
        let mut findings = Findings::new(true);
        self.monitor.judge(fact, &mut findings);
        if self.monitor.remembers(fact) {
            self.monitor.remember(fact);
        }
        self.collect(&findings);
    }

    /// A node starts with what it read from its disk.
    pub fn started(&mut self, node: u8, config: Config, durable: Durable<ControlPlaneEntry>) {
        let found = durable.clone();
        let Ok(engine) = ReplicatedControlPlane::start(config, durable) else {
            self.find(own::DURABLE, format!("n{node} cannot read its snapshot"), "it was written".to_owned());
            return;
        };
        let tape = self.lowering.then(Tape::default);
        let fresh = Shadow { engine, disk: found, pending: None, calls: 0, tape };
        let earlier = self.shadows.remove(&node).filter(|was| was.engine.node().config().me == config.me);
        if let Some(was) = earlier {
            self.reopened(node, &was, &fresh.disk);
            let before = Before::of(was.now());
            let mut findings = Findings::new(true);
            let fact = ClusterFact::Stepped { before, after: fresh.now(), restarted: true };
            self.monitor.judge(&fact, &mut findings);
            self.collect(&findings);
        }
        let mut fresh = fresh;
        let _timers = fresh.engine.take_outputs();
        self.shadows.insert(node, fresh);
        self.look_at_all();
    }

    /// What a disk holds after a crash: what was acknowledged, and of what was under way all or nothing.
    fn reopened(&mut self, node: u8, was: &Shadow, found: &Durable<ControlPlaneEntry>) {
        if was.disk == *found {
            return;
        }
        let mut with = was.disk.clone();
        for batch in was.pending.iter().flatten() {
            with.write(batch);
        }
        if was.pending.is_some() && with == *found {
            self.event_log.count("mark", "a write that failed is on the disk");
            return;
        }
        self.find(
            own::DURABLE,
            format!("the disk of n{node} holds {}", brief(found)),
            format!("{} was acknowledged", brief(&was.disk)),
        );
    }

    /// A node is down: all that is left of it is its disk.
    pub fn died(&mut self, node: u8) {
        self.replay(node);
        let state = self.shadows.get(&node).and_then(|shadow| digest(&shadow.engine).ok());
        self.event_log.note("n", node.into(), "was", &[state.unwrap_or(0)], String::new);
        self.feed(&ClusterFact::ReadEnded(node));
        let Some(shadow) = self.shadows.get_mut(&node) else { return };
        let config = shadow.engine.node().config();
        if let Ok(engine) = ReplicatedControlPlane::start(config, shadow.disk.clone()) {
            shadow.engine = engine;
            let _timers = shadow.engine.take_outputs();
        }
        self.look_at_all();
    }

    /// Plays the recording of a node through the pure machine.
    fn replay(&mut self, node: u8) {
        let Some(shadow) = self.shadows.get_mut(&node) else { return };
        let Some(tape) = shadow.tape.take() else { return };
        if let Err(found) = tape.ends_as(&shadow.engine) {
            self.find(
                own::LOWERING,
                format!("the recording of n{node}: {found}"),
                "it ends as the node".to_owned(),
            );
        } else {
            self.event_log.count("mark", "a recording replayed");
        }
    }

    /// A node lost its disk for good.
    pub fn wiped(&mut self, node: u8) {
        self.shadows.remove(&node);
    }

    /// A driver is about to make this call.
    pub fn called(&mut self, node: u8, before: &dyn ControlPlaneConsensus, input: &ControlPlaneInput) {
        let Some(mut shadow) = self.shadows.remove(&node) else { return };
        shadow.calls += 1;
        if shadow.calls.is_multiple_of(64) && shadow.engine.encode() != before.encode() {
            self.find(
                own::LOWERING,
                format!("n{node} is in a state of its own"),
                "its calls lead elsewhere".to_owned(),
            );
        }
        if let Some(tape) = &mut shadow.tape {
            tape.input(before, input);
        }
        let (then, shape) = (Before::of(shadow.now()).keep(), shadow.shape());
        let accepted = shadow.engine.handle(input.clone());
        let said = shadow.engine.take_outputs();
        self.note_call(node, &shadow, input);
        let mut findings = Findings::new(true);
        let fact = ClusterFact::Stepped { before: then.view(), after: shadow.now(), restarted: false };
        self.monitor.judge(&fact, &mut findings);
        self.collect(&findings);
        let changed = shadow.shape() != shape;
        self.shadows.insert(node, shadow);
        if let Ok(Accepted::Read(_)) = accepted {
            self.feed(&ClusterFact::ReadInvoked(node));
        }
        self.said(node, said);
        if changed {
            self.look_at_all();
        }
    }

    fn note_call(&self, node: u8, shadow: &Shadow, input: &ControlPlaneInput) {
        let machine = shadow.engine.node();
        let last = machine.log().last();
        let voted = machine.hard_state().voted_for.map_or(0, |peer| u64::from(peer.node.0));
        let facts = [
            machine.hard_state().term.0,
            voted,
            machine.role() as u64,
            machine.commit().0,
            last.term.0,
            last.index.0,
            machine.stable().0,
            machine.snapshot().last.index.0,
        ];
        self.event_log.note("n", node.into(), "call", &facts, || format!("{input:?}"));
    }

    /// Feeds what the shadow says.
    fn said(&mut self, node: u8, said: Vec<ControlPlaneOutput>) {
        let mut advanced: Vec<(LogPosition, Entry<ControlPlaneEntry>)> = Vec::new();
        let mut moved = false;
        for output in said {
            match output {
                Output::Mark(mark) => self.event_log.count("mark", mark.text()),
                Output::BecameLeader(_) => {
                    self.with(node, |now, this| this.feed_one(&ClusterFact::Led(now.node)))
                }
                Output::Applied { at, entry, effect } => {
                    self.table.applied(at.index, &entry, &effect);
                    if let Some(ticket) = taken(&entry, &effect) {
                        self.feed(&ClusterFact::TookEffect { ticket, at: at.index });
                    }
                    advanced.push((at, entry));
                }
                Output::Installed(_) => moved = true,
                Output::Read { outcome: Ok(_), .. } => {
                    let through =
                        self.shadows.get(&node).map_or(Index::ZERO, |now| now.engine.node().commit());
                    self.feed(&ClusterFact::ReadServed { reader: node, through });
                }
                Output::Read { outcome: Err(_), .. } => self.feed(&ClusterFact::ReadEnded(node)),
                Output::Halt(halt) => {
                    let id = Id::named(halt.invariant).map_or(own::STOP, |id| id.entry().id);
                    self.find(id, halt.facts, format!("n{node} has stopped"));
                }
                Output::Persist { .. }
                | Output::Send(_)
                | Output::SetTimer(_)
                | Output::CancelTimer(_)
                | Output::Decided { .. }
                | Output::Transfer(_) => {}
            }
        }
        if moved || !advanced.is_empty() {
            self.advanced(node, &advanced);
        }
    }

    fn feed_one(&mut self, fact: &ClusterFact<'_>) {
        self.feed(fact);
    }

    /// Looks at one node and the rest of the judge at once.
    fn with(&mut self, node: u8, look: impl FnOnce(NodeNow<'_>, &mut Self)) {
        if let Some(shadow) = self.shadows.remove(&node) {
            look(shadow.now(), self);
            self.shadows.insert(node, shadow);
        }
    }

    fn advanced(&mut self, node: u8, entries: &[(LogPosition, Entry<ControlPlaneEntry>)]) {
        let shadows = std::mem::take(&mut self.shadows);
        let nodes: Vec<NodeNow<'_>> = shadows.values().map(Shadow::now).collect();
        if let Some(by) = shadows.get(&node) {
            self.feed(&ClusterFact::Advanced { by: by.engine.node(), entries, nodes: &nodes });
            let known = by.engine.node().commit();
            if known == self.table.through() && by.engine.state().table() != self.table.state().table() {
                self.find(
                    Id::StateMachineSafety.entry().id,
                    format!("the table of n{node} at {known} is {:?}", by.engine.state().table()),
                    format!("the log makes {:?}", self.table.state().table()),
                );
            }
        }
        self.shadows = shadows;
    }

    /// Judges all nodes as they stand.
    fn look_at_all(&mut self) {
        let shadows = std::mem::take(&mut self.shadows);
        let nodes: Vec<NodeNow<'_>> = shadows.values().map(Shadow::now).collect();
        self.feed(&ClusterFact::Now(&nodes));
        if self.monitor.forgets(&nodes) {
            self.monitor.forget(&nodes);
        }
        self.shadows = shadows;
    }

    /// The disk says that these batches are durable.
    pub fn wrote(&mut self, node: u8, batches: &[Batch<ControlPlaneEntry>]) {
        let Some(shadow) = self.shadows.get_mut(&node) else { return };
        for batch in batches {
            shadow.disk.write(batch);
        }
        let (vote, last) = (shadow.disk.hard_state, shadow.disk.log.last());
        let facts = [u64::try_from(batches.len()).unwrap_or(0), vote.term.0, last.term.0, last.index.0];
        self.event_log.note("n", node.into(), "durable", &facts, String::new);
    }

    /// The disk gave an error: these batches are on it, or they are not.
    pub fn failed_to_write(&mut self, node: u8, batches: &[Batch<ControlPlaneEntry>]) {
        if let Some(shadow) = self.shadows.get_mut(&node) {
            shadow.pending = Some(batches.to_vec());
        }
    }

    /// A driver has ended in this state.
    pub fn ended(&mut self, node: u8, after: &dyn ControlPlaneConsensus) {
        let same = self.shadows.get(&node).is_none_or(|shadow| shadow.engine.encode() == after.encode());
        self.demand(same, own::LOWERING, || {
            (format!("n{node} has ended in a state of its own"), "its calls lead elsewhere".to_owned())
        });
    }
}

/// The request that an entry was applied for, as new.
fn taken(
    entry: &Entry<ControlPlaneEntry>,
    effect: &Effect<cutover::core::control_plane::Answer>,
) -> Option<Ticket> {
    match (&entry.content, effect) {
        (Content::Payload { ticket, .. }, Effect::Answered { repeated: false, .. }) => *ticket,
        _ => None,
    }
}

fn brief(disk: &Durable<ControlPlaneEntry>) -> String {
    let Durable { hard_state, snapshot, log } = disk;
    format!(
        "{hard_state:?}, a snapshot at {}, and a log from {} to {}",
        snapshot.last,
        log.base(),
        log.last()
    )
}
