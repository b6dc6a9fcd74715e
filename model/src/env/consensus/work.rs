//! Computes the effect of an input on a host: gives the input to the machine and performs its outputs in order.

use super::action::{HostInput, RareRequest};
use super::disk::Agrees;
use super::host::{ClientAnswer, Disk, Host, HostEffect};
use super::mark::Mark;
use super::net::NodeMessage;
use super::{Consensus, MembershipRequest, identity};
use crate::host::{Unreadable, carried};
use crate::shared::{Memory, Shared, memory};
use cutover::core::control_plane::{
    ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneError, ControlPlaneOutput, Endpoints,
    MembershipChange, Override,
};
use cutover::core::ids::{
    Epoch, Halt, Index, MigrationId, NodeId, PartitionId, Placement, Relabel, Serial, SessionId, Term,
};
use cutover::core::invariant::Id;
use cutover::core::migration::{Command, Expected, Operator, Reason, Release, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    Effect as Did, Entry, HardState, LogPosition, Message, Output, Peer, ProposalId, ReadId, Ticket, Timer,
};
use std::hash::Hash;
use std::thread::LocalKey;

impl Consensus {
    /// Computes the effect of an input on a host, without the cache. `explain`: also produce lines of text.
    pub(super) fn work_out(
        &self,
        host: &Shared<Host>,
        host_input: &HostInput,
        sent: Option<&Shared<NodeMessage>>,
        disk: Disk,
        explain: bool,
    ) -> HostEffect {
        let mut work = HostWork::new(self, host, explain);
        work.apply_input(self, host_input, sent);
        work.perform();
        match disk {
            Disk::Lingers => {}
            Disk::Syncs => {
                while work.host.is_writing() {
                    work.write(1);
                }
            }
            Disk::Crashes { keep } => work.crash(keep),
        }
        work.finish(self, host)
    }
}

/// The effect while it is computed.
struct HostWork<'a> {
    env: &'a Consensus,
    host: Host,
    sent: Vec<Message<ControlPlaneEntry>>,
    explain: bool,
    effect: Parts,
}

#[derive(Default)]
struct Parts {
    answers: Vec<ClientAnswer>,
    advanced: Vec<(LogPosition, Entry<ControlPlaneEntry>)>,
    installed: bool,
    effects: Vec<(Ticket, Index)>,
    led: Option<Term>,
    claims: Vec<HardState>,
    proposed: Option<Result<ProposalId, ControlPlaneError>>,
    read: Option<Result<ReadId, ControlPlaneError>>,
    timers: Vec<(Timer, bool)>,
    halt: Option<Halt>,
    disk_differs: Option<String>,
    marks: u64,
    lines: Vec<String>,
}

impl<'a> HostWork<'a> {
    fn new(env: &'a Consensus, host: &Host, explain: bool) -> Self {
        Self { env, host: host.clone(), sent: Vec::new(), explain, effect: Parts::default() }
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.explain {
            self.effect.lines.push(line());
        }
    }

    fn apply_input(&mut self, env: &Consensus, host_input: &HostInput, sent: Option<&Shared<NodeMessage>>) {
        match host_input {
            HostInput::Deliver => {
                if let Some(sent) = sent {
                    self.host.engine.receive(sent.0.clone());
                }
            }
            HostInput::Idle => {}
            HostInput::Fire(timer) => self.host.engine.fire(*timer),
            HostInput::Transfer(to) => self.host.engine.transfer(Some(NodeId(*to))),
            HostInput::Sync => self.write(1),
            HostInput::SyncAll => self.write(usize::MAX),
            HostInput::Crash { keep } => self.crash(*keep),
            HostInput::Wipe => self.wipe(env),
            HostInput::Open => self.effect.proposed = Some(self.host.engine.open_session()),
            HostInput::Write { write, ticket } => self.propose(create(*write), *ticket),
            HostInput::Command(command) => {
                self.propose(ControlPlaneEntry::OwnershipTransition(command.clone()), None);
            }
            HostInput::Change(request, directory) => {
                let peer = |node: u8| Peer { node: NodeId(node), directory: *directory };
                let change = match request {
                    MembershipRequest::Admit(node) => identity(NodeId(*node)).map(|identity| {
                        MembershipChange::Admit { peer: peer(*node), identity, endpoints: Endpoints::NONE }
                    }),
                    MembershipRequest::Promote(node) => {
                        Some(MembershipChange::Promote { peer: peer(*node), even_so: None })
                    }
                    MembershipRequest::Remove(node) => {
                        Some(MembershipChange::Remove { peer: peer(*node), even_so: None })
                    }
                    MembershipRequest::PromoteEvenSo(node) => {
                        Some(MembershipChange::Promote { peer: peer(*node), even_so: overridden() })
                    }
                    MembershipRequest::RemoveEvenSo(node) => {
                        Some(MembershipChange::Remove { peer: peer(*node), even_so: overridden() })
                    }
                };
                if let Some(change) = change {
                    self.propose(ControlPlaneEntry::MembershipChange(change), None);
                }
            }
            HostInput::Read => self.effect.read = Some(self.host.engine.read()),
            HostInput::Rare(request) => self.rare(*request),
        }
    }

