//! What can happen next, and what it means for a node.

use super::Wish;
use cutover::core::ids::Incarnation;
use cutover::core::migration::Command;
use cutover::core::raft::{Ticket, Timer};

/// A choice: what happens, and which messages are lost because there is no room for them afterwards.
///
/// A loss matters only where there is no room: one that would be lost later, or never arrive, may as well stay.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Action {
    /// What happens.
    pub what: ActionKind,
    /// The node crashes before it says anything; the disk has got so many batches.
    pub crash: Option<u8>,
    /// The messages that are lost, as a set: a bit for each that is on its way afterwards.
    pub lose: u16,
}

/// What happens. Numbers of messages mean something in the state that offers them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ActionKind {
    /// A message arrives, and is gone.
    Deliver {
        /// Which.
        message: u8,
    },
    /// A message arrives, and will arrive again.
    Repeat {
        /// Which.
        message: u8,
    },
    /// Something happens to a node.
    Do {
        /// Which, from 1.
        node: u8,
        /// What.
        action: NodeAction,
    },
}

/// What happens to a node, but for messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NodeAction {
    /// A timer fires.
    Fire(Timer),
    /// The oldest batch is durable.
    Sync,
    /// The node loses its memory, and starts again at once.
    Crash {
        /// Batches that reached the disk all the same.
        keep: u8,
    },
    /// The node loses its disk.
    Wipe,
    /// A client opens its session.
    Open,
    /// Another client opens a session.
    OpenOther,
    /// A client wants a write, for the first time or again.
    Write(u8),
    /// Somebody outside wants a command, by its number among those that are wanted.
    Command(u8),
    /// An operator wants a change.
    Change(Wish),
    /// A client wants to read.
    Read,
    /// An operator wants another leader.
    Transfer(u8),
}

/// What a host is told; with it and the host, everything follows.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HostInput {
    /// A message arrived.
    Deliver,
    /// A timer fired.
    Fire(Timer),
    /// The oldest batch is durable.
    Sync,
    /// The memory is lost, and so are the batches after the first few.
    Crash {
        /// How many are kept.
        keep: u8,
    },
    /// The disk is lost.
    Wipe,
    /// Open a session.
    Open,
    /// Propose a write.
    Write {
        /// Which, from 1.
        write: u8,
        /// Under which name.
        ticket: Option<Ticket>,
    },
    /// Propose a command.
    Command(Command),
    /// Propose a change of the members, of a node in this life.
    Change(Wish, Incarnation),
    /// Read.
    Read,
    /// Hand over.
    Transfer(u8),
}
