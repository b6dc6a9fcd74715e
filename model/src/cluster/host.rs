//! A node with its disk, and the dumb part of its driver: what waits for the disk, and what a crash leaves.

use super::action::Stimulus;
use super::mark::Mark;
use super::net::Sent;
use super::{World, identity};
use crate::scope::Wish;
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::control_plane::{
    Answer, ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneError, ControlPlaneState, Event,
    MembershipChange, ReplicatedControlPlane, Said,
};
use cutover::ids::{Halt, Index, Names, NodeId, PartitionId, Placement, Relabel, Term};
use cutover::invariant::Id;
use cutover::migration::{Command, Transition};
use cutover::placement::Guarantee;
use cutover::raft::{
    Batch, Body, Config, Durable, Effect as Did, Entry, LogPosition, Message, Outcome, Output, Peer,
    ProposalId, ReadId, ReadRefusal, Ticket, Vote,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// What waits for the disk, and the disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Host {
    /// The node, behind the seam.
    pub engine: ReplicatedControlPlane,
    /// What a crash leaves.
    pub disk: Durable<ControlPlaneEntry>,
    /// Batches that are not durable, and what was said behind them. Begins with a batch, if there is anything.
    pub waiting: VecDeque<Waiting>,
}

/// What becomes of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disk {
    /// It is durable before anything else happens.
    Syncs,
    /// It waits until the disk gets to it.
    Lingers,
    /// The node crashes before it says anything; the disk has got so many batches.
    Crashes {
        /// How many.
        keep: u8,
    },
}

/// Something that waits for the disk.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Waiting {
    /// A batch.
    Batch(Batch<ControlPlaneEntry>),
    /// A message.
    Message(Message<ControlPlaneEntry>),
    /// An answer to a client.
    Told(Told),
}

/// An answer to a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// What came of a proposal.
    Decided(ProposalId, Outcome<Answer>),
    /// What came of a read, and what may be read.
    Read(ReadId, Result<Index, ReadRefusal>),
}

/// What a stimulus does to a host: everything that the world has to know of it.
#[derive(Clone, Debug)]
pub struct Effect {
    /// The host afterwards.
    pub host: Shared<Host>,
    /// Messages that left.
    pub sent: Vec<Shared<Sent>>,
    /// Answers that reached a client.
    pub told: Vec<Told>,
    /// What was committed.
    pub advanced: Vec<(LogPosition, Entry<ControlPlaneEntry>)>,
    /// Whether everything was replaced by a snapshot.
    pub installed: bool,
    /// Requests of sessions that were applied as new.
    pub effects: Vec<(Ticket, Index)>,
    /// It leads this term from now on.
    pub led: Option<Term>,
    /// What the messages told of terms and votes, one for each term.
    pub spoke: Vec<Vote>,
    /// What the call of the seam returned.
    pub proposed: Option<Result<ProposalId, ControlPlaneError>>,
    /// Likewise, for a read.
    pub read: Option<Result<ReadId, ControlPlaneError>>,
    /// It found an invariant broken.
    pub halt: Option<Halt>,
    /// Places reached.
    pub marks: u64,
    /// Nothing changed, and nothing was said.
    pub idle: bool,
    /// The log, the configurations or the role changed.
    pub changed: bool,
    /// What was said, in words; only if it was asked for.
    pub said: Vec<String>,
}

thread_local! {
    static EFFECTS: Memory<Arc<Effect>> = const { memory() };
}

impl World {
    /// What a stimulus does to a host, worked out once for each of both.
    pub(super) fn effect(
        &self,
        host: &Shared<Host>,
        stimulus: &Stimulus,
        sent: Option<&Shared<Sent>>,
        disk: Disk,
    ) -> Arc<Effect> {
        let key = hasher().hash_one((self.key, host.hash(0), stimulus, sent.map(|sent| sent.hash(0)), disk));
        remembered(&EFFECTS, key, || Arc::new(self.work_out(host, stimulus, sent, disk, false)))
    }