    fn rare(&mut self, request: RareRequest) {
        let machine = self.host.engine.node();
        let (me, term) = (machine.config().me, machine.hard_state().term);
        let oldest = machine.applied().sessions().ids().min().unwrap_or(SessionId(1));
        match request {
            RareRequest::HandOver => self.host.engine.transfer(None),
            RareRequest::CloseSession => self.effect.proposed = Some(self.host.engine.close_session(oldest)),
            RareRequest::OpensTerm => {
                self.propose(ControlPlaneEntry::LeaderConfiguration { term, leader: me.node }, None);
            }
            RareRequest::ChangeInSession => {
                let serial = Serial(1 << 40);
                let ticket = Ticket { session: oldest, serial, acknowledged_through: Serial::ZERO };
                let change = MembershipChange::Remove { peer: me, even_so: None };
                self.propose(ControlPlaneEntry::MembershipChange(change), Some(ticket));
            }
            RareRequest::TakenIdentity => {
                let peer = Peer { node: NodeId(99), directory: me.directory };
                if let Some(identity) = identity(me.node) {
                    let endpoints = Endpoints::NONE;
                    let change = MembershipChange::Admit { peer, identity, endpoints };
                    self.propose(ControlPlaneEntry::MembershipChange(change), None);
                }
            }
            RareRequest::Long => {
                if let Some(entry) = long() {
                    self.propose(entry, None);
                }
            }
        }
    }

    fn propose(&mut self, entry: ControlPlaneEntry, ticket: Option<Ticket>) {
        let proposed = self.host.engine.propose(entry, ticket);
        if let Err(error) = &proposed {
            let error = error.to_string();
            self.say(|| error);
        }
        self.effect.proposed = Some(proposed);
    }

    /// Performs the machine's outputs that need not wait, in order.
    fn perform(&mut self) {
        for output in self.host.engine.take_outputs() {
            if let Output::Persist { batch, .. } = &output {
                self.say(|| super::text::batch(batch));
            }
            // The wire is a set, so a second equal message need not wait as well.
            if let Output::Send(message) = &output
                && self.host.holds(message)
            {
                continue;
            }
            if let Some(output) = self.host.pass(output) {
                self.perform_now(output);
            }
        }
    }

