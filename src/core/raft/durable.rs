//! A node's durable state, and the atomic batches that change it.

use super::configuration::{Configuration, Peer};
use super::entry::{Entry, LogPosition, Payload};
use super::log::Log;
use super::machine::{Applied, Machine, State};
use super::session::SessionLimits;
use super::snapshot_data::SnapshotData;
use crate::core::ids::{HistoryId, Index, Names, Relabel, Term};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The current term and the vote in it. Durable before a message reveals either (Raft, figure 2, "persistent state").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term that the node has seen.
    pub term: Term,
    /// The candidate that has this node's vote in that term.
    pub voted_for: Option<Peer>,
}

impl HardState {
    /// The state before the first election: term 0, no vote.
    pub const NEVER: Self = Self { term: Term::GENESIS, voted_for: None };
}

/// The state after a prefix of the log, in place of that prefix (Raft, section 7): the committed configuration at its
/// last entry, and the sessions and the state machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The history of the log; [`HistoryId::NONE`] on an empty disk.
    pub history: HistoryId,
    /// The last entry that the snapshot includes.
    pub last: LogPosition,
    /// The configuration committed at that entry, never a later one.
    pub configuration: Configuration,
    /// The sessions and the state machine.
    pub data: SnapshotData,
}

/// Bytes that are not a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SnapshotError {
    /// The bytes cannot be decoded.
    #[error("the snapshot at {at} cannot be read: {source}")]
    Malformed {
        /// The last entry that the snapshot claims to include.
        at: LogPosition,
        /// The error of the decoder.
        source: postcard::Error,
    },
    /// Bytes are left over after decoding.
    #[error("the snapshot at {at} has {have} bytes too many")]
    Trailing {
        /// The last entry that the snapshot claims to include.
        at: LogPosition,
        /// The number of bytes left over.
        have: usize,
    },
}

impl Snapshot {
    /// A snapshot of the applied state, which it shares. It is encoded when it is first written or sent.
    #[must_use]
    pub fn of<M: Machine>(applied: &Applied<M>) -> Self {
        Self::with(applied.history, applied.last, applied.configuration.clone(), applied.state.clone())
    }

    fn with<M: Machine>(
        history: HistoryId,
        last: LogPosition,
        configuration: Configuration,
        state: State<M>,
    ) -> Self {
        Self { history, last, configuration, data: SnapshotData::of(state) }
    }

    /// The snapshot, if its state can be encoded.
    fn checked(self) -> Result<Self, SnapshotError> {
        let at = self.last;
        self.data.encoded().map_err(|source| SnapshotError::Malformed { at, source })?;
        Ok(self)
    }

    /// Decodes the applied state, unless [`Self::prepare`] has.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn applied<M: Machine>(&self) -> Result<Applied<M>, SnapshotError> {
        let state = match self.data.kept() {
            Some(state) => State::clone(state),
            None => self.decode()?,
        };
        let (last, configuration) = (self.last, self.configuration.clone());
        Ok(Applied { history: self.history, last, configuration, state })
    }

    /// Decodes the state and keeps it, so that [`Self::applied`] takes no time in proportion to it.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn prepare<M: Machine>(&self) -> Result<(), SnapshotError> {
        if self.data.kept::<M>().is_none() {
            self.data.keep(self.decode::<M>()?);
        }
        Ok(())
    }

    fn decode<M: Machine>(&self) -> Result<State<M>, SnapshotError> {
        let at = self.last;
        let malformed = |source| SnapshotError::Malformed { at, source };
        let bytes = self.data.encoded().map_err(malformed)?;
        let (state, rest) = postcard::take_from_bytes(bytes).map_err(malformed)?;
        if rest.is_empty() { Ok(state) } else { Err(SnapshotError::Trailing { at, have: rest.len() }) }
    }

    /// The snapshot with sessions and nodes renamed, for symmetry reduction.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn renamed<M: Machine>(&self, names: &dyn Names) -> Result<Self, SnapshotError> {
        let applied: Applied<M> = self.applied()?;
        let state = State { machine: applied.state.machine.relabel(names), ..applied.state };
        Ok(Self::with(self.history, self.last, self.configuration.relabel(names), state))
    }
}

