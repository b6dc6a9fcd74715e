//! The mover on a way: it copies what the target is told to pull.

use super::client::sink_of;
use super::effect::Delivery;
use super::way::Run;
use super::{PARTITION, Sink};
use cutover::core::fence::{Body, Export, Request};
use cutover::core::ids::MigrationId;
use cutover::core::placement::PartitionState;

/// The most chunks of one copy.
const CHUNKS_MAX: u32 = 20;

/// The rows and changes in one of them.
const CHUNK_LIMIT: u32 = 8;

impl Run<'_> {
    /// The mover copies what there is to copy.
    pub(super) fn mover(&mut self) {
        if self.late.0 > 0 && self.late.1 > 0 {
            return;
        }
        let Some(record) = self.record() else { return };
        let Some(PartitionState::Migrating { from, to, .. }) = record.placed.map(|placed| placed.state)
        else {
            return;
        };
        let (migration, Some(source), Some(target)) = (record.migration, sink_of(from), sink_of(to)) else {
            return;
        };
        // A copy has few rows and changes: it needs fewer chunks than this.
        for _ in 0..CHUNKS_MAX {
            let (Some(from), Some(copied)) =
                (self.sinks.get(source).cloned(), self.sinks.get(target).cloned())
            else {
                return;
            };
            // The mover has restarted since: it pulls what it is told to.
            if self.pulls != Some(migration) {
                return;
            }
            let next = Export::next(copied.fence.durable(), migration, CHUNK_LIMIT);
            let Some(export) = next else { return };
            match self.env.exported(&from, &export) {
                Some(Ok(chunk)) => {
                    let request = Request { store: to, partition: PARTITION, body: Body::Chunk(chunk) };
                    let _taken = self.deliver(target, request, Delivery::Arrives);
                }
                Some(Err(_)) | None => return self.stuck(target, &from, migration),
            }
        }
    }

    /// The mover tells the store that the copy there cannot go on.
    fn stuck(&mut self, at: usize, source: &Sink, migration: MigrationId) {
        let Some(target) = self.sinks.get(at) else { return };
        let Some(input) = self.env.stuck_at(target, source, migration) else { return };
        if let Some((sink, _)) = self.env.told(target, &input) {
            self.sinks[at] = self.env.share(sink);
        }
    }
}
