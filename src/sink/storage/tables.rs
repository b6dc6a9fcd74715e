//! The tables of a store's file, and how values are written, read and verified.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `sink` | `format` | the number of this layout |
//! | | `identity` | the store whose directory it is |
//! | | `enforcement` | whether the store checks tokens |
//! | | `beginning` | what the log had committed when the directory was created |
//! | `fences` | partition | the state of its machine, without the sessions |
//! | `sessions` | partition, session | what is remembered of the session's writes |
//! | `rows` | partition, key | the row |
//! | `changes` | partition, position | the change |

use crate::core::fence::{Change, Key, Row, View};
use crate::core::ids::{PartitionId, Position};
use crate::node::store::StoreError;
use crate::node::store::error::Place;
use crate::node::store::record::Slot;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Bound;

/// Number of the layout that this program writes and reads.
pub(super) const FORMAT: u32 = 3;

pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sink");
pub(super) const FENCES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("fences");
pub(super) const SESSIONS: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("sessions");
pub(super) const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
pub(super) const CHANGES: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("changes");

pub(super) const KEY_FORMAT: &str = "format";
pub(super) const KEY_IDENTITY: &str = "identity";
pub(super) const KEY_ENFORCEMENT: &str = "enforcement";
pub(super) const KEY_BEGINNING: &str = "beginning";

/// Bytes of a partition in the key of a row.
const PARTITION_BYTES: usize = 8;

/// The key of a row in its table: rows of a partition are together, in the order of their keys.
fn row_key(partition: PartitionId, key: &[u8]) -> Vec<u8> {
    [partition.0.to_be_bytes().as_slice(), key].concat()
}

/// What the checksum of a value in a table of two numbers, or of a row, includes as its key. No two are the same bytes with what follows:
/// the length of a row's key comes before it.
fn pair(one: u64, two: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&one.to_be_bytes());
    bytes[8..].copy_from_slice(&two.to_be_bytes());
    bytes
}

fn row_slot(partition: PartitionId, key: &[u8]) -> Vec<u8> {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
    [pair(partition.0, length).as_slice(), key].concat()
}

/// A value of the table `sink`.
pub(super) const fn meta_slot(key: &str) -> Slot<'_> {
    Slot { table: "sink", key: key.as_bytes() }
}

pub(super) fn open_fence<T: DeserializeOwned>(
    place: &Place,
    partition: u64,
    stored: &[u8],
) -> Result<T, StoreError> {
    let what = format_args!("the fence of {}", PartitionId(partition));
    Slot { table: "fences", key: &partition.to_be_bytes() }.open(place, what, stored)
}

pub(super) fn open_session<T: DeserializeOwned>(
    place: &Place,
    (partition, session): (u64, u64),
    stored: &[u8],
) -> Result<T, StoreError> {
    let what = format_args!("session {session} of {}", PartitionId(partition));
    Slot { table: "sessions", key: &pair(partition, session) }.open(place, what, stored)
}

/// The tables of one transaction.
pub(super) struct Tables<'t> {
    place: &'t Place,
    fences: Table<'t, u64, &'static [u8]>,
    sessions: Table<'t, (u64, u64), &'static [u8]>,
    rows: Table<'t, &'static [u8], &'static [u8]>,
    changes: Table<'t, (u64, u64), &'static [u8]>,
    /// Whether anything was changed.
    pub(super) changed: bool,
}

