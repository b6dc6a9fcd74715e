//! The histories of a run's cluster. A restore or a recovery begins a new one, in which everything is judged anew.

use crate::table::Table;
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use cutover::core::migration::PartitionRecord;
use std::collections::BTreeMap;

/// A history of the cluster.
#[derive(Clone, Debug)]
pub struct Era {
    /// The id of the history.
    pub history: HistoryId,
    /// When its first node was started. No node of an earlier history has answered since.
    pub began_ns: u64,
    /// The records with which it began.
    pub begins_with: BTreeMap<PartitionId, PartitionRecord>,
    /// The table that follows from its log.
    pub table: Table,
}

/// When something was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub(super) history: HistoryId,
    revision: Revision,
}

impl Era {
    /// The present moment.
    pub(super) fn moment(&self) -> Moment {
        Moment { history: self.history, revision: self.table.state().revision() }
    }

    /// The revision that the answer to something asked for at a moment must have reached. What was committed in an earlier
    /// history may be lost.
    pub(super) fn committed_before(&self, asked: Moment) -> Revision {
        if asked.history == self.history { asked.revision } else { Revision::ZERO }
    }
}
