//! Opens and closes redb, and turns its panics into errors.

use super::error::{Place, StoreError};
use super::metered_backend::{Meter, MeteredBackend};
use super::redb_header::{Holds, holds, mend};
use redb::{Builder, StorageBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Size of redb's page cache: several times the log and tables of a control plane.
const CACHE_BYTES: usize = 16 << 20;

/// An open redb database.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) redb: redb::Database,
    pub(super) meter: Arc<Meter>,
}

/// Opens an existing file, and verifies every page of it. redb by itself does so only after a crash.
///
/// The check also rebuilds redb's table of free pages, so no commit needs to store it (`set_quick_repair`).
pub(crate) fn open(place: &Place, backend: impl StorageBackend) -> Result<Database, StoreError> {
    mend(&backend).map_err(|error| place.io("open", "no error", &error))?;
    start(place, "open", backend, true)
}

/// Creates a database on an empty backend.
pub(crate) fn create(place: &Place, backend: impl StorageBackend) -> Result<Database, StoreError> {
    start(place, "create", backend, false)
}

fn start(
    place: &Place,
    doing: &'static str,
    backend: impl StorageBackend,
    check: bool,
) -> Result<Database, StoreError> {
    let (backend, meter) =
        MeteredBackend::new(backend).map_err(|error| place.io(doing, "no error", &error))?;
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
    let redb = builder.create_with_backend(backend).map_err(place.redb(doing))?;
    Ok(Database { redb, meter })
}

pub(super) fn look(place: &Place, backend: &impl StorageBackend) -> Result<Holds, StoreError> {
    holds(backend).map_err(|error| place.io("read", "no error", &error))
}

/// Turns a panic of redb into [`StoreError::Corrupt`]. redb panics over damage that it does not expect, more
/// often in debug builds; the node must stop as for any other damage.
///
/// After an error the caller must drop the database, since its state is unknown.
pub(crate) fn guarded<T>(
    place: &Place,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "a panic without a message".to_owned());
        Err(place.corrupt("redb panicked", format_args!("{text:?}"), "a valid redb file"))
    })
}

impl Database {
    /// Closes the database cleanly, so that the next opening need not repair it.
    pub(crate) fn close(self, place: &Place) -> Result<(), StoreError> {
        guarded(place, || self.redb.close().map_err(place.redb("close")))
    }

    /// Drops the database without another write.
    pub(crate) fn abandon(self, place: &Place) {
        self.meter.shut();
        // Closing fails, because the backend refuses the write.
        let _ = self.close(place);
    }
}
