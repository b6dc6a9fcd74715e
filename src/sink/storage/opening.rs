//! Makes a [`Storage`]: creates a directory, or reads an existing one.

use super::tables::{
    self, CHANGES, FENCES, FORMAT, KEY_BEGINNING, KEY_ENFORCEMENT, KEY_FORMAT, KEY_IDENTITY, META, ROWS,
    SESSIONS, meta_slot,
};
use super::{Beginning, Disk, Partition, Setup, SinkIdentity, Storage, StorageError};
use crate::core::fence::{Config, Durable, Enforcement, Fence, FenceLimits, Window};
use crate::core::ids::{PartitionId, Placement, SessionId};
use crate::node::store::StoreError;
use crate::node::store::database::{self, Database, guarded};
use crate::node::store::directory;
use crate::node::store::error::Place;
use crate::node::store::record::Slot;
use redb::{Durability, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend, TableError};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

impl Storage {
    /// Creates the directory of a store. A crash during the creation leaves none.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one already, or an error of the file system.
    pub fn create(
        directory: &Path,
        identity: SinkIdentity,
        setup: Setup,
        beginning: &Beginning,
    ) -> Result<Self, StorageError> {
        let place = directory::place(directory);
        let unfounded = directory::begin(directory)?;
        let storage = Self::make(place, unfounded.backend()?, identity, setup, beginning)?;
        unfounded.publish()?;
        Ok(storage)
    }

    /// Opens the directory of a store, and verifies its fences. Rows and changes are verified as they are read; redb verifies their pages.
    ///
    /// # Errors
    /// [`StorageError`] if the directory is missing, in use, damaged, another store's or of another format, or cannot be read.
    pub fn open(directory: &Path, store: Placement, setup: Setup) -> Result<Self, StorageError> {
        let place = directory::place(directory);
        let backend = directory::open(directory)?;
        Self::take(place, backend, |found, place| expected(found, place, store, setup))
    }

    /// Opens the directory of a store, whichever it is, as what it was created for: for whoever compares [`Storage::beginning`] with what is
    /// configured.
    ///
    /// # Errors
    /// As for [`Storage::open`].
    pub fn open_any(directory: &Path, limits: FenceLimits) -> Result<Self, StorageError> {
        let place = directory::place(directory);
        let backend = directory::open(directory)?;
        Self::take(place, backend, |found, _| Ok(Setup { enforcement: found.enforcement, limits }))
    }

    /// Creates a store on an empty backend, as [`Storage::create`] does in a directory.
    ///
    /// # Errors
    /// As for [`Storage::create`].
    pub fn create_on(
        backend: impl StorageBackend,
        identity: SinkIdentity,
        setup: Setup,
        beginning: &Beginning,
    ) -> Result<Self, StorageError> {
        Self::make(on_backend(), backend, identity, setup, beginning)
    }

    /// Opens a store on a backend, as [`Storage::open`] does in a directory.
    ///
    /// # Errors
    /// As for [`Storage::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        store: Placement,
        setup: Setup,
    ) -> Result<Self, StorageError> {
        Self::take(on_backend(), backend, |found, place| expected(found, place, store, setup))
    }

    fn make(
        place: Place,
        backend: impl StorageBackend,
        identity: SinkIdentity,
        setup: Setup,
        beginning: &Beginning,
    ) -> Result<Self, StorageError> {
        let database = guarded(&place, || database::create(&place, backend))?;
        if let Err(error) =
            guarded(&place, || found(&place, &database, (identity, setup.enforcement), beginning))
        {
            database.abandon(&place);
            return Err(error.into());
        }
        let (beginning, partitions) = (beginning.clone(), BTreeMap::new());
        Ok(Self { place, identity, setup, beginning, disk: Disk::Open(database), partitions })
    }

    fn take(
        place: Place,
        backend: impl StorageBackend,
        accept: impl FnOnce(&Found, &Place) -> Result<Setup, StorageError>,
    ) -> Result<Self, StorageError> {
        let database = guarded(&place, || database::open(&place, backend))?;
        let read = guarded(&place, || read(&place, &database)).map_err(StorageError::from);
        match read.and_then(|found| Ok((accept(&found, &place)?, found))) {
            Ok((setup, found)) => {
                let Found { identity, beginning, outlines, mut sessions, .. } = found;
                let empty = BTreeMap::new();
                let mut storage =
                    Self { place, identity, setup, beginning, disk: Disk::Open(database), partitions: empty };
                for (id, (outline, bytes)) in outlines {
                    let of_it = sessions.remove(&id).unwrap_or_default();
                    let partition = recovered(storage.config(id), outline, bytes, of_it);
                    storage.partitions.insert(id, partition);
                }
                Ok(storage)
            }
            Err(error) => {
                database.abandon(&place);
                Err(error)
            }
        }
    }
}

