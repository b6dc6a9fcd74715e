//! The durable state of a node: its hard state (term and vote), its snapshot, and its log.
//!
//! [`Store`] writes the batches of [`crate::core::raft`], and reads them back as a [`Durable`]. Its calls
//! block until the disk is done. It stores everything in one file of redb, an embedded database with atomic
//! transactions.
//!
//! Guarantees:
//!
//! - What [`Store::write`] acknowledged survives any crash. A batch is there in full or not at all.
//! - Damage is an error that stops the node, never a shorter log: a node that restarts with less than it
//!   acknowledged could vote against it, or acknowledge something else in its place. The error says how to
//!   rebuild the node.
//! - After a failed write nothing more is written, since what is on disk is then unknown (a failed sync may
//!   have dropped dirty pages: Rebello et al., "Can applications recover from fsync failures?", ATC 2020).
//!   Opening the directory again shows what is there.
//! - A directory is opened only by the node that created it, and by one process at a time.
//!
//! | part | what it does |
//! | --- | --- |
//! | `directory.rs` | the file, its lock, and its creation |
//! | `redb_header.rs`, `database.rs` | opens redb, with checks that redb does not make itself |
//! | `metered_backend.rs`, `block_checksums.rs` | the backend under redb, with counters and checksums |
//! | `layout.rs`, `record.rs` | tables and values, read and verified |
//! | `opening.rs` | creates a file, or reads it back |
//! | `change.rs` | writes batches as one transaction |
//! | `backup.rs` | the format of a backup file |
//! | `error.rs` | errors, one line each |
//!
//! May import: `core::ids`, `core::raft`, `core::control_plane`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "the edge: files")]

pub mod backup;
mod block_checksums;
mod change;
pub(crate) mod database;
pub(crate) mod directory;
pub(crate) mod error;
mod layout;
mod metered_backend;
mod opening;
pub(crate) mod record;
mod redb_header;

use crate::core::control_plane::ControlPlaneEntry;
use crate::core::ids::{DirectoryId, NodeId};
use crate::core::raft::{Batch, Durable};
use database::Database;
use error::Place;
pub use error::StoreError;
use layout::Outline;
use metered_backend::Meter;
use redb::StorageBackend;
use redb_header::Holds;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// The owner of a data directory, and the directory's own id. No other node may open it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StoreIdentity {
    /// The id of the node.
    pub node: NodeId,
    /// The id of the directory, drawn when it was made.
    pub directory: DirectoryId,
}

impl fmt::Display for StoreIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.node, self.directory)
    }
}

#[derive(Debug)]
enum Disk {
    Open(Database),
    /// A write failed. Every later call returns this error.
    Failed(StoreError),
}

/// An open data directory. Dropping it closes it, and ignores errors.
#[derive(Debug)]
pub struct Store {
    place: Place,
    identity: StoreIdentity,
    disk: Disk,
    outline: Outline,
}

impl Store {
    /// Creates a data directory with the initial state of a node. A crash during the creation leaves no data
    /// directory.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one already, [`StoreError::Refused`] if the state is inconsistent,
    /// or an error of the file system.
    pub fn create(
        directory: &Path,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let place = directory::place(directory);
        if directory::is_founded(directory) {
            return Err(place.exists(opening::owner_text(Self::identify(directory))));
        }
        let unfounded = directory::begin(directory)?;
        let store = Self::found(place, unfounded.backend()?, identity, durable)?;
        unfounded.publish()?;
        Ok(store)
    }

    /// Creates a store on a backend, as [`Store::create`] does in a directory. A backend with an unfinished
    /// creation counts as empty.
    ///
    /// # Errors
    /// As for [`Store::create`].
    pub fn create_on(
        backend: impl StorageBackend,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let place = on_backend();
        match database::look(&place, &backend)? {
            Holds::Nothing => {}
            Holds::Unfinished => {
                backend.set_len(0).map_err(|error| place.io("write to", "no error", &error))?
            }
            Holds::Something => return Self::found_over(place, backend, identity, durable),
        }
        Self::found(place, backend, identity, durable)
    }

