//! Data directories: founded, refused, half created, in use.

use super::ME;
use super::batches::{calls, drawn, founded};
use super::site::Random;
use cutover::core::ids::NodeId;
use cutover::node::store::{Store, StoreError};
use std::fs;
use std::path::{Path, PathBuf};

/// An empty directory for a test.
pub(super) fn room(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Checks the whole message: one line with the path, what was found and what was expected.
fn says(error: &StoreError, place: &Path, found: &str, expected: &str) {
    let line = error.to_string();
    let names = line.contains(&place.display().to_string());
    let both = line.contains(&format!("found {found}")) && line.contains(&format!("expected {expected}"));
    assert!(names && both && !line.contains('\n') && !line.ends_with('.'), "{line}");
}

#[test]
fn a_directory_is_founded_once_and_read_back() {
    let path = room("founded").join("a").join("b");
    let mut store = Store::create(&path, &ME, &founded()).unwrap();
    let mut state = founded();
    let mut random = Random(1);
    for (batches, after) in calls(founded(), &drawn(40, &mut |bound| random.below(bound))) {
        store.write(&batches).unwrap();
        state = after;
    }
    assert!(store.size_bytes() > 0);
    says(&Store::create(&path, &ME, &founded()).unwrap_err(), &path, "one that does not open", "none");
    says(&Store::open(&path, ME.node).unwrap_err(), &path, "a lock of another process", "none");
    assert!(matches!(Store::identify(&path), Err(StoreError::InUse { .. })));
    store.close().unwrap();

    assert_eq!(Store::identify(&path), Ok(ME));
    says(&Store::create(&path, &ME, &founded()).unwrap_err(), &path, "that of n1/1", "none");
    let (store, found) = Store::open(&path, ME.node).unwrap();
    assert_eq!(found, state);
    // Dropping the store releases the lock, even without closing it.
    drop(store);
    assert_eq!(Store::open(&path, ME.node).unwrap().1, state);
    let names: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["log.redb"]);
}

#[test]
fn it_opens_for_its_node_alone() {
    let path = room("foreign");
    drop(Store::create(&path, &ME, &founded()).unwrap());
    let error = Store::open(&path, NodeId(2)).unwrap_err();
    says(&error, &path, "n1/1", "n2");
    assert!(matches!(error, StoreError::Foreign { .. }));
    let (store, _) = Store::open(&path, ME.node).unwrap();
    assert_eq!(store.identity(), ME, "with the id that it was made with");
    drop(store);
    assert_eq!(Store::open(&path, ME.node).unwrap().1, founded());
}

#[test]
fn what_is_no_data_directory_is_told_apart() {
    let path = room("missing");
    let open = |at: &Path| Store::open(at, ME.node).unwrap_err();
    says(&open(&path.join("none")), &path, "nothing", "a directory");
    says(&open(&path), &path, "no log.redb in it", "log.redb");
    fs::write(path.join("file"), "x").unwrap();
    says(&open(&path.join("file")), &path, "a file", "a directory");
    says(&open(&path.join("file").join("below")), &path, "a file above it", "a directory");
    let error = Store::create(&path.join("file"), &ME, &founded()).unwrap_err();
    says(&error, &path, "a file", "a directory");
    let error = Store::create(&path.join("file").join("below"), &ME, &founded()).unwrap_err();
    says(&error, &path, "a file", "a directory");

    fs::create_dir(path.join("log.redb")).unwrap();
    says(&open(&path), &path, "a directory named log.redb", "a file");
    fs::remove_dir(path.join("log.redb")).unwrap();

    let none = "an unfinished creation";
    for (text, what) in [
        (String::new(), "0 bytes"),
        ("\0".repeat(70_000), none),
        ("no redb".repeat(999), "\"I/O error: Not a redb database"),
    ] {
        fs::write(path.join("log.redb"), text).unwrap();
        let error = open(&path);
        says(&error, &path, what, "");
        assert!(matches!(error, StoreError::Corrupt { .. }));
        assert!(error.to_string().ends_with("and add the node again"), "{error}");
        says(&Store::create(&path, &ME, &founded()).unwrap_err(), &path, "one that does not open", "none");
    }
}

/// A crash during the creation leaves the file under its temporary name, with any contents.
#[test]
fn a_creation_that_did_not_end_is_recognised_and_repeated() {
    let path = room("unfinished");
    drop(Store::create(&path, &ME, &founded()).unwrap());
    let whole = fs::read(path.join("log.redb")).unwrap();
    for length in [0, 1, 9, 4096, whole.len()] {
        let _ = fs::remove_file(path.join("log.redb"));
        fs::write(path.join("log.redb.unfinished"), &whole[..length]).unwrap();
        let error = Store::open(&path, ME.node).unwrap_err();
        says(&error, &path, "an unfinished creation", "log.redb");
        drop(Store::create(&path, &ME, &founded()).unwrap());
        assert_eq!(Store::open(&path, ME.node).unwrap().1, founded());
        assert!(!path.join("log.redb.unfinished").exists());
    }
}

/// If two processes found a directory at the same time, one of them fails at once.
#[test]
fn a_directory_that_is_being_founded_is_in_use() {
    let path = room("founding");
    let file = fs::File::create(path.join("log.redb.unfinished")).unwrap();
    file.lock().unwrap();
    let error = Store::create(&path, &ME, &founded()).unwrap_err();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn what_may_not_be_written_is_an_error_with_the_reason() {
    use std::os::unix::fs::PermissionsExt;
    let path = room("forbidden");
    drop(Store::create(&path, &ME, &founded()).unwrap());
    fs::create_dir(path.join("below")).unwrap();
    for (name, mode) in [("log.redb", 0o000), ("log.redb", 0o400), ("below", 0o500)] {
        fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    // Root may write everywhere, so the test does not apply.
    if fs::write(path.join("below").join("probe"), "").is_ok() {
        return;
    }
    let error = Store::open(&path, ME.node).unwrap_err();
    says(&error, &path, "permission denied", "permission to read and write it");
    let error = Store::create(&path.join("below"), &ME, &founded()).unwrap_err();
    says(&error, &path, "permission denied", "permission to write there");
    fs::set_permissions(path.join("below"), fs::Permissions::from_mode(0o700)).unwrap();
}
