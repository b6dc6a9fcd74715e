//! The write gate of a gateway: a table of placements, kept up to date by a watch.
//!
//! A reader loads one pointer, and takes no lock that a writer can hold. A change creates a new table, which
//! shares all but 64 entries with the old one, and replaces the pointer.
//!
//! The table has two levels of arrays, because every write looks up its admission. The maps of `imbl` take
//! 1.6 to 5.7 times as long for a look-up among 10,000 partitions, and 3.5 to 15 times among 100,000.

use crate::core::gate::{WriteAdmission, admit_cached_write};
use crate::core::ids::{Epoch, PartitionId, Revision};
use crate::core::placement::Resolution;
use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Partitions per array of the lower level.
const PIECE: u64 = 64;
/// Partitions with lower numbers are in an array of arrays, others in a tree of arrays. Partitions that are created by name
/// get low numbers, and after a restore high ones that follow each other.
const COUNTED: u64 = 1 << 20;

type Piece = [Option<Resolution>; 64];

/// The placements of all partitions at one revision.
#[derive(Clone, Debug)]
struct Placed {
    revision: Revision,
    pieces: Vec<Option<Arc<Piece>>>,
    others: Arc<BTreeMap<u64, Arc<Piece>>>,
}

impl Placed {
    fn empty(revision: Revision) -> Self {
        Self { revision, pieces: Vec::new(), others: Arc::default() }
    }

    fn get(&self, partition: PartitionId) -> Option<&Resolution> {
        let (piece, at) = place(partition);
        let found = if partition.0 < COUNTED {
            self.pieces.get(index(piece))?.as_ref()?
        } else {
            self.others.get(&piece)?
        };
        found.get(at)?.as_ref()
    }

    fn put(&mut self, partition: PartitionId, resolution: Option<Resolution>) {
        let (piece, at) = place(partition);
        let empty = || Arc::new([None; 64]);
        if partition.0 >= COUNTED {
            let others = Arc::make_mut(&mut self.others);
            let entries = others.entry(piece).or_insert_with(empty);
            Arc::make_mut(entries)[at] = resolution;
            if entries.iter().all(Option::is_none) {
                others.remove(&piece);
            }
            return;
        }
        let piece = index(piece);
        if piece >= self.pieces.len() {
            self.pieces.resize(piece + 1, None);
        }
        let entries = self.pieces[piece].get_or_insert_with(empty);
        Arc::make_mut(entries)[at] = resolution;
    }
}

/// The number of a partition's array, and its place in it.
fn place(partition: PartitionId) -> (u64, usize) {
    (partition.0 / PIECE, index(partition.0 % PIECE))
}

/// A number below [`COUNTED`].
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The placements of all partitions, with one writer and many readers. Clones share the table.
#[derive(Clone, Debug)]
pub struct GateTable {
    current: Arc<ArcSwap<Placed>>,
}

impl Default for GateTable {
    fn default() -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(Placed::empty(Revision::ZERO))) }
    }
}

/// A reader of a [`GateTable`], for one thread.
#[derive(Debug)]
pub struct Gate {
    cache: Cache<Arc<ArcSwap<Placed>>, Arc<Placed>>,
}

impl GateTable {
    /// Creates a reader for one thread.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate { cache: Cache::new(Arc::clone(&self.current)) }
    }

    /// Replaces the whole table by the state at a revision.
    pub fn reset(&self, revision: Revision, all: impl IntoIterator<Item = Resolution>) {
        let mut next = Placed::empty(revision);
        for resolution in all {
            next.put(resolution.partition, Some(resolution));
        }
        self.current.store(Arc::new(next));
    }

    /// Replaces the entry of one partition; `None` removes it.
    pub fn change(&self, revision: Revision, partition: PartitionId, resolution: Option<Resolution>) {
        let mut next = Placed::clone(&self.current.load());
        next.put(partition, resolution);
        next.revision = revision;
        self.current.store(Arc::new(next));
    }

    /// The placement of a partition at the table's revision. `None` if it is not in the table.
    pub(super) fn view(&self, partition: PartitionId) -> Option<Resolution> {
        self.current.load().get(partition).copied()
    }

    /// The revision of the latest change in the table.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.current.load().revision
    }
}

impl Gate {
    /// The placement of a partition at the table's revision, which the cluster may be ahead of. `None` if it
    /// is not in the table.
    pub fn resolve(&mut self, partition: PartitionId) -> Option<Resolution> {
        self.cache.load().get(partition).copied()
    }

    /// Decides whether a write that was resolved at this epoch may be sent. `None` if the partition is not in
    /// the table. A partition with guarantee `timed`, whose sink cannot refuse late writes, is never admitted
    /// from a table: use [`Client::admit`](super::Client::admit).
    pub fn admit(&mut self, partition: PartitionId, resolved_at: Epoch) -> Option<WriteAdmission> {
        self.cache.load().get(partition).map(|view| admit_cached_write(view, resolved_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::gate::GateRefusal;
    use crate::core::ids::Placement;
    use crate::core::placement::{Guarantee, PartitionState};

    fn active(partition: u64, epoch: u64) -> Resolution {
        Resolution {
            partition: PartitionId(partition),
            state: PartitionState::Active(Placement(1)),
            epoch: Epoch(epoch),
            guarantee: Guarantee::Sealed,
            revision: Revision(epoch),
        }
    }

    #[test]
    fn a_gate_sees_each_change_and_nothing_else() {
        let table = GateTable::default();
        let mut gate = table.gate();
        let far = u64::MAX;
        assert_eq!(gate.admit(PartitionId(7), Epoch(1)), None);
        table.reset(Revision(3), [active(7, 1), active(far, 1)]);
        for partition in [7, far] {
            assert_eq!(
                gate.admit(PartitionId(partition), Epoch(1)),
                Some(WriteAdmission::Admit(Placement(1)))
            );
        }
        table.change(Revision(4), PartitionId(7), Some(active(7, 2)));
        let stale = GateRefusal::StaleEpoch { have: Epoch(2), got: Epoch(1) };
        assert_eq!(gate.admit(PartitionId(7), Epoch(1)), Some(WriteAdmission::Reject(stale)));
        let timed = Resolution { guarantee: Guarantee::Timed, ..active(7, 3) };
        table.change(Revision(4), PartitionId(7), Some(timed));
        let cached = GateRefusal::Cached { partition: PartitionId(7) };
        assert_eq!(gate.admit(PartitionId(7), Epoch(3)), Some(WriteAdmission::Reject(cached)));
        assert_eq!(gate.resolve(PartitionId(6)), None);
        // Its neighbours are in the same array.
        for near in [far - 1, far - 63] {
            assert_eq!(gate.resolve(PartitionId(near)), None);
            table.change(Revision(4), PartitionId(near), Some(active(near, 4)));
        }
        table.change(Revision(5), PartitionId(far), None);
        assert_eq!(gate.resolve(PartitionId(far)), None);
        assert_eq!(gate.resolve(PartitionId(far - 1)), Some(active(far - 1, 4)));
        assert_eq!(gate.resolve(PartitionId(far - 63)), Some(active(far - 63, 4)));
        assert_eq!(table.revision(), Revision(5));
        table.reset(Revision(9), []);
        assert_eq!(gate.resolve(PartitionId(7)), None, "what was there before counts no more");
    }
}
