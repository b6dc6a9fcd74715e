//! The format of a backup: the committed state of a cluster, in one file.
//!
//! ```text
//! "cutover-backup" | version u32 | XXH3 of the rest u64 | postcard bytes
//! ```
//!
//! Numbers are little-endian.

use super::layout::{with_orders, with_stores};
use crate::core::control_plane::ControlPlaneState;
use crate::core::raft::Snapshot;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 14] = b"cutover-backup";
/// The format version. Version 1 had a CRC-32 checksum, version 2 no history, version 3 no digests; this program reads none of
/// them.
const VERSION: u32 = 6;
/// The version before orders were known, which is read: its state ends before the orders.
const VERSION_5: u32 = 5;
/// The version before stores were known, which is read: its state ends before the stores.
const VERSION_4: u32 = 4;

/// The content of a backup file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Backup {
    /// The state after all committed entries up to the position in the snapshot, with the cluster and the history that it
    /// is of.
    pub snapshot: Snapshot,
}

/// Why a file is not a backup that this program reads.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum BackupError {
    /// The file does not begin with the magic bytes.
    #[error("not a backup: it does not begin with \"cutover-backup\"")]
    Magic,
    /// The file has another format version.
    #[error("backup of version {found}, expected {VERSION}")]
    Version {
        /// The version in the file.
        found: u32,
    },
    /// The checksum does not match the content.
    #[error("the backup is damaged: its bytes have the checksum {found:016x}, expected {expected:016x}")]
    Damaged {
        /// The checksum computed from the content.
        found: u64,
        /// The checksum stored in the file.
        expected: u64,
    },
    /// The content cannot be encoded or decoded.
    #[error("the backup cannot be read: {0}")]
    Codec(String),
}

/// Encodes a backup file.
///
/// # Errors
/// [`BackupError::Codec`]
pub fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, BackupError> {
    let backup = Backup { snapshot: snapshot.clone() };
    let body = postcard::to_allocvec(&backup).map_err(|error| BackupError::Codec(error.to_string()))?;
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&xxh3_64(&body).to_le_bytes());
    file.extend_from_slice(&body);
    Ok(file)
}

/// Decodes a backup file. Decodes the tables in the snapshot as well, so that a file which passes can be
/// restored.
///
/// # Errors
/// [`BackupError`]
pub fn decode(file: &[u8]) -> Result<Backup, BackupError> {
    let rest = file.strip_prefix(MAGIC).ok_or(BackupError::Magic)?;
    let (version, rest) = rest.split_first_chunk::<4>().ok_or(BackupError::Magic)?;
    let version = u32::from_le_bytes(*version);
    if ![VERSION, VERSION_5, VERSION_4].contains(&version) {
        return Err(BackupError::Version { found: version });
    }
    let (expected, body) = rest.split_first_chunk::<8>().ok_or(BackupError::Magic)?;
    let (expected, found) = (u64::from_le_bytes(*expected), xxh3_64(body));
    if found != expected {
        return Err(BackupError::Damaged { found, expected });
    }
    let codec = |error: postcard::Error| BackupError::Codec(error.to_string());
    let mut backup: Backup = postcard::from_bytes(body).map_err(codec)?;
    match version {
        VERSION_4 => backup.snapshot = with_stores(&backup.snapshot).map_err(codec)?,
        VERSION_5 => backup.snapshot = with_orders(&backup.snapshot).map_err(codec)?,
        _ => {}
    }
    let _readable = backup
        .snapshot
        .applied::<ControlPlaneState>()
        .map_err(|error| BackupError::Codec(error.to_string()))?;
    Ok(backup)
}
