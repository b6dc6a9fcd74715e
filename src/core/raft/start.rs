//! The start of a node: it checks that the parts of its disk fit together, and its limits.

use super::durable::{Durable, SnapshotError};
use super::entry::{LogPosition, Payload};
use super::io::{BatchNumber, Output};
use super::limits::NodeLimits;
use super::machine::{Applied, Machine};
use super::node::{Config, Node};
use super::role::{Follower, Role};
use super::turn::Turn;
use crate::core::ids::Term;
use alloc::vec::Vec;
use thiserror::Error;

/// Why a node does not start.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum StartError {
    /// The snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Entries between the snapshot and the log are missing: the node would acknowledge entries and never apply them.
    #[error("the log begins after {base}, the snapshot ends at {snapshot}: what is between them is missing")]
    Gap {
        /// The base of the log.
        base: LogPosition,
        /// The last entry in the snapshot.
        snapshot: LogPosition,
    },
    /// The log does not have the last entry of the snapshot.
    #[error("the snapshot ends at {snapshot}, the log from {base} to {last} does not have that entry")]
    OtherLog {
        /// The last entry in the snapshot.
        snapshot: LogPosition,
        /// The base of the log.
        base: LogPosition,
        /// The last entry of the log.
        last: LogPosition,
    },
    /// The term is below that of an entry: the node could vote twice in a term.
    #[error("the term is {term}, the log ends at {last}")]
    TermBehind {
        /// The durable term.
        term: Term,
        /// The last entry of the log.
        last: LogPosition,
    },
    /// The terms of the log decrease.
    #[error("an entry of {after} follows one of {before}")]
    TermsDecrease {
        /// The term of the earlier entry.
        before: Term,
        /// The term of the later entry.
        after: Term,
    },
    /// A limit is 0, so that the node could never do what it limits.
    #[error("the limit {0} is 0")]
    ZeroLimit(&'static str),
}

impl<M: Machine> Node<M> {
    /// Starts a node with the content of its disk, as a follower without a known leader; a sole voter campaigns at once.
    /// Also returns the first outputs.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn start(config: Config, durable: Durable<M::Payload>) -> Result<(Self, Vec<Output<M>>), StartError> {
        config.limits.check()?;
        check_disk(&durable)?;
        let applied: Applied<M> = durable.snapshot.applied()?;
        let stable = durable.log.last().index;
        let role = Role::Follower(Follower { leader: None, in_contact: false });
        let Durable { hard_state, snapshot, log } = durable;
        let mut node = Self {
            config,
            hard_state,
            log,
            snapshot,
            applied,
            later: Vec::new(),
            role,
            stable,
            durable_hard_state: hard_state,
            unsynced: Vec::new(),
            synced: BatchNumber::ZERO,
            halted: false,
        };
        node.find_configurations();
        let mut turn = Turn::new(&mut node);
        turn.begin();
        let outputs = turn.finish();
        Ok((node, outputs))
    }
}

/// Checks that the parts of a disk fit together. Each batch is written at once, so a crash leaves none of these.
fn check_disk<P: Payload>(disk: &Durable<P>) -> Result<(), StartError> {
    let (base, last, snapshot) = (disk.log.base(), disk.log.last(), disk.snapshot.last);
    if base.index > snapshot.index {
        return Err(StartError::Gap { base, snapshot });
    }
    if !disk.log.matches(snapshot) {
        return Err(StartError::OtherLog { snapshot, base, last });
    }
    let mut before = base.term;
    for entry in disk.log.entries() {
        if entry.term < before {
            return Err(StartError::TermsDecrease { before, after: entry.term });
        }
        before = entry.term;
    }
    let term = disk.hard_state.term;
    if term < last.term { Err(StartError::TermBehind { term, last }) } else { Ok(()) }
}

impl NodeLimits {
    fn check(&self) -> Result<(), StartError> {
        let limits = [
            ("window", u64::from(self.window)),
            ("append_entries_max", self.append_entries_max.into()),
            ("entry_bytes_max", self.entry_bytes_max.into()),
            ("reads_max", self.reads_max.into()),
            ("compact_after_entries", self.compact_after_entries),
        ];
        let zero = limits.into_iter().find(|(_, limit)| *limit == 0);
        zero.map_or(Ok(()), |(name, _)| Err(StartError::ZeroLimit(name)))
    }
}
