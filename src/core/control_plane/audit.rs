//! What an audit needs of past transitions, of changes of the members that an operator forced, and of changes of the stores: who took
//! responsibility for what, and when. It is part of the replicated state, so
//! compaction, backups and recoveries keep it.

use super::{MembershipChange, OwnershipTransition, PartitionName, StoreChange};
use crate::core::ids::{Epoch, Index, Names, Placement, Relabel};
use crate::core::migration::TransitionKind;
use alloc::collections::VecDeque;
use serde::{Deserialize, Serialize};

/// The most entries that are kept; the oldest ones go first.
pub const AUDIT_ENTRIES_MAX: u32 = 1_024;

/// What an audit asks for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The log index at which it was committed.
    pub index: Index,
    /// What was committed.
    pub what: Audited,
}

/// What was committed: with operator and reason, and with the statement that it rests on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Audited {
    /// A transition of a partition.
    Transition {
        /// The partition's epoch after it.
        epoch: Epoch,
        /// The name that the partition had.
        name: Option<PartitionName>,
        /// The transition.
        command: OwnershipTransition,
    },
    /// A change of the members that was made even though it may leave no quorum of live voters.
    Members(MembershipChange),
    /// A change of the stores.
    Store {
        /// The number of the store.
        store: Placement,
        /// The change.
        change: StoreChange,
    },
}

/// The newest entries of an audit, oldest first.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct AuditLog {
    entries: VecDeque<AuditEntry>,
}

impl AuditLog {
    /// The entries that were committed after this index, oldest first.
    pub fn after(&self, index: Index) -> impl Iterator<Item = &AuditEntry> {
        self.entries.iter().filter(move |entry| entry.index > index)
    }

    pub(super) fn note(
        &mut self,
        index: Index,
        epoch: Epoch,
        name: Option<&PartitionName>,
        command: &OwnershipTransition,
    ) {
        if is_audited(command) {
            let (name, command) = (name.cloned(), command.clone());
            self.push(AuditEntry { index, what: Audited::Transition { epoch, name, command } });
        }
    }

    pub(super) fn note_members(&mut self, index: Index, change: &MembershipChange) {
        if change.even_so().is_some() {
            self.push(AuditEntry { index, what: Audited::Members(change.clone()) });
        }
    }

    pub(super) fn note_store(&mut self, index: Index, store: Placement, change: &StoreChange) {
        self.push(AuditEntry { index, what: Audited::Store { store, change: change.clone() } });
    }

    fn push(&mut self, entry: AuditEntry) {
        self.entries.push_back(entry);
        while self.entries.len() > usize::try_from(AUDIT_ENTRIES_MAX).unwrap_or(usize::MAX) {
            self.entries.pop_front();
        }
    }
}

/// Whether a transition destroys or gives up something, or rests on what a person reported.
fn is_audited(command: &OwnershipTransition) -> bool {
    let loses = match command.transition.kind() {
        TransitionKind::Force
        | TransitionKind::WriteOff
        | TransitionKind::Release
        | TransitionKind::Delete => true,
        TransitionKind::Create
        | TransitionKind::Open
        | TransitionKind::Begin
        | TransitionKind::EnterCutover
        | TransitionKind::StartBlock
        | TransitionKind::EnterTimedCutover
        | TransitionKind::RecordWatermark
        | TransitionKind::Complete
        | TransitionKind::Abort
        | TransitionKind::Settle
        | TransitionKind::RetireCopy
        | TransitionKind::ForgetCopy => false,
    };
    loses || command.transition.is_reported()
}

impl Relabel for AuditLog {
    fn relabel(&self, names: &dyn Names) -> Self {
        let what = |what: &Audited| match what {
            Audited::Transition { .. } | Audited::Store { .. } => what.clone(),
            Audited::Members(change) => Audited::Members(change.relabel(names)),
        };
        let entry = |entry: &AuditEntry| AuditEntry { index: entry.index, what: what(&entry.what) };
        Self { entries: self.entries.iter().map(entry).collect() }
    }
}
