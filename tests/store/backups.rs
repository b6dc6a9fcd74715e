//! Pins the bytes of a backup file: a change of them is a new version.

use super::batches::founded;
use cutover::core::control_plane::{ControlPlaneState, Stores};
use cutover::node::store::backup::{self, BackupError};

#[test]
fn the_bytes_of_a_backup_are_those_of_version_6() {
    let snapshot = &founded().snapshot;
    let file = backup::encode(snapshot).unwrap();
    let hex: Vec<String> =
        file.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("backup_version_6", hex.join("\n"));
    });
    assert_eq!(backup::decode(&file).unwrap().snapshot, **snapshot);
}

#[test]
fn another_version_is_refused_with_both_numbers_whatever_follows() {
    let mut file = backup::encode(&founded().snapshot).unwrap();
    for version in [0_u32, 2, 3, 7, u32::MAX] {
        file[14..18].copy_from_slice(&version.to_le_bytes());
        let refused = backup::decode(&file).unwrap_err();
        assert_eq!(refused, BackupError::Version { found: version });
        assert_eq!(refused.to_string(), format!("backup of version {version}, expected 6"));
        assert_eq!(backup::decode(&file[..18]), Err(BackupError::Version { found: version }));
    }
}

/// A backup of an earlier version, as the first test printed it when that was the version.
fn read(hex: &str) -> ControlPlaneState {
    let hex: String = hex.lines().collect();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let file: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    state(&backup::decode(&file).unwrap().snapshot)
}

fn state(snapshot: &cutover::core::raft::Snapshot) -> ControlPlaneState {
    snapshot.applied::<ControlPlaneState>().unwrap().machine().clone()
}

/// Its log has no store.
#[test]
fn a_backup_of_version_4_is_read() {
    let now = state(&founded().snapshot).with_stores(Stores::unknown_so_far());
    assert_eq!(read(include_str!("backup_4.txt")), now);
}

/// Its log has no order.
#[test]
fn a_backup_of_version_5_is_read() {
    assert_eq!(read(include_str!("backup_5.txt")), state(&founded().snapshot));
}
