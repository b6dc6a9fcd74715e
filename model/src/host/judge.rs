//! Tells the invariants what hosts do: the same facts for scripts, random runs and simulated ones.

use super::{Engine, Host};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneOutput};
use cutover::core::ids::{Index, NodeId, Term};
use cutover::core::invariant::{Before, ClusterFact, ConsensusMonitor, Findings, Id, NodeNow, Violation};
use cutover::core::raft::{
    Content, Effect, Entry, LogPosition, Message, Output, Progress, ReadId, RoleName, Ticket,
};
use std::collections::BTreeMap;

/// Hosts by the names of their nodes. One that is down is as it will be when it starts.
pub type Hosts<E> = BTreeMap<NodeId, Host<E>>;

/// Judges what hosts do, and collects what is broken.
#[derive(Clone, Debug)]
pub struct Judge {
    monitor: ConsensusMonitor,
    /// Reads that wait, each with a number that the monitor knows it by.
    reads: BTreeMap<(NodeId, ReadId), u8>,
    violations: Vec<Violation>,
}

/// What is asked of a host as it was before an input.
#[derive(Clone, Debug)]
pub struct Earlier {
    before: Before<Vec<Progress>>,
    shape: Shape,
}

/// What of a host the judgement of all hosts rests on, as far as it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Shape {
    log: (LogPosition, LogPosition),
    role: RoleName,
    term: Term,
    commit: Index,
    uncommitted: usize,
}

impl Earlier {
    /// A host before an input.
    pub fn of<E: Engine>(host: &Host<E>) -> Self {
        Self { before: Before::of(host.now()).keep(), shape: Shape::of(host) }
    }
}

impl Shape {
    fn of<E: Engine>(host: &Host<E>) -> Self {
        let node = host.engine.node();
        Self {
            log: (node.log().base(), node.log().last()),
            role: node.role(),
            term: node.hard_state().term,
            commit: node.commit(),
            uncommitted: node.uncommitted_configurations().len(),
        }
    }
}

impl Judge {
    /// Of a cluster whose founders begin at this place.
    #[must_use]
    pub const fn new(founded: Index) -> Self {
        Self { monitor: ConsensusMonitor::new(founded), reads: BTreeMap::new(), violations: Vec::new() }
    }

    /// What was found broken since this was last asked, oldest first.
    #[must_use = "an invariant that is broken has to be reported"]
    pub fn violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// The last place that any node has known to be committed.
    #[must_use]
    pub fn committed_through(&self) -> Index {
        self.monitor.committed_through()
    }

    fn feed(&mut self, fact: &ClusterFact<'_>) {
        let mut findings = Findings::new(true);
        self.monitor.judge(fact, &mut findings);
        if self.monitor.remembers(fact) {
            self.monitor.remember(fact);
        }
        self.violations.extend_from_slice(findings.violations());
    }

    /// A host has taken an input, and its machine wants this done.
    pub fn took<E: Engine>(
        &mut self,
        hosts: &Hosts<E>,
        at: NodeId,
        earlier: &Earlier,
        wanted: &[ControlPlaneOutput],
    ) {
        let Some(host) = hosts.get(&at) else { return };
        self.stepped(host, earlier);
        self.wanted(hosts, at, wanted);
        if Shape::of(host) != earlier.shape {
            self.look(hosts);
        }
    }

    /// A host is another than before, and was not restarted.
    pub fn stepped<E: Engine>(&mut self, host: &Host<E>, earlier: &Earlier) {
        let before = earlier.before.view();
        self.feed(&ClusterFact::Stepped { before, after: host.now(), restarted: false });
    }

    /// A host has started again, in the same life as before.
    pub fn restarted<E: Engine>(&mut self, hosts: &Hosts<E>, at: NodeId, earlier: &Earlier) {
        if let Some(host) = hosts.get(&at) {
            let before = earlier.before.view();
            self.feed(&ClusterFact::Stepped { before, after: host.now(), restarted: true });
        }
        self.forget_reads(at);
        self.look(hosts);
    }

    /// A read that a node has taken.
    pub fn reading(&mut self, at: NodeId, id: ReadId) {
        let Some(reader) = (0..=u8::MAX).find(|number| self.reads.values().all(|other| other != number))
        else {
            return;
        };
        self.reads.insert((at, id), reader);
        self.feed(&ClusterFact::ReadInvoked(reader));
    }

    /// The reads of a node that is down have no answer.
    pub fn forget_reads(&mut self, at: NodeId) {
        let gone: Vec<u8> =
            self.reads.iter().filter(|((node, _), _)| *node == at).map(|(_, read)| *read).collect();
        for reader in gone {
            self.feed(&ClusterFact::ReadEnded(reader));
        }
        self.reads.retain(|(node, _), _| *node != at);
    }

    fn wanted<E: Engine>(&mut self, hosts: &Hosts<E>, at: NodeId, wanted: &[ControlPlaneOutput]) {
        let Some(host) = hosts.get(&at) else { return };
        let (mut advanced, mut installed) = (Vec::new(), false);
        for output in wanted {
            match output {
                Output::BecameLeader(_) => self.feed(&ClusterFact::Led(host.engine.node())),
                Output::Applied { at, entry, effect } => {
                    if let Some(ticket) = took_effect(entry, effect) {
                        self.feed(&ClusterFact::TookEffect { ticket, at: at.index });
                    }
                    advanced.push((*at, entry.clone()));
                }
                Output::Installed(_) => installed = true,
                Output::Read { id, outcome } => {
                    if let Some(reader) = self.reads.remove(&(at, *id)) {
                        self.feed(&match outcome {
                            Ok(_) => ClusterFact::ReadServed { reader, through: host.engine.node().commit() },
                            Err(_) => ClusterFact::ReadEnded(reader),
                        });
                    }
                }
                Output::Halt(halt) => self.violations.push(Violation {
                    id: Id::named(halt.invariant).unwrap_or(Id::StateMachineSafety),
                    found: halt.facts.clone(),
                    against: format!("{} has stopped", host.me()),
                }),
                Output::Persist { .. }
                | Output::Send(_)
                | Output::SetTimer(_)
                | Output::CancelTimer(_)
                | Output::Decided { .. }
                | Output::Transfer(_)
                | Output::Mark(_) => {}
            }
        }
        if installed || !advanced.is_empty() {
            let nodes = all(hosts);
            self.feed(&ClusterFact::Advanced { by: host.engine.node(), entries: &advanced, nodes: &nodes });
        }
    }

    /// A message leaves a host, with what is on its disk now.
    pub fn sent<E: Engine>(&mut self, host: &Host<E>, message: &Message<ControlPlaneEntry>) {
        self.feed(&ClusterFact::Sent { by: host.now(), message });
    }

    /// Judges all hosts as they stand.
    pub fn look<E: Engine>(&mut self, hosts: &Hosts<E>) {
        let nodes = all(hosts);
        self.feed(&ClusterFact::Now(&nodes));
        if self.monitor.forgets(&nodes) {
            self.monitor.forget(&nodes);
        }
    }
}

fn all<E: Engine>(hosts: &Hosts<E>) -> Vec<NodeNow<'_>> {
    hosts.values().map(Host::now).collect()
}

/// The request that an entry was applied for, as new.
fn took_effect(entry: &Entry<ControlPlaneEntry>, effect: &Effect<Answer>) -> Option<Ticket> {
    match (&entry.content, effect) {
        (Content::Payload { ticket, .. }, Effect::Answered { repeated: false, .. }) => *ticket,
        _ => None,
    }
}
