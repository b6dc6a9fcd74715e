//! Pins the bytes of a backup file: a change of them is a new version.

use super::batches::founded;
use cutover::node::store::backup::{self, BackupError};

#[test]
fn the_bytes_of_a_backup_are_those_of_version_4() {
    let snapshot = &founded().snapshot;
    let file = backup::encode(snapshot).unwrap();
    let hex: Vec<String> =
        file.chunks(32).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("backup_version_4", hex.join("\n"));
    });
    assert_eq!(backup::decode(&file).unwrap().snapshot, **snapshot);
}

#[test]
fn another_version_is_refused_with_both_numbers_whatever_follows() {
    let mut file = backup::encode(&founded().snapshot).unwrap();
    for version in [0_u32, 2, 3, 5, u32::MAX] {
        file[14..18].copy_from_slice(&version.to_le_bytes());
        let refused = backup::decode(&file).unwrap_err();
        assert_eq!(refused, BackupError::Version { found: version });
        assert_eq!(refused.to_string(), format!("backup of version {version}, expected 4"));
        assert_eq!(backup::decode(&file[..18]), Err(BackupError::Version { found: version }));
    }
}
