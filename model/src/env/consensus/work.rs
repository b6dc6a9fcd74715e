//! A host takes a host_input: what the node wants done is performed, in order.

use super::action::HostInput;
use super::host::{Disk, Effect, Host, Told};
use super::mark::Mark;
use super::net::Sent;
use super::{Wish, World, identity};
use crate::host::{Unreadable, carried};
use crate::shared::{Memory, Shared, memory};
use cutover::core::control_plane::{
    ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneError, ControlPlaneOutput, Endpoints,
    MembershipChange,
};
use cutover::core::ids::{Halt, Index, NodeId, PartitionId, Placement, Term};
use cutover::core::invariant::Id;
use cutover::core::migration::{Command, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    Effect as Did, Entry, HardState, LogPosition, Message, Output, Peer, ProposalId, ReadId, Ticket,
};

impl World {
    /// What a host_input does to a host, worked out anew; with words, if they are asked for.
    pub(super) fn work_out(
        &self,
        host: &Shared<Host>,
        host_input: &HostInput,
        sent: Option<&Shared<Sent>>,
        disk: Disk,
        explain: bool,
    ) -> Effect {
        let mut work = Work::new(host, explain);
        work.stimulate(self, host_input, sent);
        work.perform();
        match disk {
            Disk::Lingers => {}
            Disk::Syncs => {
                while work.host.is_writing() {
                    work.sync();
                }
            }
            Disk::Crashes { keep } => work.crash(keep),
        }
        work.finish(self, host)
    }
}

/// An effect in the making.
struct Work {
    host: Host,
    sent: Vec<Message<ControlPlaneEntry>>,
    explain: bool,
    effect: Parts,
}

#[derive(Default)]
struct Parts {
    told: Vec<Told>,
    advanced: Vec<(LogPosition, Entry<ControlPlaneEntry>)>,
    installed: bool,
    effects: Vec<(Ticket, Index)>,
    led: Option<Term>,
    spoke: Vec<HardState>,
    proposed: Option<Result<ProposalId, ControlPlaneError>>,
    read: Option<Result<ReadId, ControlPlaneError>>,
    halt: Option<Halt>,
    marks: u64,
    said: Vec<String>,
}

impl Work {
    fn new(host: &Host, explain: bool) -> Self {
        Self { host: host.clone(), sent: Vec::new(), explain, effect: Parts::default() }
    }

    fn say(&mut self, line: impl FnOnce() -> String) {
        if self.explain {
            self.effect.said.push(line());
        }
    }