    /// Opens the data directory of a node, and reads and verifies all of its content.
    ///
    /// # Errors
    /// [`StoreError`] if the directory is missing, in use, damaged, another node's or of another format, or
    /// cannot be read.
    pub fn open(directory: &Path, node: NodeId) -> Result<(Self, Durable<ControlPlaneEntry>), StoreError> {
        let place = directory::place(directory);
        let file = directory::open(directory)?;
        Self::read(place.clone(), file, node).map_err(|error| opening::named(&place, error))
    }

    /// Opens a store on a backend, as [`Store::open`] does in a directory.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        node: NodeId,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StoreError> {
        Self::read(on_backend(), backend, node)
    }

    /// The owner of the directory, and the directory's id.
    #[must_use]
    pub const fn identity(&self) -> StoreIdentity {
        self.identity
    }

    /// Reads the owner of a data directory. The directory is opened for that, so no other process may have it
    /// open.
    ///
    /// # Errors
    /// [`StoreError`] if the directory is missing, in use, damaged or of another format, or cannot be read.
    pub fn identify(directory: &Path) -> Result<StoreIdentity, StoreError> {
        let place = directory::place(directory);
        let begun = opening::begin(&place, directory::open(directory)?, |reader| reader.identity());
        let (identity, database) = begun.map_err(|error| opening::named(&place, error))?;
        database.close(&place)?;
        Ok(identity)
    }

    /// Writes the batches in order, all or none, and returns once they are durable. The state on disk is then
    /// the one that [`Durable::write`] computes.
    ///
    /// # Errors
    /// The first error of this store. From then on every call returns it, without touching the disk.
    pub fn write(&mut self, batches: &[Batch<ControlPlaneEntry>]) -> Result<(), StoreError> {
        let database = match &self.disk {
            Disk::Open(database) => database,
            Disk::Failed(error) => return Err(error.clone()),
        };
        if batches.is_empty() {
            return Ok(());
        }
        let (place, outline) = (&self.place, self.outline);
        match database::guarded(place, || change::write(place, database, outline, batches)) {
            Ok(outline) => {
                self.outline = outline;
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "the store takes no further writes");
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Closes the store cleanly, so that the next opening need not repair it. Dropping it does the same, and
    /// ignores errors.
    ///
    /// # Errors
    /// The error of closing the file, or of an earlier write.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), StoreError> {
        let closed = self.place.missing("it closed", "it open");
        match std::mem::replace(&mut self.disk, Disk::Failed(closed)) {
            Disk::Open(database) => database.close(&self.place),
            Disk::Failed(error) => Err(error),
        }
    }

    /// Bytes of the file; 0 once the store has failed.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.metered(Meter::size_bytes)
    }

    /// Bytes written since the store was opened; 0 once it has failed.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.metered(Meter::written_bytes)
    }

    /// Syncs since the store was opened; 0 once it has failed.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.metered(Meter::syncs)
    }

    fn metered(&self, read: impl Fn(&Meter) -> u64) -> u64 {
        match &self.disk {
            Disk::Open(database) => read(&database.meter),
            Disk::Failed(_) => 0,
        }
    }

    /// Drops redb without another write, and keeps the error for later calls.
    fn fail(&mut self, error: StoreError) {
        if let Disk::Open(database) = std::mem::replace(&mut self.disk, Disk::Failed(error)) {
            database.abandon(&self.place);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Without this, redb would close itself when dropped, and could panic over damage that has not been
        // read yet.
        let _ = self.end();
    }
}

/// Draws the id of a data directory, a cluster or a history from the operating system. The numbers below 2^16 are left to
/// tests, which count.
///
/// # Errors
/// [`StoreError::Io`], if the operating system has no random numbers.
pub fn draw_id() -> Result<u64, StoreError> {
    loop {
        let drawn = getrandom::u64().map_err(|error| {
            Place("an id".to_owned()).io("draw", "random numbers", &std::io::Error::from(error))
        })?;
        if drawn > u64::from(u16::MAX) {
            return Ok(drawn);
        }
    }
}

fn on_backend() -> Place {
    Place("the backend".to_owned())
}
