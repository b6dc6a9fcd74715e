//! Reports what hosts do to the invariants' monitors. Scripts, random runs and simulated runs use the same facts.

use super::{Engine, Host};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneOutput};
use cutover::core::ids::{Index, NodeId, Term};
use cutover::core::invariant::{Before, ClusterFact, ConsensusMonitor, Findings, NodeNow, Violation};
use cutover::core::raft::{
    Content, Effect, Entry, LogPosition, Message, Output, Progress, ReadId, RoleName, Ticket,
};
use std::collections::BTreeMap;

/// Hosts by node id. A host that is down is present in the state in which it will start.
pub type Hosts<E> = BTreeMap<NodeId, Host<E>>;

/// Reports facts about hosts to the consensus monitor and collects the violations.
#[derive(Clone, Debug)]
pub struct Judge {
    monitor: ConsensusMonitor,
    /// Outstanding reads, each with the number under which the monitor knows it.
    reads: BTreeMap<(NodeId, ReadId), u8>,
    violations: Vec<Violation>,
}

/// The facts about a host that must be taken before it handles an input.
#[derive(Clone, Debug)]
pub struct Earlier {
    before: Before<Vec<Progress>>,
    shape: Shape,
}

/// The part of a host's state that invariants over all hosts depend on. If it has not changed, they need not be
/// judged again.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Shape {
    log: (LogPosition, LogPosition),
    role: RoleName,
    term: Term,
    commit: Index,
    uncommitted: usize,
}

impl Earlier {
    /// Takes the facts about a host before it handles an input.
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
    /// A judge for a cluster whose founding configuration is at log index `founded`.
    #[must_use]
    pub const fn new(founded: Index) -> Self {
        Self { monitor: ConsensusMonitor::new(founded), reads: BTreeMap::new(), violations: Vec::new() }
    }

    /// Takes the violations found since the last call, oldest first.
    #[must_use = "an invariant that is broken has to be reported"]
    pub fn violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// The highest index that any node has known to be committed.
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

    /// Call after a host has handled an input; `outputs` are those of its machine.
    pub fn took<E: Engine>(
        &mut self,
        hosts: &Hosts<E>,
        at: NodeId,
        earlier: &Earlier,
        outputs: &[ControlPlaneOutput],
    ) {
        let Some(host) = hosts.get(&at) else { return };
        self.stepped(host, earlier);
        self.judge_outputs(hosts, at, outputs);
        if Shape::of(host) != earlier.shape {
            self.look(hosts);
        }
    }

    /// Call after a host's state has changed without a restart.
    pub fn stepped<E: Engine>(&mut self, host: &Host<E>, earlier: &Earlier) {
        let before = earlier.before.view();
        self.feed(&ClusterFact::Stepped { before, after: host.now(), restarted: false });
    }

    /// Call after a host has restarted in the same directory.
    pub fn restarted<E: Engine>(&mut self, hosts: &Hosts<E>, at: NodeId, earlier: &Earlier) {
        if let Some(host) = hosts.get(&at) {
            let before = earlier.before.view();
            self.feed(&ClusterFact::Stepped { before, after: host.now(), restarted: true });
        }
        self.forget_reads(at);
        self.look(hosts);
    }

    /// Call when a node has accepted a read: its answer is judged against what was committed by now.
    pub fn reading(&mut self, at: NodeId, id: ReadId) {
        let Some(reader) = (0..=u8::MAX).find(|number| self.reads.values().all(|other| other != number))
        else {
            return;
        };
        self.reads.insert((at, id), reader);
        self.feed(&ClusterFact::ReadInvoked(reader));
    }

    /// Call when a node goes down: its outstanding reads will get no answer.
    pub fn forget_reads(&mut self, at: NodeId) {
        let gone: Vec<u8> =
            self.reads.iter().filter(|((node, _), _)| *node == at).map(|(_, read)| *read).collect();
        for reader in gone {
            self.feed(&ClusterFact::ReadEnded(reader));
        }
        self.reads.retain(|(node, _), _| *node != at);
    }

    fn judge_outputs<E: Engine>(&mut self, hosts: &Hosts<E>, at: NodeId, outputs: &[ControlPlaneOutput]) {
        let Some(host) = hosts.get(&at) else { return };
        let (mut advanced, mut installed) = (Vec::new(), false);
        for output in outputs {
            match output {
                Output::BecameLeader(_) => {
                    let nodes = all(hosts);
                    self.feed(&ClusterFact::Led { by: host.engine.node(), nodes: &nodes });
                }
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
                    id: halt.invariant,
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

    /// Call when a message leaves a host: judges it against the host's disk at this moment.
    pub fn sent<E: Engine>(&mut self, host: &Host<E>, message: &Message<ControlPlaneEntry>) {
        self.feed(&ClusterFact::Sent { by: host.now(), message });
    }

    /// Judges the invariants that relate all hosts to each other.
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

/// The session request for which an entry was applied, if it was applied for the first time.
fn took_effect(entry: &Entry<ControlPlaneEntry>, effect: &Effect<Answer>) -> Option<Ticket> {
    match (&entry.content, effect) {
        (Content::Payload { ticket, .. }, Effect::Answered { repeated: false, .. }) => *ticket,
        _ => None,
    }
}