    fn stimulate(&mut self, world: &World, host_input: &HostInput, sent: Option<&Shared<Sent>>) {
        match host_input {
            HostInput::Deliver => {
                if let Some(sent) = sent {
                    self.host.engine.receive(sent.0.clone());
                }
            }
            HostInput::Fire(timer) => self.host.engine.fire(*timer),
            HostInput::Transfer(to) => self.host.engine.transfer(NodeId(*to)),
            HostInput::Sync => self.sync(),
            HostInput::Crash { keep } => self.crash(*keep),
            HostInput::Wipe => self.wipe(world),
            HostInput::Open => self.effect.proposed = Some(self.host.engine.open_session()),
            HostInput::Write { write, ticket } => self.propose(create(*write), *ticket),
            HostInput::Command(command) => {
                self.propose(ControlPlaneEntry::OwnershipTransition(command.clone()), None);
            }
            HostInput::Change(wish, incarnation) => {
                let peer = |node: u8| Peer { node: NodeId(node), incarnation: *incarnation };
                let change = match wish {
                    Wish::Admit(node) => identity(NodeId(*node)).map(|identity| MembershipChange::Admit {
                        peer: peer(*node),
                        identity,
                        endpoints: Endpoints::NONE,
                    }),
                    Wish::Promote(node) => Some(MembershipChange::Promote { peer: peer(*node) }),
                    Wish::Remove(node) => Some(MembershipChange::Remove { peer: peer(*node) }),
                };
                if let Some(change) = change {
                    self.propose(ControlPlaneEntry::MembershipChange(change), None);
                }
            }
            HostInput::Read => self.effect.read = Some(self.host.engine.read()),
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

    /// Performs what the node wants done and may be done now, in order.
    fn perform(&mut self) {
        for output in self.host.engine.take_outputs() {
            if let Output::Persist { batch, .. } = &output {
                self.say(|| super::text::batch(batch));
            }
            // On the wire equal messages are one, so a second waits for nothing.
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
            Output::Decided { id, outcome } => self.tell(Told::Decided(id, outcome)),
            Output::Read { id, outcome } => self.tell(Told::Read(id, outcome)),
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
            Output::SetTimer(_) | Output::CancelTimer(_) | Output::Persist { .. } => {}
        }
    }

    fn send(&mut self, message: Message<ControlPlaneEntry>) {
        self.say(|| format!("sends {} {}", message.to, message.body));
        self.spoke(&message);
        self.sent.push(message);
    }

    fn tell(&mut self, told: Told) {
        self.say(|| super::text::told(&told));
        self.effect.told.push(told);
    }

    fn spoke(&mut self, message: &Message<ControlPlaneEntry>) {
        let vote = message.vote_claim();
        if !self.effect.spoke.contains(&vote) {
            self.effect.spoke.push(vote);
        }
    }

    /// The oldest batch is durable: what waited for it leaves, and the node is told.
    fn sync(&mut self) {
        match self.host.write() {
            Some(Ok(messages)) => messages.into_iter().for_each(|message| self.send(message)),
            Some(Err(Unreadable(what))) => self.unreadable(what),
            None => return,
        }
        self.host.report();
        self.perform();
    }

    fn crash(&mut self, keep: u8) {
        let config = self.host.engine.node().config();
        let disk = self.host.clone().crash(keep.into());
        match disk.map(|disk| Host::started(config, disk)) {
            Ok(Some(host)) => self.host = host,
            Ok(None) => self.unreadable("what the disk holds"),
            Err(Unreadable(what)) => self.unreadable(what),
        }
    }

    /// Something did not survive its codec: no run goes on from there.
    fn unreadable(&mut self, what: &str) {
        let facts = format!("{what} of {} cannot be read back as it was", self.host.me());
        self.effect.halt = Some(Halt { invariant: Id::StateMachineSafety.entry().id, facts });
    }

    /// The disk is lost; the node comes back in another life, knowing nothing.
    fn wipe(&mut self, world: &World) {
        let me = self.host.me();
        let me = Peer { incarnation: me.incarnation.next(), ..me };
        let disk = world.founder.empty_disk().ok();
        if let Some(host) = disk.and_then(|disk| Host::started(world.config(me), disk)) {
            self.host = host;
        }
    }

    fn finish(mut self, world: &World, before: &Shared<Host>) -> Effect {
        let messages = std::mem::take(&mut self.sent);
        let mut sent = Vec::new();
        for message in messages {
            match carried(&message) {
                Some(read) => sent.push(Shared::interned(Sent(read), &world.symmetry, world.key, &SENT)),
                None => self.unreadable("a message"),
            }
        }
        self.host.sort_waiting();
        let host = Shared::interned(self.host, &world.symmetry, world.key, &HOSTS);
        let parts = self.effect;
        let same = host.same(before);
        let (was, is) = (before.engine.node(), host.engine.node());
        let changed = was.log() != is.log()
            || was.role() != is.role()
            || was.uncommitted_configurations() != is.uncommitted_configurations()
            || was.applied() != is.applied();
        Effect {
            idle: same && sent.is_empty() && parts.told.is_empty() && parts.halt.is_none(),
            changed,
            host,
            sent,
            told: parts.told,
            advanced: parts.advanced,
            installed: parts.installed,
            effects: parts.effects,
            led: parts.led,
            spoke: parts.spoke,
            proposed: parts.proposed,
            read: parts.read,
            halt: parts.halt,
            marks: parts.marks,
            said: parts.said,
        }
    }
}

thread_local! {
    static HOSTS: Memory<Shared<Host>> = const { memory() };
    static SENT: Memory<Shared<Sent>> = const { memory() };
}

/// A write of the scope: it creates a partition of its own.
fn create(write: u8) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(u32::from(write)), transition })
}
