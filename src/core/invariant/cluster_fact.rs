//! What happens to the nodes of a cluster, as the invariants see it.

use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Term};
use crate::core::raft::{Durable, Entry, HardState, LogPosition, Message, Node, Progress, Ticket};
use alloc::vec::Vec;

pub(super) type ControlNode = Node<ControlPlaneState>;

/// A node at one moment, and its disk.
#[derive(Clone, Copy, Debug)]
pub struct NodeNow<'a> {
    /// The machine.
    pub node: &'a ControlNode,
    /// What a crash leaves of it.
    pub disk: &'a Durable<ControlPlaneEntry>,
}

/// What happens to the nodes, as the invariants see it.
#[derive(Clone, Copy, Debug)]
pub enum ClusterFact<'a> {
    /// A node leads from now on.
    Led(&'a ControlNode),
    /// A message left a node. It was of this term; the vote is what it told of one in it.
    Told {
        /// The node, afterwards.
        by: NodeNow<'a>,
        /// What it told.
        vote: HardState,
    },
    /// A message left a node, with what is on its disk now: what it tells, and what it rests on.
    Sent {
        /// The node.
        by: NodeNow<'a>,
        /// The message.
        message: &'a Message<ControlPlaneEntry>,
    },
    /// A node has learned that more is committed, by these entries or by a snapshot.
    Advanced {
        /// The node, afterwards.
        by: &'a ControlNode,
        /// The entries.
        entries: &'a [(LogPosition, Entry<ControlPlaneEntry>)],
        /// All nodes.
        nodes: &'a [NodeNow<'a>],
    },
    /// A node has applied a request of a session as new.
    TookEffect {
        /// The request.
        ticket: Ticket,
        /// Where.
        at: Index,
    },
    /// A client wants to read.
    ReadInvoked(u8),
    /// It may read what is applied up to here.
    ReadServed {
        /// The client.
        reader: u8,
        /// The place.
        through: Index,
    },
    /// A client no longer waits.
    ReadEnded(u8),
    /// A node took an input, or restarted.
    Stepped {
        /// Before.
        before: Before<&'a [Progress]>,
        /// After.
        after: NodeNow<'a>,
        /// Whether it lost its memory in between.
        restarted: bool,
    },
    /// The run stands here.
    Now(&'a [NodeNow<'a>]),
}

/// What is asked of a node as it was before an input.
#[derive(Clone, Copy, Debug)]
pub struct Before<P> {
    /// Its term.
    pub term: Term,
    /// What it knew to be committed.
    pub commit: Index,
    /// The term and the vote on its disk.
    pub disk: HardState,
    /// What it knew of the others.
    pub progress: P,
}

impl<'a> Before<&'a [Progress]> {
    /// A node that is still there.
    #[must_use]
    pub fn of(now: NodeNow<'a>) -> Self {
        let NodeNow { node, disk } = now;
        let (term, commit) = (node.hard_state().term, node.commit());
        Self { term, commit, disk: disk.hard_state, progress: node.progress() }
    }

    /// The same, for when the node is gone.
    #[must_use]
    pub fn keep(&self) -> Before<Vec<Progress>> {
        let Self { term, commit, disk, progress } = *self;
        Before { term, commit, disk, progress: progress.to_vec() }
    }
}

impl Before<Vec<Progress>> {
    /// To look at.
    #[must_use]
    pub fn view(&self) -> Before<&[Progress]> {
        let Self { term, commit, disk, ref progress } = *self;
        Before { term, commit, disk, progress }
    }
}