impl<'t> Tables<'t> {
    pub(super) fn of(place: &'t Place, transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            place,
            fences: transaction.open_table(FENCES).map_err(place.redb("write to"))?,
            sessions: transaction.open_table(SESSIONS).map_err(place.redb("write to"))?,
            rows: transaction.open_table(ROWS).map_err(place.redb("write to"))?,
            changes: transaction.open_table(CHANGES).map_err(place.redb("write to"))?,
            changed: false,
        })
    }

    /// The bytes of a partition's outline in its table.
    pub(super) fn sealed_fence(
        &self,
        partition: PartitionId,
        outline: &impl Serialize,
    ) -> Result<Vec<u8>, StoreError> {
        Slot { table: "fences", key: &partition.0.to_be_bytes() }.seal(self.place, outline)
    }

    pub(super) fn put_fence(&mut self, partition: PartitionId, sealed: &[u8]) -> Result<(), StoreError> {
        self.changed = true;
        self.fences.insert(partition.0, sealed).map_err(self.place.redb("write to"))?;
        Ok(())
    }

    pub(super) fn put_session(
        &mut self,
        partition: PartitionId,
        session: u64,
        window: &impl Serialize,
    ) -> Result<(), StoreError> {
        self.changed = true;
        let sealed = Slot { table: "sessions", key: &pair(partition.0, session) }.seal(self.place, window)?;
        self.sessions
            .insert((partition.0, session), sealed.as_slice())
            .map_err(self.place.redb("write to"))?;
        Ok(())
    }

    pub(super) fn remove_session(&mut self, partition: PartitionId, session: u64) -> Result<(), StoreError> {
        self.changed = true;
        self.sessions.remove((partition.0, session)).map_err(self.place.redb("write to"))?;
        Ok(())
    }

    /// The row under a key.
    pub(super) fn row(&self, partition: PartitionId, key: &Key) -> Result<Option<Row>, StoreError> {
        let stored =
            self.rows.get(row_key(partition, key.bytes()).as_slice()).map_err(self.place.redb("read"))?;
        stored.map(|stored| open_row(self.place, partition, key.bytes(), stored.value())).transpose()
    }

    /// Sets a row, or deletes it.
    pub(super) fn set(
        &mut self,
        partition: PartitionId,
        key: &Key,
        row: Option<&Row>,
    ) -> Result<(), StoreError> {
        self.changed = true;
        let at = row_key(partition, key.bytes());
        if let Some(row) = row {
            let sealed =
                Slot { table: "rows", key: &row_slot(partition, key.bytes()) }.seal(self.place, row)?;
            self.rows.insert(at.as_slice(), sealed.as_slice()).map_err(self.place.redb("write to"))?;
        } else {
            self.rows.remove(at.as_slice()).map_err(self.place.redb("write to"))?;
        }
        Ok(())
    }

    /// Adds a change to the log.
    pub(super) fn log(&mut self, partition: PartitionId, change: &Change) -> Result<(), StoreError> {
        self.changed = true;
        let at = (partition.0, change.position.0);
        let sealed = Slot { table: "changes", key: &pair(at.0, at.1) }.seal(self.place, change)?;
        self.changes.insert(at, sealed.as_slice()).map_err(self.place.redb("write to"))?;
        Ok(())
    }

    /// Forgets the changes up to a position.
    pub(super) fn trim(&mut self, partition: PartitionId, through: Position) -> Result<(), StoreError> {
        self.changed = true;
        let these = (partition.0, 0)..=(partition.0, through.0);
        self.changes.retain_in(these, |_, _| false).map_err(self.place.redb("write to"))
    }

    /// Erases the rows, changes and sessions of a partition.
    pub(super) fn erase(&mut self, partition: PartitionId) -> Result<(), StoreError> {
        self.trim(partition, Position(u64::MAX))?;
        let sessions = (partition.0, 0)..=(partition.0, u64::MAX);
        self.sessions.retain_in(sessions, |_, _| false).map_err(self.place.redb("write to"))?;
        let first = row_key(partition, &[]);
        let last = partition.0.checked_add(1).map(|next| row_key(PartitionId(next), &[]));
        let to = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let these = (Bound::Included(first.as_slice()), to);
        self.rows.retain_in::<&[u8], _>(these, |_, _| false).map_err(self.place.redb("write to"))
    }

    /// The data of a partition, in the state that the transaction has reached.
    pub(super) const fn view(&self, partition: PartitionId) -> DataNow<'_, 't> {
        DataNow { tables: self, partition }
    }
}

fn open_row(place: &Place, partition: PartitionId, key: &[u8], stored: &[u8]) -> Result<Row, StoreError> {
    let slot = row_slot(partition, key);
    Slot { table: "rows", key: &slot }.open(place, format_args!("row {key:02x?} of {partition}"), stored)
}

/// The data of one partition in a transaction.
pub(super) struct DataNow<'a, 't> {
    tables: &'a Tables<'t>,
    partition: PartitionId,
}

impl View for DataNow<'_, '_> {
    type Error = StoreError;

    fn rows_after(&self, key: Option<&Key>) -> impl Iterator<Item = Result<(Key, Row), StoreError>> {
        let (place, partition) = (self.tables.place, self.partition);
        let first = row_key(partition, key.map_or(&[], Key::bytes));
        let from =
            if key.is_some() { Bound::Excluded(first.as_slice()) } else { Bound::Included(first.as_slice()) };
        let range = self.tables.rows.range::<&[u8]>((from, Bound::Unbounded)).map_err(place.redb("read"));
        let (range, failed) = match range {
            Ok(range) => (Some(range), None),
            Err(error) => (None, Some(Err(error))),
        };
        let rows = range.into_iter().flatten().map(move |entry| {
            let (at, stored) = entry.map_err(place.redb("read"))?;
            let Some((of, key)) = at.value().split_at_checked(PARTITION_BYTES) else {
                return Err(place.corrupt(
                    "the key of a row",
                    format_args!("{} bytes", at.value().len()),
                    "8 or more",
                ));
            };
            if of != partition.0.to_be_bytes() {
                return Ok(None);
            }
            let row = open_row(place, partition, key, stored.value())?;
            let key =
                Key::try_from(key).map_err(|error| place.corrupt("the key of a row", error, "a key"))?;
            Ok(Some((key, row)))
        });
        failed.into_iter().chain(rows.map_while(Result::transpose))
    }

    fn changes_after(&self, position: Position) -> impl Iterator<Item = Result<Change, StoreError>> {
        let (place, partition) = (self.tables.place, self.partition.0);
        let these = (Bound::Excluded((partition, position.0)), Bound::Included((partition, u64::MAX)));
        let range = self.tables.changes.range(these).map_err(place.redb("read"));
        let (range, failed) = match range {
            Ok(range) => (Some(range), None),
            Err(error) => (None, Some(Err(error))),
        };
        failed.into_iter().chain(range.into_iter().flatten().map(move |entry| {
            let (at, stored) = entry.map_err(place.redb("read"))?;
            let (of, position) = at.value();
            let what = format_args!("the change at {position} of {}", PartitionId(of));
            Slot { table: "changes", key: &pair(of, position) }.open(place, what, stored.value())
        }))
    }
}
