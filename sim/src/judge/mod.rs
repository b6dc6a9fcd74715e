//! Follows all nodes of a run and reports facts to the invariants' monitors.
//!
//! Each driver hands its inputs to a recorder before the engine gets them. Here every input is also given to a
//! *shadow*: the pure machine alone, with a disk that holds the batches acknowledged as durable. The facts for the
//! invariants come from the shadows, and the messages that leave a node are compared with those of its shadow. So
//! the driver is not trusted: when it ends, its engine must be in the same state as the shadow.

mod beside;
mod disk;
mod era;
mod finding;
mod orders;
mod reads;
mod recorded;
mod stores;
mod tickets;
mod timed;
mod timers;
mod twin;
mod wiped;

use beside::{Beside, Survivor};
pub use era::{Era, Moment};
pub use finding::{Finding, own};
pub use reads::Wrong;
pub use recorded::Recorded;
pub use tickets::{Told, is_of_the_attempt};
pub use twin::Twin;
use twin::Twins;

use crate::event_log::{EventLog, now_ns};
use crate::outcome::Recording;
use crate::processes::member_of;
use crate::table::Table;
use crate::tape::Tape;
use cutover::core::control_plane::{
    Accepted, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput, ControlPlaneOutput,
    ControlPlaneState, Founder, ReplicatedControlPlane,
};
use cutover::core::ids::{HistoryId, Index, NodeId, PartitionId, Revision, Serial, SessionId};
use cutover::core::invariant::{Id, NodeNow};
use cutover::core::raft::{Batch, Config, Content, Durable, Message, Output};
use cutover::core::trace::recording::digest;
use cutover_model::host::{Earlier, Host, Hosts, Judge as Invariants};
use cutover_reference::beside::disk::DiskBeside;
use std::collections::BTreeMap;

/// A node's shadow, with what the judge knows beyond its host.
#[derive(Default)]
struct Shadow {
    /// Messages of the machine that need not wait for the disk, and have not left the node yet.
    free: Vec<Message<ControlPlaneEntry>>,
    /// Batches whose write failed: on the disk they are either all there or not at all.
    pending: Option<Vec<Batch<ControlPlaneEntry>>>,
    calls: u64,
    /// The flight recording of this start, if recordings are checked.
    tape: Option<Tape>,
    timers: timers::Timers,
    /// The reference of the disk and of what waits for it; `None` after a disagreement.
    beside: Option<DiskBeside<ControlPlaneEntry>>,
    writes: u64,
}

/// Follows all nodes of a run, and collects violations.
pub struct Judge {
    event_log: EventLog,
    invariants: Invariants,
    hosts: Hosts<ReplicatedControlPlane>,
    shadows: BTreeMap<NodeId, Shadow>,
    now: Era,
    /// The references of the table and the sessions.
    beside: Beside,
    survivor: Option<Survivor>,
    past: Vec<Era>,
    findings: Vec<Finding>,
    twins: Twins,
    stores: stores::Stores,
    /// What the machines of partitions with data were given.
    recorded: Recorded,
    /// The flight recordings of nodes, if they are kept.
    tapes: Vec<Recording>,
    orders_of_moves: orders::Orders,
    /// What clients were told is not done and never will be.
    not_done: Vec<(String, tickets::Request)>,
    /// The election timeouts that have ended, in thousandths of their range.
    timeouts: Vec<u64>,
    /// When each node has last ordered another to stand for election.
    orders: BTreeMap<u8, u64>,
    /// When the machine of each node has last taken a request under a ticket.
    taken: BTreeMap<(u8, SessionId, Serial), u64>,
    /// When the machine of each node has last taken a read.
    read: BTreeMap<u8, u64>,
    /// When the machine of each node was last in contact with a leader.
    led: BTreeMap<u8, u64>,
    lowering: bool,
}

impl Judge {
    /// A judge for a cluster without nodes. `founded`: the log index of the founding configuration; `table`: the state as founded.
    #[must_use]
    pub fn new(event_log: EventLog, founder: &Founder, founded: Index, table: Table, lowering: bool) -> Self {
        let beside = Beside::new(table.state().clone(), founder, founded);
        let history = founder.history;
        let invariants = Invariants::new(founded);
        let (hosts, shadows) = (Hosts::new(), BTreeMap::new());
        let recorded = Recorded::new(table.state(), lowering || event_log.keeps_text());
        let now = Era { history, began_ns: 0, begins_with: BTreeMap::new(), table };
        Self {
            event_log,
            invariants,
            hosts,
            shadows,
            now,
            beside,
            survivor: None,
            past: Vec::new(),
            findings: Vec::new(),
            twins: Twins::default(),
            stores: stores::Stores::default(),
            recorded,
            tapes: Vec::new(),
            orders_of_moves: orders::Orders::default(),
            not_done: Vec::new(),
            timeouts: Vec::new(),
            orders: BTreeMap::new(),
            taken: BTreeMap::new(),
            read: BTreeMap::new(),
            led: BTreeMap::new(),
            lowering,
        }
    }

