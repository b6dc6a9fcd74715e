//! Stores that cannot seal. What they promise rests on the longest time that a write takes after the read of the record that it was resolved by.
//! Pauses exceed it. So here it is kept by construction: the power of such a store fails before a write takes effect that is later. Up to the
//! last instant, writes do.

use super::Judge;
use crate::data::WRITE_EFFECT_MS;
use crate::event_log::now_ns;
use cutover::core::fence::{Body, Config, Enforcement, Input, Request};
use cutover::core::ids::{Epoch, PartitionId};
use cutover::core::migration::{Command, MigrationError, PartitionRecord, Transition};

impl Judge {
    /// Whether a group would have a write take effect too late at a store that cannot seal. No read of a record that was replaced is later
    /// than its replacement.
    #[must_use]
    pub fn is_late(&self, config: Config, inputs: &[(PartitionId, Input)]) -> bool {
        let late = |(partition, input): &(PartitionId, Input)| {
            let Input::Request(Request { body: Body::Write(write), .. }) = input else { return false };
            self.stores.closed.iter().any(|(of, store, epoch, at_ns)| {
                of == partition
                    && *store == config.store
                    && write.token < *epoch
                    && now_ns() > at_ns + WRITE_EFFECT_MS * 1_000_000
            })
        };
        config.enforcement == Enforcement::Nothing && inputs.iter().any(late)
    }

    /// Takes note of a decision after which no write is resolved to the store that has the partition.
    pub(super) fn closes(
        &mut self,
        command: &Command,
        outcome: Result<Epoch, MigrationError>,
        before: Option<&PartitionRecord>,
    ) {
        let closes = matches!(
            command.transition,
            Transition::EnterTimedCutover { .. } | Transition::Force { .. } | Transition::Delete { .. }
        );
        let placed = before.and_then(|record| record.placed);
        if let (true, Ok(epoch), Some(placed)) = (closes, outcome, placed) {
            self.stores.closed.push((command.partition, placed.state.read_placement(), epoch, now_ns()));
        }
    }
}