/// One atomic write to the disk. The fields are applied in their order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Batch<P> {
    /// The new term and vote.
    pub hard_state: Option<HardState>,
    /// The new snapshot; `None` leaves the current one.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The log from this index on is replaced by these entries.
    pub suffix: Option<(Index, Vec<Entry<P>>)>,
    /// The new base of the log. A log that does not have this entry is emptied.
    pub base: Option<LogPosition>,
}

/// The durable state of a node: what it starts from.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Durable<P> {
    /// The term and the vote.
    pub hard_state: HardState,
    /// The latest snapshot; every disk has one.
    pub snapshot: Arc<Snapshot>,
    /// The log. Its base is at or before the snapshot's last entry.
    pub log: Log<P>,
}

impl<P: Payload> Durable<P> {
    /// The first disk of a new cluster: its voters and an empty state machine. It is written once, on one node, by an
    /// explicit command; all other nodes join. The snapshot is at index 1, where no entry ever is, so an empty disk
    /// never matches it and has to install it.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn founding<M: Machine<Payload = P>>(
        history: HistoryId,
        voters: Configuration,
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        Self::at(history, LogPosition { term: Term::GENESIS, index: Index(1) }, voters, limits, machine)
    }

    /// An empty disk: no configuration, no entries. The node waits until a leader sends it a snapshot.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn joining<M: Machine<Payload = P>>(
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        Self::at(HistoryId::NONE, LogPosition::ZERO, Configuration::empty(), limits, machine)
    }

    fn at<M: Machine<Payload = P>>(
        history: HistoryId,
        last: LogPosition,
        configuration: Configuration,
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::with(history, last, configuration, State::new(limits, machine)).checked()?;
        Ok(Self { hard_state: HardState::NEVER, snapshot: Arc::new(snapshot), log: Log::above(last) })
    }

    /// The state with all entries of the log applied, as if all were committed: for recovery after the loss of a
    /// quorum. Entries that were never acknowledged may be among them.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn assume_committed<M: Machine<Payload = P>>(&self) -> Result<Applied<M>, SnapshotError> {
        let mut applied: Applied<M> = self.snapshot.applied()?;
        for entry in self.log.from(applied.last.index.next(), u32::MAX) {
            // No node runs that could halt: the node that starts from this state checks what it applies itself.
            let _effect = applied.apply(entry, &mut None);
        }
        Ok(applied)
    }

    /// The first disk of a new history, which continues from the state of another one, at a later term and index.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for these types.
    pub fn refounded<M: Machine<Payload = P>>(
        applied: Applied<M>,
        history: HistoryId,
        voters: Configuration,
        change: impl FnOnce(M, Index) -> M,
    ) -> Result<Self, SnapshotError> {
        let last = LogPosition { term: applied.last.term.next(), index: applied.last.index.next() };
        let State { sessions, machine } = applied.state;
        let state = State { sessions, machine: change(machine, last.index) };
        let snapshot = Snapshot::with(history, last, voters, state).checked()?;
        let vote = HardState { term: last.term, voted_for: None };
        Ok(Self { hard_state: vote, snapshot: Arc::new(snapshot), log: Log::above(last) })
    }

    /// Applies a batch to the disk's content.
    pub fn write(&mut self, batch: &Batch<P>) {
        if let Some(vote) = batch.hard_state {
            self.hard_state = vote;
        }
        if let Some(snapshot) = &batch.snapshot {
            self.snapshot = Arc::clone(snapshot);
        }
        if let Some((from, entries)) = &batch.suffix {
            self.log.replace_from(*from, entries);
        }
        if let Some(base) = batch.base {
            self.log.rebase(base);
        }
    }
}
