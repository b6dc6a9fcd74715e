//! What a node keeps on its disk: its vote, its snapshot, and its log.
//!
//! [`Store`] writes the batches of [`crate::core::raft`] and reads them back as a [`Durable`]. It is synchronous: whoever calls
//! it waits for the disk, and tells the node of it afterwards. It rests on redb, so on one file, with transactions that
//! are there in full or not at all.
//!
//! What it promises:
//!
//! - What [`Store::write`] acknowledged is there after any crash, and nothing is there in part.
//! - Damage is an error that stops the node, never a shorter log: a node that came back with less than it acknowledged
//!   could vote or count against it. The error says how to rebuild the node.
//! - After a failed write nothing more is written. What is on the disk is not known then (a sync that failed may have
//!   dropped the pages: Rebello et al., "Can applications recover from fsync failures?", ATC 2020); opening it again
//!   tells.
//! - A directory is opened by the node, in the life, that founded it, and by one process at a time.
//!
//! | part | what it does |
//! | --- | --- |
//! | `directory.rs` | the file, its lock, and how it comes into being |
//! | `header.rs`, `database.rs` | redb opened, with what it does not check by itself |
//! | `gate.rs`, `blocks.rs` | its way to the disk, measured and verified |
//! | `layout.rs`, `record.rs` | tables and values, read and verified |
//! | `opening.rs` | a file founded, or read back |
//! | `change.rs` | batches into one transaction |
//! | `backup.rs` | what was committed, in a file of its own |
//! | `error.rs` | what went wrong, in one line |
//!
//! May import: `core::ids`, `core::raft`, `core::control_plane`.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "files are its business")]

pub mod backup;
mod block_checksums;
mod change;
mod database;
mod directory;
mod error;
mod header;
mod layout;
mod metered_backend;
mod opening;
mod record;

use crate::core::control_plane::ControlPlaneEntry;
use crate::core::ids::{ClusterId, Incarnation, NodeId};
use crate::core::raft::{Batch, Durable};
use database::Database;
use error::Place;
pub use error::StoreError;
use header::Holds;
use layout::Outline;
use metered_backend::Meter;
use redb::StorageBackend;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Whose a data directory is: one node of one cluster, in one life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StoreIdentity {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
}

impl fmt::Display for StoreIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} of {}", self.node, self.incarnation, self.cluster)
    }
}

#[derive(Debug)]
enum Disk {
    Open(Database),
    /// Never written again.
    Failed(StoreError),
}

/// An open data directory.
#[derive(Debug)]
pub struct Store {
    place: Place,
    disk: Disk,
    outline: Outline,
}

impl Store {
    /// Founds a data directory with what a node begins with. A crash on the way leaves none.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one, [`StoreError::Refused`] if that is nothing to begin with, and whatever the
    /// file system says.
    pub fn create(
        directory: &Path,
        identity: &StoreIdentity,
        durable: &Durable<ControlPlaneEntry>,
    ) -> Result<Self, StoreError> {
        let place = directory::place(directory);
        if directory::is_founded(directory) {
            return Err(place.exists(opening::whose(Self::identify(directory))));
        }
        let unfounded = directory::begin(directory)?;
        let store = Self::found(place, unfounded.backend()?, identity, durable)?;
        unfounded.publish()?;
        Ok(store)
    }

    /// The same on a backend. One that a creation has begun and not ended counts as empty.
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

    /// Opens the data directory of this node, and reads all of it.
    ///
    /// # Errors
    /// [`StoreError`]: it is missing, another's, in use, of a later format, damaged, or cannot be read.
    pub fn open(
        directory: &Path,
        identity: &StoreIdentity,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StoreError> {
        let place = directory::place(directory);
        let file = directory::open(directory)?;
        Self::read(place.clone(), file, identity).map_err(|error| opening::named(&place, error))
    }

    /// The same on a backend.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_on(
        backend: impl StorageBackend,
        identity: &StoreIdentity,
    ) -> Result<(Self, Durable<ControlPlaneEntry>), StoreError> {
        Self::read(on_backend(), backend, identity)
    }

    /// Whose a data directory is. It is opened for that, and so must not be in use, and closed again.
    ///
    /// # Errors
    /// [`StoreError`]: it is missing, in use, of a later format, damaged, or cannot be read.
    pub fn identify(directory: &Path) -> Result<StoreIdentity, StoreError> {
        let place = directory::place(directory);
        let begun = opening::begin(&place, directory::open(directory)?, |reader| reader.identity());
        let (identity, database) = begun.map_err(|error| opening::named(&place, error))?;
        database.close(&place)?;
        Ok(identity)
    }

    /// Writes these batches in their order, all of them or none, and returns once they are durable. The disk is then as
    /// [`Durable::write`] would have left it.
    ///
    /// # Errors
    /// What failed. From then on every call fails with the same, without touching the disk.
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

    /// Closes it in order, so that the next opening has nothing to repair. To drop it does the same, and says nothing.
    ///
    /// # Errors
    /// What failed, now or earlier.
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

    /// The length of its file. 0 once it has failed.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.metered(Meter::size_bytes)
    }

    /// What was written to the disk since it was opened. 0 once it has failed.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.metered(Meter::written_bytes)
    }

    /// How often the disk was synced since it was opened. 0 once it has failed.
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

    /// Takes redb away from it.
    fn fail(&mut self, error: StoreError) {
        if let Disk::Open(database) = std::mem::replace(&mut self.disk, Disk::Failed(error)) {
            database.abandon(&self.place);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // redb would close itself, and might panic over damage that nobody has read yet.
        let _ = self.end();
    }
}

fn on_backend() -> Place {
    Place("the backend".to_owned())
}