/// What is kept to, if the directory is that of the store that opens it.
fn expected(found: &Found, place: &Place, store: Placement, setup: Setup) -> Result<Setup, StorageError> {
    let place = place.0.clone();
    if found.identity.store != store {
        return Err(StorageError::Foreign { place, found: found.identity, expected: store });
    }
    let (found, expected) = (found.enforcement, setup.enforcement);
    if found == expected { Ok(setup) } else { Err(StorageError::OtherEnforcement { place, found, expected }) }
}

fn on_backend() -> Place {
    Place("the backend".to_owned())
}

fn recovered(
    config: Config,
    outline: Durable,
    bytes: Vec<u8>,
    sessions: BTreeMap<SessionId, Window>,
) -> Partition {
    let stamps = sessions.iter().map(|(session, window)| (*session, window.stamp())).collect();
    let fence = Fence::recover(config, outline.with_sessions(sessions));
    Partition { fence, began: None, outline: bytes, sessions: stamps }
}

fn found(
    place: &Place,
    database: &Database,
    (identity, enforcement): (SinkIdentity, Enforcement),
    beginning: &Beginning,
) -> Result<(), StoreError> {
    let failed = "write to";
    let mut transaction = database.redb.begin_write().map_err(place.redb(failed))?;
    transaction.set_durability(Durability::Immediate).map_err(place.redb(failed))?;
    transaction.set_two_phase_commit(true);
    {
        let mut meta = transaction.open_table(META).map_err(place.redb(failed))?;
        let values = [
            (KEY_FORMAT, meta_slot(KEY_FORMAT).seal(place, &FORMAT)?),
            (KEY_IDENTITY, meta_slot(KEY_IDENTITY).seal(place, &identity)?),
            (KEY_ENFORCEMENT, meta_slot(KEY_ENFORCEMENT).seal(place, &enforcement)?),
            (KEY_BEGINNING, meta_slot(KEY_BEGINNING).seal(place, beginning)?),
        ];
        for (key, value) in &values {
            meta.insert(*key, value.as_slice()).map_err(place.redb(failed))?;
        }
        transaction.open_table(FENCES).map_err(place.redb(failed))?;
        transaction.open_table(SESSIONS).map_err(place.redb(failed))?;
        transaction.open_table(ROWS).map_err(place.redb(failed))?;
        transaction.open_table(CHANGES).map_err(place.redb(failed))?;
    }
    transaction.commit().map_err(place.redb(failed))
}

/// What a file has.
struct Found {
    identity: SinkIdentity,
    enforcement: Enforcement,
    beginning: Beginning,
    /// The outline of each partition, with its stored bytes.
    outlines: BTreeMap<PartitionId, (Durable, Vec<u8>)>,
    sessions: BTreeMap<PartitionId, BTreeMap<SessionId, Window>>,
}

fn read(place: &Place, database: &Database) -> Result<Found, StoreError> {
    let transaction = database.redb.begin_read().map_err(place.redb("read"))?;
    // The format comes first: nothing else can be read if it is another one.
    let format: u32 = meta(place, &transaction, KEY_FORMAT)?;
    if format != FORMAT {
        return Err(StoreError::Format { place: place.0.clone(), found: format, expected: FORMAT });
    }
    let (identity, enforcement) =
        (meta(place, &transaction, KEY_IDENTITY)?, meta(place, &transaction, KEY_ENFORCEMENT)?);
    let beginning = meta(place, &transaction, KEY_BEGINNING)?;
    let mut outlines = BTreeMap::new();
    let fences = transaction.open_table(FENCES).map_err(place.redb("read"))?;
    for entry in fences.iter().map_err(place.redb("read"))? {
        let (partition, stored) = entry.map_err(place.redb("read"))?;
        let partition = partition.value();
        let outline: Durable = tables::open_fence(place, partition, stored.value())?;
        outlines.insert(PartitionId(partition), (outline, stored.value().to_vec()));
    }
    let mut sessions: BTreeMap<PartitionId, BTreeMap<SessionId, Window>> = BTreeMap::new();
    let stored = transaction.open_table(SESSIONS).map_err(place.redb("read"))?;
    for entry in stored.iter().map_err(place.redb("read"))? {
        let (at, stored) = entry.map_err(place.redb("read"))?;
        let (partition, session) = at.value();
        let window: Window = tables::open_session(place, (partition, session), stored.value())?;
        sessions.entry(PartitionId(partition)).or_default().insert(SessionId(session), window);
    }
    Ok(Found { identity, enforcement, beginning, outlines, sessions })
}

fn meta<T: DeserializeOwned>(
    place: &Place,
    transaction: &ReadTransaction,
    key: &'static str,
) -> Result<T, StoreError> {
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => {
            return Err(place.missing("no table `sink`", "the file of a store that holds data"));
        }
        Err(error) => return Err(place.redb("read")(error)),
    };
    let stored = table.get(key).map_err(place.redb("read"))?;
    let Some(stored) = stored else { return Err(place.corrupt(key, "none", "one")) };
    let slot: Slot<'_> = meta_slot(key);
    slot.open(place, key, stored.value())
}
