//! The records of the table, and which of them are migrating.

use super::PartitionRecord;
use crate::core::ids::{PartitionId, Placement};
use crate::core::map::PersistentMap;
use crate::core::placement::PartitionState;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The records by partition. Compared, hashed and stored as the map of records alone: the index follows from it.
#[derive(Clone, Default, Debug)]
pub(super) struct Records {
    all: PersistentMap<PartitionId, PartitionRecord>,
    /// Source and target of each migration in flight, so that counting them costs nothing for partitions at rest.
    migrating: PersistentMap<PartitionId, (Placement, Placement)>,
}

impl Records {
    pub(super) fn get(&self, partition: PartitionId) -> Option<&PartitionRecord> {
        self.all.get(&partition)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &PartitionRecord> {
        self.all.values()
    }

    /// The records of the partitions above this one, by partition.
    pub(super) fn after(&self, partition: Option<PartitionId>) -> impl Iterator<Item = &PartitionRecord> {
        self.all.values_after(partition)
    }

    /// Source and target of each migration in flight.
    pub(super) fn migrating(&self) -> impl Iterator<Item = (Placement, Placement)> {
        self.migrating.values().copied()
    }

    pub(super) fn insert(&mut self, partition: PartitionId, record: PartitionRecord) {
        match migrating(&record) {
            Some(between) => self.migrating.insert(partition, between),
            None => {
                self.migrating.remove(&partition);
            }
        }
        self.all.insert(partition, record);
    }

    pub(super) fn remove(&mut self, partition: PartitionId) {
        self.all.remove(&partition);
        self.migrating.remove(&partition);
    }

    /// Changes every record.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut PartitionRecord)) {
        let records = self.all.values().cloned().map(|mut record| {
            change(&mut record);
            record
        });
        *self = records.collect();
    }
}

impl FromIterator<PartitionRecord> for Records {
    fn from_iter<I: IntoIterator<Item = PartitionRecord>>(records: I) -> Self {
        let mut made = Self::default();
        for record in records {
            made.insert(record.partition, record);
        }
        made
    }
}

fn migrating(record: &PartitionRecord) -> Option<(Placement, Placement)> {
    match record.placed?.state {
        PartitionState::Migrating { from, to, .. } => Some((from, to)),
        PartitionState::Active(_) => None,
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Records {}

impl PartialOrd for Records {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Records {
    fn cmp(&self, other: &Self) -> Ordering {
        self.all.cmp(&other.all)
    }
}

impl Hash for Records {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.all.hash(hasher);
    }
}

impl Serialize for Records {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = PersistentMap::<PartitionId, PartitionRecord>::deserialize(deserializer)?;
        let moving = all.iter().filter_map(|(partition, record)| Some((*partition, migrating(record)?)));
        let migrating = moving.collect();
        Ok(Self { all, migrating })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fence::{Prepared, StatementOrigin};
    use crate::core::ids::{Epoch, Incarnation, MigrationId};
    use crate::core::migration::{AbortReason, Caps, Expected, PlacementTable, Transition};
    use crate::core::placement::Guarantee;

    /// What is counted follows from the records, on every way on which a record changes.
    #[test]
    fn the_migrations_in_flight_are_those_of_the_records() {
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        let mut step = |partition: u64, transition| {
            let command = crate::core::migration::Command { partition: PartitionId(partition), transition };
            table.apply(&command).unwrap();
            let record = table.record(PartitionId(partition)).unwrap();
            let bytes = postcard::to_allocvec(&table).unwrap();
            let stored: PlacementTable = postcard::from_bytes(&bytes).unwrap();
            let mut raised = table.clone();
            raised.raise_floor(Epoch(1_000), MigrationId(1_000));
            for table in [&table, &stored] {
                let migrating = table.records().filter(|record| migrating(record).is_some()).count();
                assert_eq!(usize::try_from(table.migrations_in_flight()), Ok(migrating));
            }
            let left = raised.records().filter(|record| migrating(record).is_some()).count();
            assert_eq!(usize::try_from(raised.migrations_in_flight()), Ok(left));
            (record.expected(), table.migrations_in_flight(), table.migrations_touching(Placement(1)))
        };
        let create = |at| Transition::Create { placement: Placement(at), guarantee: Guarantee::Sealed };
        let begin = |expected: Expected, to| Transition::Begin { expected, to: Placement(to) };
        let open = |partition: u64, expected: Expected, at| {
            let store = Placement(at);
            let origin =
                StatementOrigin { store, partition: PartitionId(partition), incarnation: Incarnation(1) };
            let prepared =
                Prepared::reported(origin, expected.migration, expected.epoch.previous(), true, false);
            Transition::Open { expected, prepared: prepared.into() }
        };
        let (one, ..) = step(1, create(0));
        let (one, ..) = step(1, open(1, one, 0));
        let (two, ..) = step(2, create(2));
        let (two, ..) = step(2, open(2, two, 2));
        let (one, all, touching) = step(1, begin(one, 1));
        assert_eq!((all, touching), (1, 1));
        let (_, all, touching) = step(2, begin(two, 3));
        assert_eq!((all, touching), (2, 1));
        let (_, all, touching) = step(1, Transition::Abort { expected: one, why: AbortReason::Operator });
        assert_eq!((all, touching), (1, 0));
    }
}