    fn perform_now(&mut self, output: ControlPlaneOutput) {
        match output {
            Output::Send(message) => self.send(message),
            Output::Decided { id, outcome } => self.answer(ClientAnswer::Decided(id, outcome)),
            Output::Read { id, outcome } => self.answer(ClientAnswer::Read(id, outcome)),
            Output::Applied { at, entry, effect } => {
                self.say(|| format!("applies {}: {effect}", at.index));
                if let Did::Answered { repeated: false, .. } = effect
                    && let cutover::core::raft::Content::Payload { ticket: Some(ticket), .. } = &entry.content
                {
                    self.effect.effects.push((*ticket, at.index));
                }
                self.effect.advanced.push((at, entry));
            }
            Output::Installed(at) => {
                self.say(|| format!("installs the snapshot at {at}"));
                self.effect.installed = true;
            }
            Output::BecameLeader(term) => {
                self.say(|| format!("leads {term}"));
                self.effect.led = Some(term);
            }
            Output::Transfer(outcome) => self.say(|| match outcome {
                Ok(to) => format!("has handed over to {to}"),
                Err(refusal) => refusal.to_string(),
            }),
            Output::Mark(mark) => self.effect.marks |= Mark::of(mark),
            Output::Halt(halt) => {
                self.say(|| format!("stops: {} {}", halt.invariant, halt.facts));
                self.effect.halt = Some(halt);
            }
            Output::SetTimer(timer) => self.effect.timers.push((timer, true)),
            Output::CancelTimer(timer) => self.effect.timers.push((timer, false)),
            Output::Persist { .. } => {}
        }
    }

    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        self.say(|| format!("sends {} {}", message.to, message.body));
        self.claim(&message);
        self.sent.push(message);
    }

    fn answer(&mut self, answer: ClientAnswer) {
        self.say(|| super::text::answer(&answer));
        self.effect.answers.push(answer);
    }

    fn claim(&mut self, message: &Message<ControlPlaneEntry>) {
        let vote = message.vote_claim();
        if !self.effect.claims.contains(&vote) {
            self.effect.claims.push(vote);
        }
    }

    /// The next batches become durable, one of them or all as one group: sends the messages that waited for them, and tells the
    /// machine.
    fn write(&mut self, batches: usize) {
        let (expected, agrees) = self.env.expected(&self.host, batches);
        self.disk_agrees(agrees);
        let written = if batches == 1 { self.host.write() } else { self.host.write_group() };
        match written {
            Some(Ok(messages)) => {
                // Of a group, a later batch may take back what a message has promised.
                let alone = if batches == 1 { messages.as_slice() } else { &[] };
                self.disk_agrees(expected.judge(&self.host.disk, alone));
                messages.into_iter().for_each(|message| self.send(message));
            }
            Some(Err(Unreadable(what))) => self.unreadable(what),
            None => return,
        }
        self.host.report();
        self.perform();
    }

    /// What a disk holds is not what its reference holds.
    fn disk_agrees(&mut self, agrees: Agrees) {
        if let Err(disagreement) = agrees {
            self.effect.disk_differs.get_or_insert(format!("{} {disagreement}", self.host.me()));
        }
    }

    fn crash(&mut self, keep: u8) {
        let config = self.host.engine.node().config();
        let (expected, agrees) = self.env.expected(&self.host, keep.into());
        self.disk_agrees(agrees);
        let disk = self.host.clone().crash(keep.into());
        if let Ok(disk) = &disk {
            self.disk_agrees(expected.judge(disk, &[]));
        }
        match disk.map(|disk| Host::started(config, disk)) {
            Ok(Some(started)) => self.restarted(started),
            Ok(None) => self.unreadable("what the disk holds"),
            Err(Unreadable(what)) => self.unreadable(what),
        }
    }

    /// Reports that a value changed when it was encoded and decoded, as a violation.
    fn unreadable(&mut self, what: &str) {
        let facts = format!("{what} of {} cannot be read back as it was", self.host.me());
        self.effect.halt = Some(Halt { invariant: Id::StateMachineSafety, facts });
    }

    /// Replaces the disk by an empty one; the node restarts in its next directory.
    fn wipe(&mut self, env: &Consensus) {
        let me = self.host.me();
        let me = Peer { directory: me.directory.next(), ..me };
        let disk = env.founder.empty_disk().ok();
        if let Some(host) = disk.and_then(|disk| Host::started(env.config(me), disk)) {
            self.restarted(host);
        }
    }

    fn restarted(&mut self, (host, timers): (Host, Vec<(Timer, bool)>)) {
        self.host = host;
        self.effect.timers =
            super::timers::ALL.into_iter().map(|timer| (timer, false)).chain(timers).collect();
    }

    fn finish(mut self, env: &Consensus, before: &Shared<Host>) -> HostEffect {
        let messages = std::mem::take(&mut self.sent);
        let mut sent = Vec::new();
        for message in messages {
            match carried(&message) {
                Some(read) => sent.push(env.kept(NodeMessage(read), &SENT)),
                None => self.unreadable("a message"),
            }
        }
        self.host.sort_waiting();
        let host = env.kept(self.host, &HOSTS);
        let parts = self.effect;
        let same = host.same(before);
        let (was, is) = (before.engine.node(), host.engine.node());
        let changed = was.log() != is.log()
            || was.role() != is.role()
            || was.uncommitted_configurations() != is.uncommitted_configurations()
            || was.applied() != is.applied();
        HostEffect {
            idle: same
                && sent.is_empty()
                && parts.answers.is_empty()
                && parts.halt.is_none()
                && parts.disk_differs.is_none(),
            changed,
            host,
            sent,
            answers: parts.answers,
            advanced: parts.advanced,
            installed: parts.installed,
            effects: parts.effects,
            led: parts.led,
            claims: parts.claims,
            proposed: parts.proposed,
            read: parts.read,
            timers: parts.timers,
            halt: parts.halt,
            disk_differs: parts.disk_differs,
            marks: parts.marks,
            lines: parts.lines,
        }
    }
}

impl Consensus {
    /// A shared value: in a search, the one that this thread has already.
    fn kept<T: Hash + Relabel>(&self, value: T, known: &'static LocalKey<Memory<Shared<T>>>) -> Shared<T> {
        if self.cluster.world.is_some() {
            return self.share(value);
        }
        Shared::interned(value, &self.symmetry, self.key, known)
    }
}

thread_local! {
    static HOSTS: Memory<Shared<Host>> = const { memory() };
    static SENT: Memory<Shared<NodeMessage>> = const { memory() };
}

/// An entry with the longest texts that there are. It is refused when it is applied, since no migration is held.
fn long() -> Option<ControlPlaneEntry> {
    let operator = Operator::try_from("o".repeat(64)).ok()?;
    let reason = Reason::try_from("r".repeat(256)).ok()?;
    let expected = Expected { migration: MigrationId(1), epoch: Epoch(1) };
    let transition = Transition::Release { expected, how: Release::Resume, operator, reason };
    Some(ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(1), transition }))
}

/// What an operator says who forces a change of the members.
fn overridden() -> Option<Override> {
    let operator = Operator::try_from("o".to_owned()).ok()?;
    Some(Override { operator, reason: Reason::try_from("r".to_owned()).ok()? })
}

/// The content of a write: it creates a partition of its own.
pub(super) fn create(write: u8) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(u64::from(write)), transition })
}
