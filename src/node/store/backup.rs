//! A backup: everything that was committed at one place of the log, in one file.
//!
//! ```text
//! "cutover-backup" version u32 | crc32 of the rest u32 | postcard bytes
//! ```

use crate::core::control_plane::ControlPlaneState;
use crate::core::ids::ClusterId;
use crate::core::raft::Snapshot;
use serde::{Deserialize, Serialize};
use thiserror::Error;

const MAGIC: &[u8; 14] = b"cutover-backup";
const VERSION: u32 = 1;

/// What a backup holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backup {
    /// The cluster that it was taken of.
    pub cluster: ClusterId,
    /// What was committed there.
    pub snapshot: Snapshot,
}

/// Bytes are no backup.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BackupError {
    /// Something else.
    #[error("not a backup: it does not begin with \"cutover-backup\"")]
    Magic,
    /// Of another version.
    #[error("backup of version {found}, expected {VERSION}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// Changed since, or cut off.
    #[error("the backup is damaged: its bytes have the check {found:08x}, expected {expected:08x}")]
    Damaged {
        /// The check of the bytes.
        found: u32,
        /// The check that was written.
        expected: u32,
    },
    /// Not decodable.
    #[error("the backup cannot be read: {0}")]
    Codec(String),
}

/// The bytes of a backup file.
///
/// # Errors
/// [`BackupError::Codec`]
pub fn encode(cluster: ClusterId, snapshot: &Snapshot) -> Result<Vec<u8>, BackupError> {
    let backup = Backup { cluster, snapshot: snapshot.clone() };
    let body = postcard::to_allocvec(&backup).map_err(|error| BackupError::Codec(error.to_string()))?;
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    file.extend_from_slice(&body);
    Ok(file)
}

/// Reads a backup file, down to the tables in it.
///
/// # Errors
/// [`BackupError`]
pub fn decode(file: &[u8]) -> Result<Backup, BackupError> {
    let rest = file.strip_prefix(MAGIC).ok_or(BackupError::Magic)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(BackupError::Magic)?;
    let version = u32::from_le_bytes(*version);
    if version != VERSION {
        return Err(BackupError::Version { found: version });
    }
    let (expected, body) = rest.split_first_chunk::<4>().ok_or(BackupError::Magic)?;
    let (expected, found) = (u32::from_le_bytes(*expected), crc32fast::hash(body));
    if found != expected {
        return Err(BackupError::Damaged { found, expected });
    }
    let backup: Backup = postcard::from_bytes(body).map_err(|error| BackupError::Codec(error.to_string()))?;
    let _readable = backup
        .snapshot
        .applied::<ControlPlaneState>()
        .map_err(|error| BackupError::Codec(error.to_string()))?;
    Ok(backup)
}
