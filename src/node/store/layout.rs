//! The tables of a data directory, and how they are read and verified.
//!
//! | table | key | value |
//! | --- | --- | --- |
//! | `meta` | `format` | the number of this layout |
//! | | `identity` | the node whose directory it is |
//! | | `vote` | term and vote |
//! | | `base` | the last position that was compacted away |
//! | | `last` | the index of the last entry |
//! | `snapshot` | 0 | the latest snapshot; in a table of its own, because a page that it shared would be written with each vote |
//! | `log` | index | the entry at this index |

use super::StoreIdentity;
use super::database::Database;
use super::error::{Place, StoreError};
use super::record::Slot;
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::ids::{Index, Term};
use crate::core::raft::{Durable, Entry, HardState, Log, LogPosition, Snapshot};
use redb::{ReadOnlyTable, TableError};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Number of the layout that this program writes and reads.
pub(super) const FORMAT: u32 = 7;
/// The layout before orders were known: its snapshots end before the orders. It is read, and replaced when the directory is opened.
const FORMAT_6: u32 = 6;
/// The layout before stores were known: its snapshots end before the stores. As the one after it.
const FORMAT_5: u32 = 5;
/// The value under `format` in layout 1: a CRC-32, where layout 2 has eight bytes of XXH3, and the number.
const FORMAT_1: [u8; 5] = [0xc6, 0xb2, 0xb8, 0xb7, 1];

/// A table that the file of a store that holds data has, and that of a node has not.
const OF_A_SINK: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("sink");
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");
pub(super) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");

pub(super) const KEY_FORMAT: &str = "format";
pub(super) const KEY_IDENTITY: &str = "identity";
pub(super) const KEY_VOTE: &str = "vote";
pub(super) const KEY_BASE: &str = "base";
pub(super) const KEY_LAST: &str = "last";
const META_KEYS: u64 = 5;
/// The only key of the snapshot table.
pub(super) const KEY_SNAPSHOT: u64 = 0;

/// The bounds of the stored state: what is needed to place the next batch and to check it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Outline {
    pub(super) hard_state: HardState,
    /// The last position that the snapshot includes.
    pub(super) snapshot: LogPosition,
    pub(super) base: LogPosition,
    pub(super) last: LogPosition,
}

/// The inconsistent part, what was found, and what was expected.
pub(super) type Contradiction = (&'static str, String, String);

impl Outline {
    pub(super) fn of(durable: &Durable<ControlPlaneEntry>) -> Self {
        let (snapshot, log) = (durable.snapshot.last, &durable.log);
        Self { hard_state: durable.hard_state, snapshot, base: log.base(), last: log.last() }
    }

    /// Checks the invariants of every disk that a node has written. A violation means damage when a disk is
    /// read, and a bug of the caller when it is written.
    pub(super) fn check(&self) -> Result<(), Contradiction> {
        let Self { hard_state: vote, snapshot, base, last } = *self;
        let index = snapshot.index;
        let claims = [
            (base.index <= index, "the beginning of the log", base, format!("{snapshot} or before")),
            (index <= last.index, "the end of the log", last, format!("{snapshot} or after")),
            (base.term <= last.term, "the last term", last, format!("none below that of {base}")),
        ];
        for (holds, what, found, expected) in claims {
            if !holds {
                return Err((what, found.to_string(), expected));
            }
        }
        if vote.term < last.term {
            return Err((
                "the vote",
                vote.term.to_string(),
                format!("{} or later, as in the log", last.term),
            ));
        }
        Ok(())
    }
}

pub(super) const fn log_slot(key: &[u8; 8]) -> Slot<'_> {
    Slot { table: "log", key }
}

pub(super) const fn meta_slot(key: &str) -> Slot<'_> {
    Slot { table: "meta", key: key.as_bytes() }
}

pub(super) const SNAPSHOT_SLOT: Slot<'static> = Slot { table: "snapshot", key: &KEY_SNAPSHOT.to_be_bytes() };

pub(super) struct Reader<'a> {
    place: &'a Place,
    transaction: ReadTransaction,
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
}

impl<'a> Reader<'a> {
    /// Begins to read. `None`: the creation of the store was not finished.
    pub(super) fn begin(place: &'a Place, database: &Database) -> Result<Option<Self>, StoreError> {
        let transaction = database.redb.begin_read().map_err(place.redb("read"))?;
        match transaction.open_table(META) {
            Ok(meta) => Ok(Some(Self { place, transaction, meta })),
            Err(TableError::TableDoesNotExist(_)) => match transaction.open_table(OF_A_SINK) {
                Err(TableError::TableDoesNotExist(_)) => Ok(None),
                Ok(_) => Err(StoreError::OfASink { place: place.0.clone() }),
                Err(error) => Err(place.redb("read")(error)),
            },
            Err(error) => Err(place.redb("read")(error)),
        }
    }

    fn meta<T: DeserializeOwned>(&self, key: &'static str) -> Result<T, StoreError> {
        let value = self.meta.get(key).map_err(self.place.redb("read"))?;
        let Some(value) = value else {
            return Err(self.place.corrupt(key, "none", "one"));
        };
        meta_slot(key).open(self.place, key, value.value())
    }

