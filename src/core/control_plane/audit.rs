//! What an audit needs of past transitions: who took responsibility for what, and when. It is part of the replicated state, so
//! compaction, backups and recoveries keep it.

use super::{OwnershipTransition, PartitionName};
use crate::core::ids::{Epoch, Index};
use crate::core::migration::TransitionKind;
use alloc::collections::VecDeque;
use serde::{Deserialize, Serialize};

/// The most entries that are kept; the oldest ones go first.
pub const AUDIT_ENTRIES_MAX: u32 = 1_024;

/// A transition that an audit asks for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The log index at which it was committed.
    pub index: Index,
    /// The partition's epoch after it.
    pub epoch: Epoch,
    /// The name that the partition had.
    pub name: Option<PartitionName>,
    /// What was committed: with operator and reason, and with the statement that it rests on.
    pub command: OwnershipTransition,
}

/// The newest transitions that an audit asks for, oldest first.
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
        if !is_audited(command) {
            return;
        }
        self.entries.push_back(AuditEntry { index, epoch, name: name.cloned(), command: command.clone() });
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
