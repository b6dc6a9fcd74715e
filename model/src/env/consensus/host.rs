//! A node with its disk, and what a host_input does to both.

use super::World;
use super::action::HostInput;
use super::net::Sent;
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneError, ReplicatedControlPlane};
use cutover::core::ids::{Halt, Index, Term};
use cutover::core::migration::Command;
use cutover::core::raft::{
    Config, Content, Durable, Entry, HardState, LogPosition, Outcome, ProposalId, ReadId, ReadRefusal, Ticket,
};
use std::sync::Arc;

/// A node on its host.
pub type Host = crate::host::Host<ReplicatedControlPlane>;

/// What becomes of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Disk {
    /// It is durable before anything else happens.
    Syncs,
    /// It waits until the disk gets to it.
    Lingers,
    /// The node crashes before anything that waits for the disk leaves; the disk has got so many batches.
    Crashes {
        /// How many.
        keep: u8,
    },
}

/// An answer to a client.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Told {
    /// What came of a proposal.
    Decided(ProposalId, Outcome<Answer>),
    /// What came of a read, and what may be read.
    Read(ReadId, Result<Index, ReadRefusal>),
}

/// What a host_input does to a host: everything that the world has to know of it.
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
    pub spoke: Vec<HardState>,
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
    /// What a host_input does to a host, worked out once for each of both.
    pub(super) fn effect(
        &self,
        host: &Shared<Host>,
        host_input: &HostInput,
        sent: Option<&Shared<Sent>>,
        disk: Disk,
    ) -> Arc<Effect> {
        let key =
            hasher().hash_one((self.key, host.hash(0), host_input, sent.map(|sent| sent.hash(0)), disk));
        remembered(&EFFECTS, key, || Arc::new(self.work_out(host, host_input, sent, disk, false)))
    }
}

impl Host {
    /// A node on its disk, after a start or a crash.
    pub(super) fn started(config: Config, disk: Durable<ControlPlaneEntry>) -> Option<Self> {
        let mut host = Self::start(config, disk).ok()?;
        // Timers fire whenever they like here; nothing else is said at a start.
        let _timers = host.outputs();
        Some(host)
    }

    /// Batches that are not durable yet.
    pub(super) fn batches(&self) -> u8 {
        u8::try_from(self.queued().len()).unwrap_or(u8::MAX)
    }

    /// Whether its log has this command, not committed.
    pub(super) fn has(&self, command: &Command) -> bool {
        let node = self.engine.node();
        let wanted = ControlPlaneEntry::OwnershipTransition(command.clone());
        let is = |entry: &Entry<ControlPlaneEntry>| matches!(&entry.content, Content::Payload { payload, .. } if *payload == wanted);
        node.log().from(node.commit().next(), u32::MAX).iter().any(is)
    }
}