    /// The same with words.
    pub(super) fn work_out(
        &self,
        host: &Shared<Host>,
        stimulus: &Stimulus,
        sent: Option<&Shared<Sent>>,
        disk: Disk,
        explain: bool,
    ) -> Effect {
        let mut work = Work::new(host, explain);
        work.stimulate(self, stimulus, sent);
        work.perform();
        match disk {
            Disk::Lingers => {}
            Disk::Syncs => {
                while work.host.waiting.front().is_some() {
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
    spoke: Vec<Vote>,
    proposed: Option<Result<ProposalId, ControlPlaneError>>,
    read: Option<Result<ReadId, ControlPlaneError>>,
    halt: Option<Halt>,
    marks: u64,
    said: Vec<String>,
}

impl Host {
    /// A node on its disk, after a start or a crash.
    pub(super) fn start(config: Config, disk: Durable<ControlPlaneEntry>) -> Option<Self> {
        let mut engine = ReplicatedControlPlane::start(config, disk.clone()).ok()?;
        // Timers fire whenever they like here; nothing else is said at a start.
        let _timers = engine.take_outputs();
        Some(Self { engine, disk, waiting: VecDeque::new() })
    }

    /// Batches that are not durable yet.
    pub(super) fn batches(&self) -> u8 {
        let batches = self.waiting.iter().filter(|waiting| matches!(waiting, Waiting::Batch(_))).count();
        u8::try_from(batches).unwrap_or(u8::MAX)
    }

    /// Who it is.
    pub(super) const fn me(&self) -> Peer {
        self.engine.node().config().me
    }
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

    fn stimulate(&mut self, world: &World, stimulus: &Stimulus, sent: Option<&Shared<Sent>>) {
        match stimulus {
            Stimulus::Deliver => {
                if let Some(sent) = sent {
                    self.host.engine.handle(Event::Received(sent.0.clone()));
                }
            }
            Stimulus::Fire(timer) => self.host.engine.handle(Event::TimerFired(*timer)),
            Stimulus::Transfer(to) => self.host.engine.handle(Event::Transfer(NodeId(*to))),
            Stimulus::Sync => self.sync(),
            Stimulus::Crash { keep } => self.crash(*keep),
            Stimulus::Wipe => self.wipe(world),
            Stimulus::Open => self.effect.proposed = Some(self.host.engine.open_session()),
            Stimulus::Write { write, ticket } => self.propose(create(*write), *ticket),
            Stimulus::Change(wish, incarnation) => {
                let peer = |node: u8| Peer { node: NodeId(node), incarnation: *incarnation };
                let change = match wish {
                    Wish::Admit(node) => identity(NodeId(*node))
                        .map(|identity| MembershipChange::Admit { peer: peer(*node), identity }),
                    Wish::Promote(node) => Some(MembershipChange::Promote { peer: peer(*node) }),
                    Wish::Remove(node) => Some(MembershipChange::Remove { peer: peer(*node) }),
                };
                if let Some(change) = change {
                    self.propose(ControlPlaneEntry::MembershipChange(change), None);
                }
            }
            Stimulus::Read => self.effect.read = Some(self.host.engine.read()),
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

    /// Performs what the node wants done, in order. What stands behind a batch waits for it.
    fn perform(&mut self) {
        for output in self.host.engine.take_outputs() {
            match output {
                Output::Persist(batch) => {
                    self.say(|| super::text::batch(&batch));
                    self.host.waiting.push_back(Waiting::Batch(batch));
                }
                Output::Send(message) => self.wait_or(Waiting::Message(message)),
                Output::Decided { id, outcome } => self.wait_or(Waiting::Told(Told::Decided(id, outcome))),
                Output::Read { id, outcome } => self.wait_or(Waiting::Told(Told::Read(id, outcome))),
                other @ (Output::SetTimer(_)
                | Output::CancelTimer(_)
                | Output::Applied { .. }
                | Output::Installed(_)
                | Output::Transfer(_)
                | Output::Leads(_)
                | Output::Mark(_)
                | Output::Halt(_)) => self.note(other),
            }
        }
    }

    /// What is known of the node's memory, whatever the disk does.
    fn note(&mut self, output: Said) {
        match output {
            Output::Applied { at, entry, effect } => {
                self.say(|| format!("applies {}: {effect}", at.index));
                if let Did::Answered { repeated: false, .. } = effect
                    && let cutover::raft::Content::Payload { ticket: Some(ticket), .. } = &entry.content
                {
                    self.effect.effects.push((*ticket, at.index));
                }
                self.effect.advanced.push((at, entry));
            }
            Output::Installed(at) => {
                self.say(|| format!("installs the snapshot at {at}"));
                self.effect.installed = true;
            }
            Output::Leads(term) => {
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
            Output::SetTimer(_)
            | Output::CancelTimer(_)
            | Output::Persist(_)
            | Output::Send(_)
            | Output::Decided { .. }
            | Output::Read { .. } => {}
        }
    }

    fn wait_or(&mut self, waiting: Waiting) {
        if self.host.waiting.is_empty() {
            self.release(waiting);
        } else if !self.host.waiting.contains(&waiting) {
            // On the network equal messages are one, so a second waits for nothing.
            self.host.waiting.push_back(waiting);
        }
    }

    fn release(&mut self, waiting: Waiting) {
        match waiting {
            Waiting::Batch(_) => {}
            Waiting::Message(message) => {
                self.say(|| format!("sends {} {}", message.to, message.body));
                self.spoke(&message);
                self.sent.push(message);
            }
            Waiting::Told(told) => {
                self.say(|| super::text::told(&told));
                self.effect.told.push(told);
            }
        }
    }

    fn spoke(&mut self, message: &Message<ControlPlaneEntry>) {
        let voted_for = match &message.body {
            Body::Voted { granted: true } => Some(message.to),
            Body::Vote { .. } => Some(message.from),
            Body::Voted { granted: false }
            | Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::Diverged { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::Outdated => None,
        };
        let vote = Vote { term: message.term, voted_for };
        if !self.effect.spoke.contains(&vote) {
            self.effect.spoke.push(vote);
        }
    }

    /// The oldest batch is durable: what stood behind it leaves, up to the next one, and the node is told.
    fn sync(&mut self) {
        let Some(Waiting::Batch(batch)) = self.host.waiting.pop_front() else { return };
        self.write(&batch);
        while let Some(waiting) = self.host.waiting.pop_front_if(|next| !matches!(next, Waiting::Batch(_))) {
            self.release(waiting);
        }
        self.host.engine.handle(Event::Synced(1));
        self.perform();
    }

    fn crash(&mut self, keep: u8) {
        let waiting = std::mem::take(&mut self.host.waiting);
        let batches = waiting.iter().filter_map(|waiting| match waiting {
            Waiting::Batch(batch) => Some(batch),
            Waiting::Message(_) | Waiting::Told(_) => None,
        });
        for batch in batches.take(keep.into()) {
            self.write(batch);
        }
        let config = self.host.engine.node().config();
        match Host::start(config, self.host.disk.clone()) {
            Some(host) => self.host = host,
            None => self.unreadable("what the disk holds"),
        }
    }

    /// What a disk holds is bytes: what cannot be read back as it was is lost.
    fn write(&mut self, batch: &Batch<ControlPlaneEntry>) {
        let bytes = postcard::to_allocvec(batch).ok();
        match bytes.and_then(|bytes| postcard::from_bytes(&bytes).ok()).filter(|read| read == batch) {
            Some(read) => self.host.disk.write(&read),
            None => self.unreadable("a batch"),
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
        if let Some(host) = disk.and_then(|disk| Host::start(world.config(me), disk)) {
            self.host = host;
        }
    }

    fn finish(mut self, world: &World, before: &Shared<Host>) -> Effect {
        let messages = std::mem::take(&mut self.sent);
        let mut sent = Vec::new();
        for message in messages {
            match recoded_message(&message).filter(|read| *read == message) {
                Some(read) => sent.push(world.share(Sent(read))),
                None => self.unreadable("a message"),
            }
        }
        let host = world.share(self.host);
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

/// A write of the scope: it creates a partition of its own.
fn create(write: u8) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(u32::from(write)), transition })
}

/// What the network carries is bytes, too.
fn recoded_message(message: &Message<ControlPlaneEntry>) -> Option<Message<ControlPlaneEntry>> {
    message.encode().ok().and_then(|bytes| Message::decode(&bytes).ok())
}

impl Relabel for Host {
    fn relabel(&self, names: &dyn Names) -> Self {
        let waiting = self.waiting.iter().map(|waiting| match waiting {
            Waiting::Batch(batch) => Waiting::Batch(batch.renamed::<ControlPlaneState>(names)),
            Waiting::Message(message) => Waiting::Message(message.renamed::<ControlPlaneState>(names)),
            Waiting::Told(told) => Waiting::Told(told.clone()),
        });
        Self {
            engine: self.engine.relabel(names),
            disk: self.disk.renamed::<ControlPlaneState>(names),
            waiting: waiting.collect(),
        }
    }
}
