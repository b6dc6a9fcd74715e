//! redb opened and closed, with its panics turned into errors.

use super::error::{Place, StoreError};
use super::header::{Holds, holds, mend};
use super::metered_backend::{Meter, MeteredBackend};
use redb::{Builder, StorageBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Pages kept in memory: many times the log and the tables of a control plane.
const CACHE_BYTES: usize = 16 << 20;

/// An open file of redb.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) redb: redb::Database,
    pub(super) meter: Arc<Meter>,
}

/// Opens a file, and verifies every page of it, which redb does by itself only after a crash.
///
/// That also rebuilds redb's table of free pages, so that no commit needs to store it (`set_quick_repair`).
pub(super) fn open(place: &Place, backend: impl StorageBackend) -> Result<Database, StoreError> {
    mend(&backend).map_err(|error| place.io("open", "no error", &error))?;
    start(place, "open", backend, true)
}

/// Makes a new file on a backend that holds nothing.
pub(super) fn create(place: &Place, backend: impl StorageBackend) -> Result<Database, StoreError> {
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

/// Turns a panic of redb into [`StoreError::Corrupt`]: damage that redb does not expect makes it panic, more often in debug
/// builds, and must stop the node as any other damage does.
///
/// After an error the caller must drop the database: its state is not known.
pub(super) fn guarded<T>(
    place: &Place,
    call: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        let text = text.unwrap_or_else(|| "no words".to_owned());
        Err(place.corrupt("redb gave up", format_args!("{text:?}"), "a whole file of redb"))
    })
}

impl Database {
    /// Closes it in order, so that the next opening has nothing to repair.
    pub(super) fn close(self, place: &Place) -> Result<(), StoreError> {
        guarded(place, || self.redb.close().map_err(place.redb("close")))
    }

    /// Drops it without another write.
    pub(super) fn abandon(self, place: &Place) {
        self.meter.shut();
        // It fails, because the backend refuses the write.
        let _ = self.close(place);
    }
}
