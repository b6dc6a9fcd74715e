//! Makes a [`Store`] from a backend: creates one, or reads an existing one.

use super::database::{self, Database};
use super::error::{Place, StoreError};
use super::layout::{Outline, Reader};
use super::redb_header::Holds;
use super::{Disk, Store, StoreIdentity, change};
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::ids::NodeId;
use crate::core::raft::Durable;
use redb::StorageBackend;

const UNFINISHED: &str = "an unfinished creation";
const FINISHED: &str = "a finished one";

impl Store {
    /// Creates a store on an empty backend.
    pub(super) fn found(
        place: Place,
        backend: impl StorageBackend,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let database = database::guarded(&place, || database::create(&place, backend))?;
        Self::fill(place, database, identity, durable)
    }

    /// Creates a store on a backend with a redb file, if that has no tables of a store.
    pub(super) fn found_over(
        place: Place,
        backend: impl StorageBackend,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let opened = database::guarded(&place, || database::open(&place, backend));
        let database = opened.map_err(|error| place.exists(owner_text(Err(error))))?;
        let read = |place: &Place, database: &Database| {
            Ok(Reader::begin(place, database)?.map(|reader| reader.identity()))
        };
        let (found, database) = with(&place, database, read)?;
        match found {
            Some(found) => {
                database.abandon(&place);
                Err(place.exists(owner_text(found)))
            }
            None => Self::fill(place, database, identity, durable),
        }
    }

    fn fill(
        place: Place,
        database: Database,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let fill = |place: &Place, database: &Database| change::found(place, database, identity, durable);
        let (outline, database) = with(&place, database, fill)?;
        Ok(Self { place, identity: *identity, disk: Disk::Open(database), outline })
    }

    pub(super) fn read(
        place: Place,
        backend: impl StorageBackend,
        expected: NodeId,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StoreError> {
        let ((identity, durable, is_older), database) = begin(&place, backend, |reader| {
            let found = reader.identity()?;
            if found.node != expected {
                return Err(StoreError::Foreign { place: place.0.clone(), found, expected });
            }
            Ok((found, reader.durable()?, reader.is_older()?))
        })?;
        let database = if is_older {
            let renew = |place: &Place, database: &Database| change::renew(place, database, &durable);
            with(&place, database, renew)?.1
        } else {
            database
        };
        let outline = Outline::of(&durable);
        Ok((Self { place, identity, disk: Disk::Open(database), outline }, durable))
    }
}

pub(super) fn begin<T>(
    place: &Place,
    backend: impl StorageBackend,
    read: impl FnOnce(&Reader<'_>) -> Result<T, StoreError>,
) -> Result<(T, Database), StoreError> {
    match database::look(place, &backend)? {
        Holds::Nothing => return Err(place.missing("nothing", FINISHED)),
        Holds::Unfinished => return Err(place.missing(UNFINISHED, FINISHED)),
        Holds::Something => {}
    }
    let database = database::guarded(place, || database::open(place, backend))?;
    with(place, database, |place, database| {
        let reader = Reader::begin(place, database)?;
        read(&reader.ok_or_else(|| place.missing(UNFINISHED, FINISHED))?)
    })
}

/// For a file under its final name, turns `Missing` into `Corrupt`: the file was complete when it was
/// renamed.
pub(super) fn named(place: &Place, error: StoreError) -> StoreError {
    if let StoreError::Missing { found, expected, .. } = &error {
        return place.corrupt("its file", found, expected);
    }
    error
}

/// Calls a function with the database. After an error, drops the database without another write.
fn with<T>(
    place: &Place,
    database: Database,
    call: impl FnOnce(&Place, &Database) -> Result<T, StoreError>,
) -> Result<(T, Database), StoreError> {
    match database::guarded(place, || call(place, &database)) {
        Ok(value) => Ok((value, database)),
        Err(error) => {
            database.abandon(place);
            Err(error)
        }
    }
}

/// The owner of an existing data directory, as text for a message.
pub(super) fn owner_text(found: Result<StoreIdentity, StoreError>) -> String {
    match found {
        Ok(identity) => format!("that of {identity}"),
        Err(error) => format!("one that does not open ({error})"),
    }
}
