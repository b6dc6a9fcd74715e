//! redb, from its beginning to its end, with its panics turned into errors.

use super::error::{Place, StoreError};
use super::header::{Holds, holds, mend};
use super::metered_backend::{Gate, Meter};
use redb::{Builder, StorageBackend};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Pages kept in memory. A control plane's log and tables fit many times over.
const CACHE_BYTES: usize = 16 << 20;

/// An open file of redb.
#[derive(Debug)]
pub(super) struct Database {
    /// redb's.
    pub(super) redb: redb::Database,
    /// What goes through its backend.
    pub(super) meter: Arc<Meter>,
}

/// Opens a file, and verifies every page of it: redb does that by itself only after a crash, and the log is small.
///
/// That also rebuilds what redb knows of free pages, so no commit needs a copy of that (`set_quick_repair`).
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
    let (gate, meter) = Gate::new(backend).map_err(|error| place.io(doing, "no error", &error))?;
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check);
    let redb = builder.create_with_backend(gate).map_err(place.redb(doing))?;
    Ok(Database { redb, meter })
}

/// What is on a backend; everything that is there to be opened is [`Holds::Something`].
pub(super) fn look(place: &Place, backend: &impl StorageBackend) -> Result<Holds, StoreError> {
    holds(backend).map_err(|error| place.io("read", "no error", &error))
}

/// Runs something that calls redb. A file that was damaged in a way that redb did not expect makes it panic, in debug
/// builds more readily; that must stop this node as any other damage does, and not the thread that happened to read.
///
/// Whatever it was working on is in no known state then: the caller drops it, and does not go on with it.
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
    /// Closes it, and notes that all is in order.
    pub(super) fn close(self, place: &Place) -> Result<(), StoreError> {
        guarded(place, || self.redb.close().map_err(place.redb("close")))
    }

    /// Leaves it as it is on the disk.
    pub(super) fn abandon(self, place: &Place) {
        self.meter.shut();
        // What it says to that is known.
        let _ = self.close(place);
    }
}
