//! Reports facts to the invariants' monitor, and finds the marks that only the whole cluster shows.

use super::action::NodeAction;
use super::host::{Host, HostEffect};
use super::mark::Mark;
use super::{Consensus, Hosts, NODES_MAX, State};
use cutover::core::control_plane::ControlPlaneState;
use cutover::core::ids::{NodeId, Term};
use cutover::core::invariant::{Before, ClusterFact, ConsensusMonitor, Findings, Id, NodeNow};
use cutover::core::raft::{Node, RoleName};

/// The state of all nodes, in an array: it is needed in every step, and allocating it was slow.
struct All<'a>([NodeNow<'a>; NODES_MAX], usize);

impl<'a> All<'a> {
    /// Collects the nodes. `any`: a host to fill the unused places with.
    fn of(hosts: &'a Hosts, any: &'a Host) -> Self {
        let mut all = Self([any.now(); NODES_MAX], 0);
        for (host, slot) in hosts.iter().flatten().zip(&mut all.0) {
            (*slot, all.1) = (host.now(), all.1 + 1);
        }
        all
    }

    fn nodes(&self) -> &[NodeNow<'a>] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

impl Consensus {
    /// Gives a fact to the monitor. The monitor is copied only if it has to remember the fact.
    pub(super) fn feed(&self, next: &mut State, fact: &ClusterFact<'_>, findings: &mut Findings) {
        next.monitor.judge(fact, findings);
        if next.monitor.remembers(fact) {
            let mut monitor: ConsensusMonitor = (*next.monitor).clone();
            monitor.remember(fact);
            next.monitor = self.share(monitor);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the states before and after, and the collectors of findings and marks"
    )]
    pub(super) fn judge(
        &self,
        before: &State,
        next: &mut State,
        node: u8,
        died: bool,
        effect: &HostEffect,
        findings: &mut Findings,
        marks: &mut u64,
    ) {
        let Some(host) = next.host(node).cloned() else { return };
        let machine = host.engine.node();
        if let Some(halt) = &effect.halt {
            let id = halt.invariant;
            findings.demand(false, id, || (halt.facts.clone(), format!("{} has stopped", host.me())));
        }
        findings.demand(effect.disk_differs.is_none(), Id::DiskAgrees, || {
            (effect.disk_differs.clone().unwrap_or_default(), "the reference of its disk".to_owned())
        });
        for vote in &effect.claims {
            self.feed(next, &ClusterFact::Revealed { by: host.now(), vote: *vote }, findings);
        }
        if let Some(was) = before.host(node).filter(|was| was.me() == host.me()) {
            let fact =
                ClusterFact::Stepped { before: Before::of(was.now()), after: host.now(), restarted: died };
            next.monitor.judge(&fact, findings);
        }
        if let Some(term) = effect.led {
            let hosts = next.hosts.clone();
            let all = All::of(&hosts, &host);
            self.feed(next, &ClusterFact::Led { by: machine, nodes: all.nodes() }, findings);
            *marks |= led(next, term);
        }
        for (ticket, at) in &effect.effects {
            self.feed(next, &ClusterFact::TookEffect { ticket: *ticket, at: *at }, findings);
        }
        if !effect.advanced.is_empty() || effect.installed {
            let hosts = next.hosts.clone();
            let all = All::of(&hosts, &host);
            let fact = ClusterFact::Advanced { by: machine, entries: &effect.advanced, nodes: all.nodes() };
            self.feed(next, &fact, findings);
        }
        if effect.changed {
            next.monitor.judge(&ClusterFact::Now(All::of(&next.hosts, &host).nodes()), findings);
        }
    }

    /// Makes the monitor forget facts that no further run can contradict, so that more states are equal.
    pub(super) fn forget(&self, next: &mut State) {
        let Some(first) = next.hosts.iter().flatten().next() else { return };
        let all = All::of(&next.hosts, first);
        if next.monitor.forgets(all.nodes()) {
            let mut monitor: ConsensusMonitor = (*next.monitor).clone();
            monitor.forget(all.nodes());
            next.monitor = self.share(monitor);
        }
    }

    pub(super) fn read_invoked(&self, next: &mut State, reader: u8, node: NodeId, marks: &mut u64) {
        let mut findings = Findings::new(false);
        if let Some(given_up) = reader.checked_sub(1) {
            self.feed(next, &ClusterFact::ReadEnded(given_up), &mut findings);
        }
        self.feed(next, &ClusterFact::ReadInvoked(reader), &mut findings);
        let asked = next.host(node.0).map(|host| host.engine.node().hard_state().term);
        let deposed = next.hosts().any(|(_, host)| {
            let node = host.engine.node();
            node.role() == RoleName::Leader && Some(node.hard_state().term) > asked
        });
        if deposed {
            *marks |= Mark::ReadByDeposed.bit();
        }
    }

    pub(super) fn read_ended(
        &self,
        next: &mut State,
        node: u8,
        reader: u8,
        served: bool,
        findings: &mut Findings,
        marks: &mut u64,
    ) {
        let Some(through) = next.host(node).map(|host| host.engine.node().commit()) else { return };
        let fact = if served {
            *marks |= Mark::ReadServed.bit();
            self.confirmed(next, node, next.given.round, findings);
            ClusterFact::ReadServed { reader, through }
        } else {
            *marks |= Mark::ReadRefused.bit();
            ClusterFact::ReadEnded(reader)
        };
        self.feed(next, &fact, findings);
    }
}

fn led(next: &State, term: Term) -> u64 {
    let leaders = next.hosts().filter(|(_, host)| host.engine.node().role() == RoleName::Leader).count();
    let two = if leaders > 1 { Mark::TwoLeaders.bit() } else { 0 };
    two | match term.0 {
        1 => Mark::LeaderFirst.bit(),
        2 => Mark::LeaderSecond.bit(),
        3 => Mark::LeaderThird.bit(),
        4 => Mark::LeaderFourth.bit(),
        _ => 0,
    }
}

/// Whether a snapshot with a session and another configuration has replaced a log tail that was not committed.
fn replaces_all(was: &Host, is: &Node<ControlPlaneState>) -> bool {
    let was = was.engine.node();
    let had_tail = was.log().last().index > was.commit();
    let session = is.applied().sessions().ids().next().is_some();
    had_tail && session && was.applied().configuration() != is.applied().configuration()
}

/// The marks reached by a step that only the whole cluster shows, as bits.
pub(super) fn cluster_marks(
    before: &State,
    next: &State,
    node: u8,
    (action, crash): (Option<NodeAction>, Option<u8>),
    effect: &HostEffect,
) -> u64 {
    let mut marks = 0;
    let Some(host) = next.host(node) else { return 0 };
    let machine = host.engine.node();
    if action == Some(NodeAction::Wipe) {
        marks |= Mark::Wiped.bit();
    }
    let waited = before.host(node).is_some_and(|host| host.is_writing());
    let keep = match action {
        Some(NodeAction::Crash { keep }) if waited => Some(keep),
        Some(_) | None => crash,
    };
    match keep {
        Some(0) => marks |= Mark::CrashLost.bit(),
        Some(_) => marks |= Mark::CrashKept.bit(),
        None => {}
    }
    if effect.advanced.is_empty() && !effect.installed {
        return marks;
    }
    if next.spent.crashes > 0 && machine.role() == RoleName::Leader {
        marks |= Mark::CommitAfterCrash.bit();
    }
    if effect.advanced.iter().any(|(_, entry)| entry.change().is_some()) {
        marks |= Mark::ChangeCommitted.bit();
    }
    if effect.installed && before.host(node).is_some_and(|host| host.engine.node().commit().0 == 0) {
        marks |= Mark::Joined.bit();
    }
    let retried = effect.marks & Mark::of(cutover::core::raft::Mark::Retried) != 0;
    if retried && machine.role() == RoleName::Leader {
        marks |= Mark::RetriedElsewhere.bit();
    }
    if effect.installed && before.host(node).is_some_and(|was| replaces_all(was, machine)) {
        marks |= Mark::SnapshotOfAll.bit();
    }
    let snapshot = machine.snapshot().applied::<cutover::core::control_plane::ControlPlaneState>();
    if !effect.effects.is_empty()
        && snapshot.is_ok_and(|applied| {
            effect.effects.iter().any(|(ticket, _)| applied.sessions().ids().any(|id| id == ticket.session))
        })
    {
        marks |= Mark::SessionOverSnapshot.bit();
    }
    marks
}
