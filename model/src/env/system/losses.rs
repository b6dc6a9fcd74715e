//! A history that ends: the log is lost, and goes on from a backup or from what a node has.

use super::turn::Turn;
use cutover::core::ids::{Epoch, HistoryId, PartitionId, WriteId};
use cutover::core::migration::PartitionRecord;
use std::sync::Arc;

impl Turn<'_> {
    /// These writes may be lost, except those that are kept; and so may the acknowledged ones that are not kept.
    pub(super) fn leave(
        &mut self,
        partition: PartitionId,
        writes: impl Iterator<Item = WriteId>,
        kept: &[WriteId],
    ) {
        let owed: Vec<WriteId> = self.next.truth.owed(partition).collect();
        let lost = writes.chain(owed).filter(|id| !kept.contains(id));
        self.truth().exempt.extend(lost);
    }

    /// The log is lost, and goes on from the backup or from what the node has.
    pub(super) fn lose(&mut self, restored: bool) -> Option<()> {
        let backup = self.next.backup.clone().filter(|_| restored);
        if restored && backup.is_none() {
            return None;
        }
        let state = backup.as_ref().map_or_else(|| self.log.backup(), |backup| backup.0.clone());
        // What a restore waits for: no write of the lost history takes effect any more at a store that cannot refuse it.
        if self.next.sinks.values().any(|sink| sink.admitted.iter().any(|(.., until)| until.is_some())) {
            return None;
        }
        self.expire(u64::MAX);
        self.next.clock += self.env.bounds.policy.barrier_ms();
        let ended: Vec<PartitionRecord> = self.log.table().records().cloned().collect();
        for record in &ended {
            let highest = self.log.table().returned(record.partition).0;
            let truth = self.truth();
            let through = truth.lost_through.entry(record.partition).or_insert(Epoch::ZERO);
            *through = (*through).max(highest);
            if let Some(placed) = record.placed.filter(|placed| placed.held.is_none()) {
                truth.owners.insert(record.partition, placed.state.read_placement());
            }
        }
        self.next.history = HistoryId(self.next.history.0 + 1);
        let history = self.next.history;
        Arc::make_mut(&mut self.log).continue_from(&state, history, history.0)?;
        let log = Arc::clone(&self.log);
        let references = &mut Arc::make_mut(&mut self.next.references).0;
        if let Some(backup) = &backup {
            references.table.restore(&backup.1.0.table);
            references.sessions = backup.1.0.sessions.clone();
        }
        let agrees = references.table.recovered(state.last().index.next(), log.state());
        self.table_agrees(agrees.err().as_ref());
        self.next.gateways.iter_mut().for_each(|gateway| Arc::make_mut(gateway).cut());
        self.next.desk = Arc::default();
        let records: Vec<PartitionRecord> = self.log.table().records().cloned().collect();
        let listed = ended.iter().chain(&records).map(|record| record.partition);
        for partition in listed.collect::<std::collections::BTreeSet<_>>() {
            let owner = self.log.record(partition).and_then(|record| record.placed);
            let owner = owner.map(|placed| placed.state.read_placement());
            let was = ended.iter().find(|record| record.partition == partition);
            let was = was.and_then(|record| record.placed).map(|placed| placed.state.read_placement());
            if owner.is_some() && owner != was {
                self.truth().astray.insert(partition);
            }
            let kept = owner.and_then(|at| self.next.sinks.get(&(at, partition)));
            // In its memory it may be prepared for a migration that is lost.
            let both = |sink: &std::sync::Arc<super::Sink>| {
                let memory = sink.data();
                sink.disk_data().into_iter().filter(|id| memory.contains(id)).collect()
            };
            let kept: Vec<WriteId> = kept.map(both).unwrap_or_default();
            let sinks = self.next.sinks.iter().filter(|((at, of), _)| *of == partition && Some(*at) != owner);
            let others: Vec<WriteId> = sinks.flat_map(|(_, sink)| sink.data()).collect();
            self.leave(partition, others.into_iter(), &kept);
        }
        self.say(|| format!("history {history} begins with {} records", records.len()));
        Some(())
    }
}
