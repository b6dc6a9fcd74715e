//! The actions of the consensus environment, and the inputs of hosts that follow from them.

use super::MembershipRequest;
use cutover::core::ids::DirectoryId;
use cutover::core::migration::Command;
use cutover::core::raft::{Ticket, Timer};

/// An action: an event, and the messages that are lost because more are in flight afterwards than the bounds allow.
///
/// Messages are lost only when there are too many: losing one later, or never delivering it, makes no difference
/// otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Action {
    /// The event.
    pub what: ActionKind,
    /// If set, the node crashes after handling the event and before sending anything; this many of its batches are
    /// on the disk.
    pub crash: Option<u8>,
    /// The lost messages: a bit for each message that is in flight after the event.
    pub lose: u16,
}

/// An event. Numbers of messages are positions in the state in which the action is enabled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ActionKind {
    /// A message arrives and is no longer in flight.
    Deliver {
        /// Position of the message.
        message: u8,
    },
    /// A message arrives and stays in flight, so that it can arrive again.
    Repeat {
        /// Position of the message.
        message: u8,
    },
    /// A node that is no member sends a message that it has no reason to send.
    Forge {
        /// Number of the sender.
        node: u8,
        /// Number of the receiver.
        to: u8,
        /// What is sent.
        kind: Forged,
    },
    /// Something happens to a client's call that no node takes part in.
    Client {
        /// Number of the write, from 1.
        write: u8,
        /// What happens.
        event: CallEvent,
    },
    /// The network cuts these nodes off from the others: from now on, nothing is sent between the two groups. 0: the network is
    /// whole again. Walks only: a search may lose any message.
    Cut {
        /// The nodes, a bit each.
        nodes: u8,
    },
    /// A node handles an event other than a message.
    Do {
        /// Number of the node, from 1.
        node: u8,
        /// The event at the node.
        action: NodeAction,
    },
}

/// An event of a client's call. All but the last are an attempt; an earlier attempt without an answer is given up first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CallEvent {
    /// An attempt is given up before it reaches a node. It may arrive later.
    Delay,
    /// A node takes nothing of the attempt: it is busy.
    Busy,
    /// A node refuses the attempt for a reason of its own, such as the caller's rights.
    Deny,
    /// The deadline of the call passes.
    Expire,
}

/// A kind of forged message. Each is in the receiver's next term, except where the name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Forged {
    /// A request for a vote, as if the leader had asked for the election, with a log that no log is ahead of.
    Campaign,
    /// A vote that was not asked for.
    Vote,
    /// A refused vote that was not asked for.
    Refusal,
    /// A refused pre-vote that was not asked for.
    PreRefusal,
    /// A heartbeat of a leader.
    Heartbeat,
    /// An acknowledgement of the receiver's whole log, in its present term.
    Acknowledgement,
    /// The notice of a higher term, the last one that there is.
    LastTerm,
}

/// An event at a node, other than the arrival of a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeAction {
    /// A timer fires.
    Fire(Timer),
    /// The oldest batch becomes durable.
    Sync,
    /// All batches become durable in one write, of which the node is told once. Walks only.
    SyncAll,
    /// The node crashes and restarts at once from its disk.
    Crash {
        /// Number of unsynced batches, the oldest first, that reached the disk.
        keep: u8,
    },
    /// The node loses its disk and restarts in its next directory.
    Wipe,
    /// A client asks the node to open the session for the first write.
    Open,
    /// Another client asks the node to open a session.
    OpenOther,
    /// A client proposes the write with this number at the node, for the first time or again.
    Write(u8),
    /// A delayed attempt at the write with this number arrives at the node.
    Arrive(u8),
    /// A command is proposed at the node, given by its position in [`Requests::commands`](super::Requests::commands).
    Command(u8),
    /// An operator requests a membership change at the node.
    Change(MembershipRequest),
    /// A client requests a read at the node.
    Read,
    /// An operator asks the node to transfer leadership to the node with this number.
    Transfer(u8),
    /// A request that is rarely made. Walks only.
    Rare(RareRequest),
}

/// A request that is rarely made, or that every node must refuse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RareRequest {
    /// Leadership is to be handed over, and nobody is named.
    HandOver,
    /// The oldest session that the node knows is to be closed.
    CloseSession,
    /// The entry that opens a term is proposed.
    OpensTerm,
    /// A change of the members is proposed under a ticket.
    ChangeInSession,
    /// An entry is proposed that is longer than the limit of some worlds.
    Long,
    /// A node that nobody knows is to be admitted under the identity of the one that is asked.
    TakenIdentity,
}

impl RareRequest {
    /// All of them.
    pub(super) const ALL: [Self; 6] = [
        Self::HandOver,
        Self::CloseSession,
        Self::OpensTerm,
        Self::ChangeInSession,
        Self::Long,
        Self::TakenIdentity,
    ];
}

/// An input of a host with everything that it contains: together with the host it determines the effect.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HostInput {
    /// A message arrives.
    Deliver,
    /// None.
    Idle,
    /// A timer fires.
    Fire(Timer),
    /// The oldest batch becomes durable.
    Sync,
    /// All batches become durable in one write.
    SyncAll,
    /// The node loses its memory and the batches that are not on the disk.
    Crash {
        /// Number of unsynced batches, the oldest first, that reached the disk.
        keep: u8,
    },
    /// The node loses its disk.
    Wipe,
    /// A session is to be opened.
    Open,
    /// A write is proposed.
    Write {
        /// Number of the write, from 1.
        write: u8,
        /// The write's ticket, if it belongs to a session.
        ticket: Option<Ticket>,
    },
    /// A command is proposed.
    Command(Command),
    /// A membership change is proposed, for a node in this directory.
    Change(MembershipRequest, DirectoryId),
    /// A read is requested.
    Read,
    /// Leadership is to be transferred to the node with this number.
    Transfer(u8),
    /// A request that is rarely made.
    Rare(RareRequest),
}
