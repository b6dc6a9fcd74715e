//! What a node keeps across crashes, and how it changes: one atomic batch at a time.

use super::configuration::{Configuration, Peer};
use super::entry::{Entry, LogPosition, Payload};
use super::log::Log;
use super::machine::{Applied, Machine, State};
use super::session::SessionLimits;
use crate::core::ids::{Index, Names, Relabel, Term};
use alloc::sync::Arc;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The term, and the vote in it: durable before anybody hears of either (Raft, figure 2, "persistent state").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term seen.
    pub term: Term,
    /// Who has this node's vote in it.
    pub voted_for: Option<Peer>,
}

impl HardState {
    /// Before the first election.
    pub const NEVER: Self = Self { term: Term::GENESIS, voted_for: None };
}

/// Everything that follows from a prefix of the log, in place of that prefix (section 7): the committed configuration at
/// its last place, and the sessions and the machine as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last place that it covers.
    pub last: LogPosition,
    /// The configuration committed there; never a later one.
    pub configuration: Configuration,
    /// Sessions and machine, encoded.
    pub data: Vec<u8>,
}

/// A snapshot that is none.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SnapshotError {
    /// Not decodable.
    #[error("the snapshot at {at} cannot be read: {source}")]
    Malformed {
        /// Where it stands.
        at: LogPosition,
        /// Why.
        source: postcard::Error,
    },
    /// Something comes after it.
    #[error("the snapshot at {at} has {have} bytes too many")]
    Trailing {
        /// Where it stands.
        at: LogPosition,
        /// Bytes left over.
        have: usize,
    },
}

impl Snapshot {
    /// Encodes what was applied.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn of<M: Machine>(applied: &Applied<M>) -> Result<Self, SnapshotError> {
        Self::encode(applied.last, applied.configuration.clone(), &applied.state)
    }

    fn encode<M: Machine>(
        at: LogPosition,
        configuration: Configuration,
        state: &State<M>,
    ) -> Result<Self, SnapshotError> {
        let malformed = |source| SnapshotError::Malformed { at, source };
        let data = postcard::to_allocvec(state).map_err(malformed)?;
        Ok(Self { last: at, configuration, data })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn applied<M: Machine>(&self) -> Result<Applied<M>, SnapshotError> {
        let at = self.last;
        let malformed = |source| SnapshotError::Malformed { at, source };
        let (state, rest) = postcard::take_from_bytes(&self.data).map_err(malformed)?;
        if !rest.is_empty() {
            return Err(SnapshotError::Trailing { at, have: rest.len() });
        }
        Ok(Applied { last: at, configuration: self.configuration.clone(), state })
    }

    /// The same snapshot under new names.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn renamed<M: Machine>(&self, names: &dyn Names) -> Result<Self, SnapshotError> {
        let applied: Applied<M> = self.applied()?;
        let state = State { machine: applied.state.machine.relabel(names), ..applied.state };
        Self::encode(self.last, self.configuration.relabel(names), &state)
    }
}

/// What changes on the disk, all of it or nothing. In the order of the fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Batch<P> {
    /// The new term and vote.
    pub hard_state: Option<HardState>,
    /// The new snapshot.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Everything from this place on is replaced by these entries.
    pub suffix: Option<(Index, Vec<Entry<P>>)>,
    /// The log begins after this place; one that does not have it is emptied.
    pub base: Option<LogPosition>,
}

/// What a node finds on its disk.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Durable<P> {
    /// The term and the vote.
    pub hard_state: HardState,
    /// The latest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The log; its base is at or before the snapshot.
    pub log: Log<P>,
}

impl<P: Payload> Durable<P> {
    /// The first disk of a cluster: the voters, and an empty machine. Written once, on one node, by an explicit order;
    /// everybody else joins. It stands at index 1, where no entry ever is, so that an empty disk never agrees with it
    /// and has to take it.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn founding<M: Machine<Payload = P>>(
        voters: Configuration,
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        Self::at(LogPosition { term: Term::GENESIS, index: Index(1) }, voters, limits, machine)
    }

    /// An empty disk: no member knows it, and it knows none, until a leader writes to it.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn joining<M: Machine<Payload = P>>(
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        Self::at(LogPosition::ZERO, Configuration::empty(), limits, machine)
    }

    fn at<M: Machine<Payload = P>>(
        last: LogPosition,
        configuration: Configuration,
        limits: SessionLimits,
        machine: M,
    ) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::encode(last, configuration, &State::new(limits, machine))?;
        Ok(Self { hard_state: HardState::NEVER, snapshot: Arc::new(snapshot), log: Log::above(last) })
    }

    /// Everything in the log applied, as if all of it had been committed: what one node has to offer when a quorum is lost.
    /// Entries that were never acknowledged may be among it.
    ///
    /// # Errors
    /// [`SnapshotError`]
    pub fn assume_committed<M: Machine<Payload = P>>(&self) -> Result<Applied<M>, SnapshotError> {
        let mut applied: Applied<M> = self.snapshot.applied()?;
        for entry in self.log.from(applied.last.index.next(), u32::MAX) {
            // Nothing runs yet that could be halted: the node that starts from this state checks what it applies.
            let _effect = applied.apply(entry, &mut None);
        }
        Ok(applied)
    }

    /// The first disk of a cluster that goes on from a state, in a later term and at a later place than the old one.
    ///
    /// # Errors
    /// The codec's, which has none for these types.
    pub fn refounded<M: Machine<Payload = P>>(
        applied: Applied<M>,
        voters: Configuration,
        change: impl FnOnce(M, Index) -> M,
    ) -> Result<Self, SnapshotError> {
        let last = LogPosition { term: applied.last.term.next(), index: applied.last.index.next() };
        let State { sessions, machine } = applied.state;
        let state = State { sessions, machine: change(machine, last.index) };
        let snapshot = Snapshot::encode(last, voters, &state)?;
        let vote = HardState { term: last.term, voted_for: None };
        Ok(Self { hard_state: vote, snapshot: Arc::new(snapshot), log: Log::above(last) })
    }

    /// Writes a batch.
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
