//! Renaming of a node, a message and a disk, for symmetry reduction.

use super::configuration::Peer;
use super::durable::{Batch, Durable, HardState, Snapshot};
use super::entry::Payload;
use super::machine::{Applied, Machine, State};
use super::message::{Append, Body, Message};
use super::node::{Config, Node, Unsynced};
use super::progress::Progress;
use super::role::{Follower, Leader, PendingTransfer, Role, VoteTracker};
use crate::core::ids::{Names, Relabel};
use alloc::sync::Arc;
use alloc::vec::Vec;

fn sorted(peers: &[Peer], names: &dyn Names) -> Vec<Peer> {
    let mut peers: Vec<Peer> = peers.iter().map(|peer| peer.relabel(names)).collect();
    peers.sort_unstable();
    peers
}

/// The snapshot renamed; one that cannot be decoded is left as it is.
fn renamed<M: Machine>(snapshot: &Arc<Snapshot>, names: &dyn Names) -> Arc<Snapshot> {
    snapshot.renamed::<M>(names).map_or_else(|_| Arc::clone(snapshot), Arc::new)
}

impl Relabel for HardState {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { voted_for: self.voted_for.relabel(names), ..*self }
    }
}

impl Relabel for VoteTracker {
    fn relabel(&self, names: &dyn Names) -> Self {
        let (granted, refused) = (sorted(&self.granted, names), sorted(&self.refused, names));
        Self { granted, refused, transfer: self.transfer }
    }
}

impl Relabel for Progress {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { peer: self.peer.relabel(names), ..self.clone() }
    }
}

impl Relabel for Leader {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut progress = self.progress.relabel(names);
        progress.sort_unstable();
        let transfer = self.transfer.map(|PendingTransfer { to, timeout_now_sent }| PendingTransfer {
            to: to.relabel(names),
            timeout_now_sent,
        });
        Self { progress, transfer, ..self.clone() }
    }
}

impl Relabel for Role {
    fn relabel(&self, names: &dyn Names) -> Self {
        match self {
            Self::Follower(Follower { leader, in_contact }) => {
                Self::Follower(Follower { leader: leader.relabel(names), in_contact: *in_contact })
            }
            Self::PreCandidate(votes) => Self::PreCandidate(votes.relabel(names)),
            Self::Candidate(votes) => Self::Candidate(votes.relabel(names)),
            Self::Leader(leader) => Self::Leader(leader.relabel(names)),
        }
    }
}

impl<M: Machine> Relabel for Applied<M> {
    fn relabel(&self, names: &dyn Names) -> Self {
        let state = State { machine: self.state.machine.relabel(names), ..self.state.clone() };
        Self {
            history: self.history,
            last: self.last,
            configuration: self.configuration.relabel(names),
            state,
        }
    }
}

impl Relabel for Unsynced {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self { last: self.last, hard_state: self.hard_state.relabel(names) }
    }
}

impl<M: Machine> Relabel for Node<M> {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self {
            config: Config { me: self.config.me.relabel(names), ..self.config },
            hard_state: self.hard_state.relabel(names),
            log: self.log.relabel(names),
            snapshot: renamed::<M>(&self.snapshot, names),
            applied: self.applied.relabel(names),
            later: self.later.iter().map(|(at, found)| (*at, found.relabel(names))).collect(),
            role: self.role.relabel(names),
            stable: self.stable,
            durable_hard_state: self.durable_hard_state.relabel(names),
            unsynced: self.unsynced.relabel(names),
            synced: self.synced,
            halted: self.halted,
        }
    }
}

impl<P: Payload> Message<P> {
    /// The message renamed. `M` is the state machine of the nodes, which decodes a snapshot in it.
    #[must_use]
    pub fn renamed<M: Machine<Payload = P>>(&self, names: &dyn Names) -> Self {
        let body = match &self.body {
            Body::Append(append) => {
                Body::Append(Append { entries: append.entries.relabel(names), ..append.clone() })
            }
            Body::Install(snapshot) => Body::Install(renamed::<M>(snapshot, names)),
            other @ (Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::RequestVote { .. }
            | Body::VoteReply { .. }
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::TimeoutNow
            | Body::StaleTerm) => other.clone(),
        };
        Self { from: self.from.relabel(names), to: self.to.relabel(names), body, ..*self }
    }
}

impl<P: Payload> Durable<P> {
    /// The disk renamed. `M` is the state machine of the node, which decodes the snapshot.
    #[must_use]
    pub fn renamed<M: Machine<Payload = P>>(&self, names: &dyn Names) -> Self {
        let snapshot = renamed::<M>(&self.snapshot, names);
        Self { hard_state: self.hard_state.relabel(names), snapshot, log: self.log.relabel(names) }
    }
}

impl<P: Payload> Batch<P> {
    /// The batch renamed. `M` is the state machine of the node, which decodes a snapshot in it.
    #[must_use]
    pub fn renamed<M: Machine<Payload = P>>(&self, names: &dyn Names) -> Self {
        Self {
            hard_state: self.hard_state.relabel(names),
            snapshot: self.snapshot.as_ref().map(|snapshot| renamed::<M>(snapshot, names)),
            suffix: self.suffix.as_ref().map(|(from, entries)| (*from, entries.relabel(names))),
            base: self.base,
        }
    }
}
