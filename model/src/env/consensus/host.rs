//! A node with its disk, and the effect of an input on both.

use super::Consensus;
use super::action::HostInput;
use super::net::NodeMessage;
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneError, ReplicatedControlPlane};
use cutover::core::ids::{Halt, Index, Term};
use cutover::core::migration::Command;
use cutover::core::raft::{
    Config, Content, Durable, Entry, HardState, LogPosition, Outcome, Output, ProposalId, ReadId,
    ReadRefusal, Ticket, Timer,
};
use std::sync::Arc;

/// A node of the control plane with its disk and outbox.
pub type Host = crate::host::Host<ReplicatedControlPlane>;

/// When the batches of a step become durable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disk {
    /// Before anything else happens.
    Syncs,
    /// In a later step, [`NodeAction::Sync`](super::action::NodeAction::Sync).
    Lingers,
    /// The node crashes before it sends anything that waits for the disk.
    Crashes {
        /// Number of batches, the oldest first, that reached the disk.
        keep: u8,
    },
}

/// An answer to a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ClientAnswer {
    /// The outcome of a proposal.
    Decided(ProposalId, Outcome<Answer>),
    /// The outcome of a read: the index through which the client may read, or a refusal.
    Read(ReadId, Result<Index, ReadRefusal>),
}

/// The effect of an input on a host, with everything that the environment needs to know of it.
#[derive(Clone, Debug)]
pub struct HostEffect {
    /// The host after the input.
    pub host: Shared<Host>,
    /// Messages sent.
    pub sent: Vec<Shared<NodeMessage>>,
    /// Answers given to clients.
    pub answers: Vec<ClientAnswer>,
    /// Entries that became committed and were applied.
    pub advanced: Vec<(LogPosition, Entry<ControlPlaneEntry>)>,
    /// Whether a snapshot replaced the state.
    pub installed: bool,
    /// Requests of sessions that were applied for the first time, each with its log index.
    pub effects: Vec<(Ticket, Index)>,
    /// The term in which the node became leader, if it did.
    pub led: Option<Term>,
    /// Terms and votes that the sent messages claim, without repetitions.
    pub claims: Vec<HardState>,
    /// The immediate answer to a proposal, if the input was one.
    pub proposed: Option<Result<ProposalId, ControlPlaneError>>,
    /// The immediate answer to a read request, if the input was one.
    pub read: Option<Result<ReadId, ControlPlaneError>>,
    /// The timers that were set, or stopped, in order. A restart stops all, and sets its own.
    pub timers: Vec<(Timer, bool)>,
    /// The violation that the machine itself detected.
    pub halt: Option<Halt>,
    /// What the disk holds, and its reference does not; asked in a walk.
    pub disk_differs: Option<String>,
    /// Marks that the machine reached, as bits.
    pub marks: u64,
    /// Whether nothing changed and nothing was sent or answered.
    pub idle: bool,
    /// Whether the log, the configurations or the role changed.
    pub changed: bool,
    /// What happened, as lines of text; empty unless asked for.
    pub lines: Vec<String>,
}

thread_local! {
    static EFFECTS: Memory<Arc<HostEffect>> = const { memory() };
}

impl Consensus {
    /// The effect of an input on a host. Cached, since many states share a host.
    pub(super) fn effect(
        &self,
        host: &Shared<Host>,
        host_input: &HostInput,
        sent: Option<&Shared<NodeMessage>>,
        disk: Disk,
    ) -> Arc<HostEffect> {
        // A walk hardly comes to the same host twice.
        if self.cluster.world.is_some() {
            return Arc::new(self.work_out(host, host_input, sent, disk, false));
        }
        let key =
            hasher().hash_one((self.key, host.hash(0), host_input, sent.map(|sent| sent.hash(0)), disk));
        remembered(&EFFECTS, key, || Arc::new(self.work_out(host, host_input, sent, disk, false)))
    }
}

impl Host {
    /// Starts a node from its disk, and what it does with its timers; `None` if the disk cannot be read.
    pub(super) fn started(
        config: Config,
        disk: Durable<ControlPlaneEntry>,
    ) -> Option<(Self, Vec<(Timer, bool)>)> {
        let mut host = Self::start(config, disk).ok()?;
        // A start has no other outputs that leave the host.
        let timers = host.outputs().into_iter().filter_map(|output| match output {
            Output::SetTimer(timer) => Some((timer, true)),
            Output::CancelTimer(timer) => Some((timer, false)),
            Output::Persist { .. }
            | Output::Send(_)
            | Output::Applied { .. }
            | Output::Installed(_)
            | Output::Decided { .. }
            | Output::Read { .. }
            | Output::Transfer(_)
            | Output::BecameLeader(_)
            | Output::Mark(_)
            | Output::Halt(_) => None,
        });
        let timers = timers.collect();
        Some((host, timers))
    }

    /// Number of batches that are not durable.
    pub(super) fn batches(&self) -> u8 {
        u8::try_from(self.queued().len()).unwrap_or(u8::MAX)
    }

    /// Whether the node's log contains this command, uncommitted.
    pub(super) fn has(&self, command: &Command) -> bool {
        let node = self.engine.node();
        let wanted = ControlPlaneEntry::OwnershipTransition(command.clone());
        let is = |entry: &Entry<ControlPlaneEntry>| matches!(&entry.content, Content::Payload { payload, .. } if *payload == wanted);
        node.log().from(node.commit().next(), u32::MAX).iter().any(is)
    }
}
