//! The facts of a cluster's run that the invariants are judged on.

use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Term};
use crate::core::raft::{Durable, Entry, HardState, LogPosition, Message, Node, Progress, Ticket};
use alloc::vec::Vec;

pub(super) type ControlNode = Node<ControlPlaneState>;

/// A node and its disk at one moment.
#[derive(Clone, Copy, Debug)]
pub struct NodeNow<'a> {
    /// The node's state machine.
    pub node: &'a ControlNode,
    /// The node's durable state.
    pub disk: &'a Durable<ControlPlaneEntry>,
}

/// A fact of a cluster's run.
#[derive(Clone, Copy, Debug)]
pub enum ClusterFact<'a> {
    /// A node became the leader of its term.
    Led(&'a ControlNode),
    /// A node sent a message that reveals its term and vote.
    Told {
        /// The node after sending it.
        by: NodeNow<'a>,
        /// The term and the vote that the message reveals.
        vote: HardState,
    },
    /// A node sent a message, with what is on its disk now: what it reveals, and what it rests on.
    Sent {
        /// The node.
        by: NodeNow<'a>,
        /// The message.
        message: &'a Message<ControlPlaneEntry>,
    },
    /// A node's commit index advanced, over these entries or by a snapshot.
    Advanced {
        /// The node after that.
        by: &'a ControlNode,
        /// The newly committed entries.
        entries: &'a [(LogPosition, Entry<ControlPlaneEntry>)],
        /// All nodes.
        nodes: &'a [NodeNow<'a>],
    },
    /// A node has applied a request of a session as new.
    TookEffect {
        /// The request.
        ticket: Ticket,
        /// The log index.
        at: Index,
    },
    /// A client invoked a linearizable read.
    ReadInvoked(u8),
    /// A read is served from the state applied up to an index.
    ReadServed {
        /// The client.
        reader: u8,
        /// The index.
        through: Index,
    },
    /// A client's read ended without being served.
    ReadEnded(u8),
    /// A node handled an input, or restarted.
    Stepped {
        /// The node before.
        before: Before<&'a [Progress]>,
        /// The node after.
        after: NodeNow<'a>,
        /// Whether it restarted in between.
        restarted: bool,
    },
    /// The state of all nodes after a step.
    Now(&'a [NodeNow<'a>]),
}

/// The facts about a node before an input that the invariants need.
#[derive(Clone, Copy, Debug)]
pub struct Before<P> {
    /// Its term.
    pub term: Term,
    /// Its commit index.
    pub commit: Index,
    /// Its durable term and vote.
    pub disk: HardState,
    /// Its replication progress of the other members.
    pub progress: P,
}

impl<'a> Before<&'a [Progress]> {
    /// The facts about a node, borrowed.
    #[must_use]
    pub fn of(now: NodeNow<'a>) -> Self {
        let NodeNow { node, disk } = now;
        let (term, commit) = (node.hard_state().term, node.commit());
        Self { term, commit, disk: disk.hard_state, progress: node.progress() }
    }

    /// The facts, owned.
    #[must_use]
    pub fn keep(&self) -> Before<Vec<Progress>> {
        let Self { term, commit, disk, progress } = *self;
        Before { term, commit, disk, progress: progress.to_vec() }
    }
}

impl Before<Vec<Progress>> {
    /// The facts, borrowed from an owned copy.
    #[must_use]
    pub fn view(&self) -> Before<&[Progress]> {
        let Self { term, commit, disk, ref progress } = *self;
        Before { term, commit, disk, progress }
    }
}
