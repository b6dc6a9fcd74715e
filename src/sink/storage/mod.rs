//! The fences and the data of all partitions of a store, in one file of redb.
//!
//! [`Storage`] hands inputs to the machine of their partition ([`Fence`]), performs what it asks for, and makes all of it durable in one
//! transaction: a group of inputs is one commit. What the machine wants sent is returned once that commit is on disk. Its calls block until
//! then.
//!
//! Guarantees:
//!
//! - What was returned survives any crash: a write that was said to be applied, a value that was read, a chunk that was handed over.
//! - A group is there in full or not at all: rows, changes, write ids and fences change together.
//! - Damage is an error that names what was found and expected. A value that does not match its checksum is never served.
//! - After a failed write nothing more is written or answered, since what is on disk is then unknown. Opening the directory again shows it.
//! - A directory is opened only as the store that it was created for, and by one process at a time.
//!
//! | part | what it does |
//! | --- | --- |
//! | `group.rs` | one group of inputs in one transaction |
//! | `tables.rs` | tables, keys and values |
//! | `opening.rs` | creates a directory, or reads it back |
//! | `error.rs` | errors, one line each |
//!
//! May import: `core::ids`, `core::fence`, `node::store`.

mod error;
mod group;
mod opening;
mod tables;

pub use crate::core::fence::Effect;
use crate::core::fence::{Config, Enforcement, Fence, FenceLimits, Input};
use crate::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId,
};
use crate::node::store::database::Database;
use crate::node::store::error::Place;
pub use error::StorageError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Which store a directory belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct SinkIdentity {
    /// The placement that the store is known by.
    pub store: Placement,
    /// The incarnation of the directory, drawn when it was created.
    pub incarnation: Incarnation,
}

impl fmt::Display for SinkIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.store, self.incarnation)
    }
}

/// What a store keeps to. The limits may change from one start to the next, apart from those of what is remembered of writes, which all stores
/// have to share. Whether tokens are checked may not: a store that was sealed, and checks none from then on, takes writes that its receipt excludes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setup {
    /// Whether tokens are checked.
    pub enforcement: Enforcement,
    /// Limits of each partition.
    pub limits: FenceLimits,
}

/// What the log had committed when a directory was created. A store that is new, or lost its data, may have held a partition before, and
/// starts closed to all that was so far (ADR 0011).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Beginning {
    /// Who the store is to the log: the subject of its certificate and its store id.
    pub known_as: String,
    /// The last migration that had begun.
    pub migration: MigrationId,
    /// The highest epoch of a partition that has no record any more.
    pub epoch: Epoch,
    /// The epochs of the partitions that have a record.
    pub partitions: BTreeMap<PartitionId, Epoch>,
}

impl Beginning {
    /// The beginning of a cluster: no partition was ever created.
    pub const EMPTY: Self = Self {
        known_as: String::new(),
        migration: MigrationId::ZERO,
        epoch: Epoch::ZERO,
        partitions: BTreeMap::new(),
    };

    fn fence(&self, config: Config) -> Fence {
        let epoch = self.partitions.get(&config.partition).copied().unwrap_or(self.epoch);
        Fence::returned(config, epoch, self.migration)
    }
}

/// One partition: its machine, and what the file has of it.
#[derive(Debug)]
struct Partition {
    fence: Fence,
    /// The machine of a partition that the store does not know; `None` once there is something to keep.
    began: Option<Fence>,
    /// The stored bytes of the outline. Empty: nothing is stored.
    outline: Vec<u8>,
    /// The stored sessions.
    sessions: BTreeMap<SessionId, (Position, Serial)>,
}

#[derive(Debug)]
enum Disk {
    Open(Database),
    /// A write failed. Every later call returns this error.
    Failed(StorageError),
}

/// An open directory of a store. Dropping it closes it, and ignores errors.
#[derive(Debug)]
pub struct Storage {
    place: Place,
    identity: SinkIdentity,
    setup: Setup,
    beginning: Beginning,
    disk: Disk,
    partitions: BTreeMap<PartitionId, Partition>,
}

impl Storage {
    /// The store that the directory belongs to.
    #[must_use]
    pub const fn identity(&self) -> SinkIdentity {
        self.identity
    }

    /// Whether the store checks tokens.
    #[must_use]
    pub const fn enforcement(&self) -> Enforcement {
        self.setup.enforcement
    }

    /// What the log had committed when the directory was created.
    #[must_use]
    pub const fn beginning(&self) -> &Beginning {
        &self.beginning
    }

    /// The machine of a partition; `None` if the store has never been asked about it.
    #[must_use]
    pub fn fence(&self, partition: PartitionId) -> Option<&Fence> {
        self.partitions.get(&partition).map(|known| &known.fence)
    }

    /// The partitions that the store has been asked about, with their machines.
    pub fn fences(&self) -> impl Iterator<Item = (PartitionId, &Fence)> {
        self.partitions.iter().map(|(id, known)| (*id, &known.fence))
    }

    /// Handles the inputs in order, and returns once all that they changed is durable: for each input, what is to be done about it. An
    /// admitted write is applied at once.
    ///
    /// # Errors
    /// The first error of this storage. From then on every call returns it, without touching the disk.
    pub fn perform(&mut self, inputs: &[(PartitionId, Input)]) -> Result<Vec<Vec<Effect>>, StorageError> {
        match self.group(inputs) {
            Ok(effects) => Ok(effects),
            Err(error) => {
                tracing::error!(%error, "the store takes no further requests");
                self.fail(error.clone());
                Err(error)
            }
        }
    }

    /// Closes the file, so that the next opening need not repair it.
    ///
    /// # Errors
    /// An error of the file system, or the one that ended the storage.
    pub fn close(self) -> Result<(), StorageError> {
        match self.disk {
            Disk::Open(database) => Ok(database.close(&self.place)?),
            Disk::Failed(error) => Err(error),
        }
    }

    fn fail(&mut self, error: StorageError) {
        if let Disk::Open(database) = std::mem::replace(&mut self.disk, Disk::Failed(error)) {
            database.abandon(&self.place);
        }
    }

    fn config(&self, partition: PartitionId) -> Config {
        let (SinkIdentity { store, incarnation }, Setup { enforcement, limits }) =
            (self.identity, self.setup);
        Config { store, partition, incarnation, enforcement, limits }
    }
}
