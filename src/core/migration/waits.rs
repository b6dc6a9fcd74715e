//! The waits of a controller, for stores that cannot refuse writes.

use super::{Output, PartitionRecord, Timer};
use crate::core::ids::{Epoch, MigrationId};
use alloc::vec::Vec;

/// One wait for each cutover, and for each old copy to which writes may be under way, that the record shows. A wait is
/// neither stored nor passed on, so a controller that did not see it begin starts it again.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Waits(Vec<Wait>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Wait {
    migration: MigrationId,
    epoch: Epoch,
    ended: bool,
}

impl Waits {
    pub(super) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (MigrationId, Epoch, bool)> + '_ {
        self.0.iter().map(|wait| (wait.migration, wait.epoch, wait.ended))
    }

    /// Ends the waits that this record does not ask for. An abort, for instance, ends that of its cutover.
    pub(super) fn keep_for(&mut self, record: &PartitionRecord) {
        self.0.retain(|wait| {
            let late = record
                .old_copies
                .iter()
                .any(|old| old.copy == wait.migration && old.late_before == Some(wait.epoch));
            late || (wait.migration == record.migration && wait.epoch == record.epoch)
        });
    }

    /// Whether this wait has ended.
    pub(super) fn has_ended(&self, migration: MigrationId, epoch: Epoch) -> bool {
        self.0.contains(&Wait { migration, epoch, ended: true })
    }

    /// Starts this wait, unless it runs or has ended.
    pub(super) fn start(&mut self, migration: MigrationId, epoch: Epoch) -> Option<Output> {
        if self.0.iter().any(|wait| wait.migration == migration && wait.epoch == epoch) {
            return None;
        }
        self.0.push(Wait { migration, epoch, ended: false });
        self.0.sort_unstable();
        Some(Output::SetTimer(Timer::Barrier { migration, epoch }))
    }

    /// Ends this wait, whose timer has fired. False if it does not run.
    pub(super) fn end(&mut self, migration: MigrationId, epoch: Epoch) -> bool {
        let running = Wait { migration, epoch, ended: false };
        let Some(wait) = self.0.iter_mut().find(|wait| **wait == running) else { return false };
        wait.ended = true;
        true
    }
}