    /// The violations so far, oldest first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The table that follows from the log.
    #[must_use]
    pub const fn table(&self) -> &Table {
        &self.now.table
    }

    /// The present history.
    #[must_use]
    pub const fn history(&self) -> HistoryId {
        self.now.history
    }

    /// The histories of the run, oldest first.
    pub fn eras(&self) -> impl Iterator<Item = &Era> {
        self.past.iter().chain([&self.now])
    }

    /// The table of a history.
    #[must_use]
    pub fn table_of(&self, history: HistoryId) -> Option<&Table> {
        self.eras().find(|era| era.history == history).map(|era| &era.table)
    }

    /// The present moment.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.now.moment()
    }

    /// The revision that the answer to something asked for at a moment must have reached.
    #[must_use]
    pub fn committed_before(&self, asked: Moment) -> Revision {
        self.now.committed_before(asked)
    }

    /// The highest index that any node has known to be committed.
    #[must_use]
    pub fn committed_through(&self) -> Index {
        self.invariants.committed_through()
    }

    /// The state of each node's shadow, by number.
    pub fn nodes(&self) -> impl Iterator<Item = (u8, NodeNow<'_>)> {
        self.hosts.iter().map(|(node, host)| (node.0, host.now()))
    }

    /// Records a violation of an invariant that is not in the registry.
    pub fn find(&mut self, id: &'static str, found: String, against: String) {
        self.find_about(None, id, found, against);
    }

    /// Records a violation, about a partition with data if it is about one.
    pub fn find_about(
        &mut self,
        partition: Option<PartitionId>,
        id: &'static str,
        found: String,
        against: String,
    ) {
        self.event_log.note("judge", 0, id, &[], || format!("{found}; {against}"));
        if !self.is_judged(id) {
            self.event_log.count("twins", "violations after both were answered, not judged");
        } else if self.findings.len() < 16 {
            self.findings.push(Finding { at_ns: now_ns(), id, found, against, partition });
        }
    }

    fn demand(&mut self, holds: bool, id: &'static str, facts: impl FnOnce() -> (String, String)) {
        if !holds {
            let (found, against) = facts();
            self.find(id, found, against);
        }
    }

    /// Takes over the violations that the monitors have found.
    fn collect(&mut self) {
        for violation in self.invariants.violations() {
            self.find(violation.id.entry().id, violation.found, violation.against);
        }
    }

    /// Call when a node starts, with the contents that it has read from its disk.
    pub fn started(&mut self, node: u8, config: Config, durable: Durable<ControlPlaneEntry>) {
        if !self.follows(node) {
            return;
        }
        let Ok(mut fresh) = Host::start(config, durable) else {
            self.find(own::DURABLE, format!("n{node} cannot read its snapshot"), "it was written".to_owned());
            return;
        };
        let (id, tape) = (self.id(node), self.recorded.keeps().then(Tape::default));
        let shadow = self.shadows.remove(&id);
        let earlier = self.hosts.remove(&id).filter(|was| was.me() == config.me);
        let mut beside = None;
        if let (Some(was), Some(shadow), true) = (&earlier, shadow, member_of(node) == node) {
            self.reopened(node, &was.disk, shadow.pending.as_deref(), &fresh.disk);
            beside = shadow.beside;
        }
        let beside = self.starts_from(node, beside, &fresh.disk);
        let mut shadow = Shadow { tape, beside: Some(beside), ..Shadow::default() };
        let (_timers, agrees) = disk::outputs(&mut fresh, &mut shadow);
        self.shadows.insert(id, shadow);
        self.disk_agrees(node, agrees);
        self.hosts.insert(id, fresh);
        match earlier {
            Some(was) => self.invariants.restarted(&self.hosts, id, &Earlier::of(&was)),
            None => self.invariants.look(&self.hosts),
        }
        self.collect();
    }

    /// Call when a node's process ends: only its disk is left.
    pub fn died(&mut self, node: u8) {
        self.replay_tape(node);
        let id = self.id(node);
        let state = self.hosts.get(&id).and_then(|host| digest(&host.engine).ok());
        self.event_log.note("n", node.into(), "was", &[state.unwrap_or(0)], String::new);
        self.invariants.forget_reads(id);
        let Some(host) = self.hosts.get_mut(&id) else { return };
        if let Ok(mut restarted) = Host::start(host.engine.node().config(), host.disk.clone()) {
            let _timers = restarted.outputs();
            *host = restarted;
        }
        if let Some(shadow) = self.shadows.get_mut(&id) {
            shadow.free.clear();
        }
        self.invariants.look(&self.hosts);
        self.collect();
    }

    /// Call when a node loses its disk.
    pub fn wiped(&mut self, node: u8) {
        let id = self.id(node);
        self.hosts.remove(&id);
        self.shadows.remove(&id);
    }

    /// Call before the first node of a new history starts from this disk. No other node runs or has a disk then.
    pub fn refounded(&mut self, history: HistoryId, disk: &Durable<ControlPlaneEntry>) {
        let Ok(applied) = disk.snapshot.applied::<ControlPlaneState>() else {
            return self.find(own::DURABLE, "a new history cannot be read".to_owned(), String::new());
        };
        let (began, state) = (applied.last().index, applied.machine().clone());
        let records = state.table().records().map(|record| (record.partition, record.clone()));
        let begins_with = records.collect();
        self.references_continue(began, &state);
        let (table, repeated) = self.now.table.continued(state, began);
        let now = Era { history, began_ns: now_ns(), begins_with, table };
        self.past.push(core::mem::replace(&mut self.now, now));
        self.invariants = Invariants::new(began);
        self.hosts.clear();
        self.shadows.clear();
        for (found, against) in repeated {
            self.find(own::HISTORY, found, against);
        }
    }

    /// Call before a driver gives an input to its engine.
    pub fn called(&mut self, node: u8, before: &dyn ControlPlaneConsensus, input: &ControlPlaneInput) {
        let id = self.id(node);
        let (Some(host), Some(shadow)) = (self.hosts.get_mut(&id), self.shadows.get_mut(&id)) else { return };
        shadow.calls += 1;
        let strays = shadow.calls.is_multiple_of(64) && host.engine.encode() != before.encode();
        if let Some(tape) = &mut shadow.tape {
            tape.input(before, input);
        }
        let earlier = Earlier::of(host);
        let accepted = host.engine.handle(input.clone());
        if host.engine.node().leader().is_some() {
            self.led.insert(node, now_ns());
        }
        let (outputs, agrees) = disk::outputs(host, shadow);
        for output in &outputs {
            if let Output::Send(message) = output {
                shadow.free.push(message.clone());
            }
        }
        match (&accepted, input) {
            (Ok(Accepted::Read(read)), _) => {
                self.read.insert(node, now_ns());
                self.invariants.reading(id, *read);
            }
            (
                Ok(Accepted::Proposal(_)),
                ControlPlaneInput::Propose(Content::Payload { ticket: Some(ticket), .. }),
            ) => {
                self.taken.insert((node, ticket.session, ticket.serial), now_ns());
            }
            (Ok(Accepted::Event | Accepted::Proposal(_)) | Err(_), _) => {}
        }
        self.demand(!strays, own::LOWERING, || {
            (format!("n{node} is in a state of its own"), "its calls lead elsewhere".to_owned())
        });
        self.disk_agrees(node, agrees);
        self.note_call(node, input);
        self.watch_timers(node, input, &outputs);
        self.invariants.took(&self.hosts, id, &earlier, &outputs);
        self.collect();
        self.performed(node, &outputs);
    }

    fn note_call(&self, node: u8, input: &ControlPlaneInput) {
        let Some(host) = self.hosts.get(&self.id(node)) else { return };
        let machine = host.engine.node();
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

    /// Counts the outputs of a machine, and applies committed entries to the table.
    fn performed(&mut self, node: u8, outputs: &[ControlPlaneOutput]) {
        let mut moved = false;
        for output in outputs {
            if let Output::Mark(mark) = output {
                self.event_log.count("mark", mark.text());
            }
            if let Output::Applied { at, entry, effect } = output {
                let (through, before) = (self.now.table.through(), self.before_entry(entry));
                if let Some((found, against)) = self.now.table.applied(at.index, entry, effect) {
                    self.find(own::HISTORY, found, against);
                }
                if self.now.table.through() > through {
                    self.decided(at.index, entry, effect, before.as_ref());
                    self.ordered(at.index, entry, effect);
                }
                self.judge_entry(node, at.index, entry, effect);
            }
            moved |= matches!(output, Output::Applied { .. } | Output::Installed(_));
        }
        let Some(host) = self.hosts.get(&self.id(node)).filter(|_| moved) else { return };
        let known = host.engine.node().commit();
        let table = &self.now.table;
        if known == table.through() && host.engine.state().table() != table.state().table() {
            let found = format!("the table of n{node} at {known} is {:?}", host.engine.state().table());
            let against = format!("the log makes {:?}", table.state().table());
            self.find(Id::StateMachineSafety.entry().id, found, against);
        }
        if known == self.now.table.through() {
            let installed = outputs.iter().any(|output| matches!(output, Output::Installed(_)));
            self.compare_state(node, self.id(node), installed);
        }
    }

    /// Call when a driver has ended, with the final state of its engine.
    pub fn ended(&mut self, node: u8, after: &dyn ControlPlaneConsensus) {
        let same = self.hosts.get(&self.id(node)).is_none_or(|host| host.engine.encode() == after.encode());
        self.demand(same, own::LOWERING, || {
            (format!("n{node} has ended in a state of its own"), "its calls lead elsewhere".to_owned())
        });
    }
}
