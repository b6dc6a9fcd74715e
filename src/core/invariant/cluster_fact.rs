//! The facts about a cluster's run on which consensus invariants are judged.

use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Term};
use crate::core::raft::{Content, Durable, Entry, HardState, LogPosition, Message, Node, Progress, Ticket};
use alloc::vec::Vec;

pub(super) type ControlNode = Node<ControlPlaneState>;

/// A node and its disk at one moment.
#[derive(Clone, Copy, Debug)]
pub struct NodeNow<'a> {
    /// The node's state machine, as in memory.
    pub node: &'a ControlNode,
    /// The content of the node's disk.
    pub disk: &'a Durable<ControlPlaneEntry>,
}

/// A fact about a cluster's run.
#[derive(Clone, Copy, Debug)]
pub enum ClusterFact<'a> {
    /// A node became the leader of its term.
    Led {
        /// The leader.
        by: &'a ControlNode,
        /// All nodes, at that moment.
        nodes: &'a [NodeNow<'a>],
    },
    /// A node sent a message that reveals its term and vote.
    Revealed {
        /// The node after sending the message.
        by: NodeNow<'a>,
        /// The term and the vote that the message reveals.
        vote: HardState,
    },
    /// A node sent a message. `by` has the node's disk at that moment, with which the message is compared.
    Sent {
        /// The node after sending the message.
        by: NodeNow<'a>,
        /// The message that was sent.
        message: &'a Message<ControlPlaneEntry>,
    },
    /// A node's commit index advanced, by these entries or by a snapshot.
    Advanced {
        /// The node after the advance.
        by: &'a ControlNode,
        /// The newly committed entries; empty if only a snapshot was installed.
        entries: &'a [(LogPosition, Entry<ControlPlaneEntry>)],
        /// All nodes, after the advance.
        nodes: &'a [NodeNow<'a>],
    },
    /// A node applied a request of a session that it had not applied before.
    TookEffect {
        /// The session and serial of the request.
        ticket: Ticket,
        /// The log index of the request.
        at: Index,
    },
    /// A client made the first attempt of a call whose request has this content.
    CallBegan(&'a Content<ControlPlaneEntry>),
    /// A call ended, and its client was told what became of the request. A call that ends without an outcome is no fact.
    CallEnded {
        /// The content of the request.
        request: &'a Content<ControlPlaneEntry>,
        /// Whether the client was told that the request was applied, or else that it was not and never will be.
        done: bool,
    },
    /// A client invoked a linearizable read.
    ReadInvoked(u8),
    /// A client's read was served from the state applied up to an index.
    ReadServed {
        /// The number of the client that read.
        reader: u8,
        /// The index through which entries were applied when the read was served.
        through: Index,
    },
    /// A client's read ended without being served.
    ReadEnded(u8),
    /// A message arrived.
    Heard {
        /// The receiver, before the message.
        by: &'a ControlNode,
        /// The message.
        message: &'a Message<ControlPlaneEntry>,
        /// Whether nothing changed at the receiver, and nothing was sent or answered.
        idle: bool,
    },
    /// A node handled an input, or restarted.
    Stepped {
        /// What the node was before the input or restart.
        before: Before<&'a [Progress]>,
        /// The node after the input or restart.
        after: NodeNow<'a>,
        /// Whether the node restarted in between.
        restarted: bool,
    },
    /// The state of all nodes after a step.
    Now(&'a [NodeNow<'a>]),
}

/// What the invariants need to know about a node before an input.
#[derive(Clone, Copy, Debug)]
pub struct Before<P> {
    /// The node's term before the input.
    pub term: Term,
    /// The node's commit index before the input.
    pub commit: Index,
    /// The node's durable term and vote.
    pub disk: HardState,
    /// The node's progress for the other members; empty unless the node is the leader.
    pub progress: P,
}

impl<'a> Before<&'a [Progress]> {
    /// What the invariants need to know about this node, borrowed from it.
    #[must_use]
    pub fn of(now: NodeNow<'a>) -> Self {
        let NodeNow { node, disk } = now;
        let (term, commit) = (node.hard_state().term, node.commit());
        Self { term, commit, disk: disk.hard_state, progress: node.progress() }
    }

    /// A copy that owns its data.
    #[must_use]
    pub fn keep(&self) -> Before<Vec<Progress>> {
        let Self { term, commit, disk, progress } = *self;
        Before { term, commit, disk, progress: progress.to_vec() }
    }
}

impl Before<Vec<Progress>> {
    /// A view that borrows from this copy.
    #[must_use]
    pub fn view(&self) -> Before<&[Progress]> {
        let Self { term, commit, disk, ref progress } = *self;
        Before { term, commit, disk, progress }
    }
}