    /// The owner of the directory. Checks the format first, since nothing else can be read in another one.
    pub(super) fn identity(&self) -> Result<StoreIdentity, StoreError> {
        match self.format()? {
            FORMAT | FORMAT_6 | FORMAT_5 => self.meta(KEY_IDENTITY),
            0 => Err(self.place.corrupt(KEY_FORMAT, 0, FORMAT)),
            found => Err(StoreError::Format { place: self.place.0.clone(), found, expected: FORMAT }),
        }
    }

    /// Whether the directory is of an earlier layout that is read.
    pub(super) fn is_older(&self) -> Result<bool, StoreError> {
        Ok(self.format()? != FORMAT)
    }

    fn format(&self) -> Result<u32, StoreError> {
        let value = self.meta.get(KEY_FORMAT).map_err(self.place.redb("read"))?;
        if value.is_some_and(|value| value.value() == FORMAT_1) { Ok(1) } else { self.meta(KEY_FORMAT) }
    }

    pub(super) fn durable(&self) -> Result<Durable<ControlPlaneEntry>, StoreError> {
        self.count("keys of meta", &self.meta, META_KEYS)?;
        let (vote, base): (HardState, LogPosition) = (self.meta(KEY_VOTE)?, self.meta(KEY_BASE)?);
        let log = self.log(base, self.meta(KEY_LAST)?)?;
        let snapshot = self.snapshot()?;
        let durable = Durable { hard_state: vote, snapshot: Arc::new(snapshot), log };
        let contradicts = |(what, found, expected)| self.place.corrupt(what, found, expected);
        Outline::of(&durable).check().map_err(contradicts)?;
        let last = durable.snapshot.last;
        let term = durable.log.term_at(last.index);
        if term != Some(last.term) {
            let found = term.map_or_else(|| "none".to_owned(), |term| term.to_string());
            return Err(self.place.corrupt(format_args!("the log's term at {last}"), found, last.term));
        }
        Ok(durable)
    }

    fn log(&self, base: LogPosition, last: Index) -> Result<Log<ControlPlaneEntry>, StoreError> {
        let place = self.place;
        let table = self.transaction.open_table(LOG).map_err(place.redb("read"))?;
        self.count("entries of the log", &table, last.since(base.index))?;
        let mut log = Log::above(base);
        for row in table.iter().map_err(place.redb("read"))? {
            let (key, value) = row.map_err(place.redb("read"))?;
            let (found, before) = (Index(key.value()), log.last());
            let at = before.index.next();
            if found != at {
                return Err(place.corrupt("the log", format_args!("an entry at {found}"), at));
            }
            let what = format!("entry {at}");
            let entry: Entry<ControlPlaneEntry> =
                log_slot(&at.0.to_be_bytes()).open(place, &what, value.value())?;
            if entry.term < before.term {
                return Err(place.corrupt(what, entry.term, format_args!("{} or later", before.term)));
            }
            log.push(entry);
        }
        if log.last().index != last {
            return Err(place.corrupt("the end of the log", log.last().index, last));
        }
        Ok(log)
    }

    fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let place = self.place;
        let table = self.transaction.open_table(SNAPSHOT).map_err(place.redb("read"))?;
        self.count("snapshots", &table, 1)?;
        let value = table.get(KEY_SNAPSHOT).map_err(place.redb("read"))?;
        let Some(value) = value else {
            return Err(place.corrupt("the snapshot", "none", "one"));
        };
        let mut snapshot: Snapshot = SNAPSHOT_SLOT.open(place, "the snapshot", value.value())?;
        let unread = |error| place.corrupt("the snapshot", error, "one that can be read");
        match self.format()? {
            FORMAT_5 => snapshot = with_stores(&snapshot).map_err(unread)?,
            FORMAT_6 => snapshot = with_orders(&snapshot).map_err(unread)?,
            _ => {}
        }
        match snapshot.applied::<ControlPlaneState>() {
            Ok(_) => Ok(snapshot),
            Err(error) => Err(place.corrupt("the snapshot", error, "one that can be read")),
        }
    }

    fn count(&self, what: &str, table: &impl ReadableTableMetadata, expected: u64) -> Result<(), StoreError> {
        let found = table.len().map_err(self.place.redb("read"))?;
        if found == expected { Ok(()) } else { Err(self.place.corrupt(what, found, expected)) }
    }
}

/// A snapshot that was encoded before stores were known, with what is known of stores and ordered now: nothing.
pub(super) fn with_stores(older: &Snapshot) -> Result<Snapshot, postcard::Error> {
    followed(older, &ControlPlaneState::without_stores()?)
}

/// A snapshot that was encoded before orders were known, with what is ordered now: nothing.
pub(super) fn with_orders(older: &Snapshot) -> Result<Snapshot, postcard::Error> {
    followed(older, &ControlPlaneState::without_orders()?)
}

fn followed(older: &Snapshot, by: &[u8]) -> Result<Snapshot, postcard::Error> {
    let bytes = [older.data.encoded()?, by].concat();
    Ok(Snapshot { data: bytes.into(), ..older.clone() })
}

/// Checks that the terms of the log do not decrease.
pub(super) fn not_below(before: Term, term: Term) -> Result<(), Contradiction> {
    if term >= before {
        return Ok(());
    }
    Err(("the term of an entry", term.to_string(), format!("{before} or later")))
}
