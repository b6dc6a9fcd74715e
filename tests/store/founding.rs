//! What is there already is never founded over, and what is founded is there whole, or not at all.

use super::ME;
use super::batches::{calls, drawn, founded};
use super::directory::room;
use super::disk::Disk;
use super::site::{Disk as State, Random, founder};
use super::values::{META, disk_changed, disk_with, written};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{LogPosition, Snapshot};
use cutover::node::store::{Store, StoreError, StoreIdentity};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, thread};

/// The disk of a store that another node, or another cluster, was founded with.
fn of(identity: StoreIdentity, cluster: u64) -> Disk {
    let mut founder = founder(3, Caps::PRODUCTION);
    (founder.cluster, founder.history) = (ClusterId(cluster), HistoryId(cluster));
    let disk = Disk::default();
    Store::create_on(disk.clone(), &identity, &founder.disk().unwrap()).unwrap().close().unwrap();
    disk
}

/// Disks that are there already, each with what an error names of it.
fn present() -> Vec<(&'static str, Disk, &'static str)> {
    let identity = |node, directory| StoreIdentity { node: NodeId(node), directory: DirectoryId(directory) };
    let without = |key: &'static str| {
        disk_changed(|transaction| {
            transaction.open_table(META).unwrap().remove(key).unwrap();
        })
    };
    let flipped = |key: &'static str| {
        disk_changed(|transaction| {
            transaction.open_table(META).unwrap().insert(key, [1_u8; 12].as_slice()).unwrap();
        })
    };
    let torn = |from: usize, to: usize| {
        let mut bytes = written().bytes();
        bytes[from..to].fill(0x5a);
        Disk::holding(bytes)
    };
    vec![
        ("this node's", written(), "that of n1/1"),
        ("this node's, in another directory", of(identity(1, 2), 1), "that of n1/2"),
        ("another node's", of(identity(2, 1), 1), "that of n2/1"),
        ("another cluster's", of(identity(1, 7), 9), "that of n1/7"),
        ("an older format", disk_with("format", &4_u32), "of another format: found 4, expected 7"),
        ("a newer format", disk_with("format", &8_u32), "of another format: found 8, expected 7"),
        ("no format", without("format"), "is damaged"),
        ("a damaged format", flipped("format"), "is damaged"),
        ("no owner", without("identity"), "is damaged"),
        ("a damaged owner", flipped("identity"), "is damaged"),
        ("a damaged header", torn(0, 320), "one that does not open"),
        ("damaged pages", torn(4096, 40_000), "one that does not open"),
        ("another file", Disk::holding(b"no redb".repeat(999)), "one that does not open"),
    ]
}

/// What opening a disk gives, whoever opens it: the same as before, if nothing was written.
fn content(disk: &Disk) -> Vec<Result<State, StoreError>> {
    let open = |node| Store::open_on(Disk::holding(disk.bytes()), NodeId(node)).map(|(_, state)| state);
    [1, 2].map(open).to_vec()
}

#[test]
fn what_is_on_a_backend_is_never_founded_over() {
    for (case, disk, named) in present() {
        let before = content(&disk);
        let error = Store::create_on(disk.clone(), &ME, &founded()).expect_err(case);
        assert!(matches!(error, StoreError::Exists { .. }), "{case}: {error}");
        assert!(error.to_string().contains(named), "{case}: {error}");
        assert!(content(&disk) == before, "{case}: it was changed");
    }
}

#[test]
fn what_is_in_a_directory_is_never_founded_over() {
    let path = room("founded over");
    for (case, disk, named) in present() {
        fs::write(path.join("log.redb"), disk.bytes()).unwrap();
        let before = content(&disk);
        let error = Store::create(&path, &ME, &founded()).expect_err(case);
        assert!(matches!(error, StoreError::Exists { .. }), "{case}: {error}");
        let text = error.to_string();
        assert!(text.contains(named) && text.contains(&path.display().to_string()), "{case}: {error}");
        let after = Disk::holding(fs::read(path.join("log.redb")).unwrap());
        assert!(content(&after) == before, "{case}: it was changed");
        assert!(!path.join("log.redb.unfinished").exists(), "{case}");
    }
}

/// Whoever looks at the directory meanwhile, after a crash say, finds no file, or one with the whole first state.
#[test]
fn a_directory_appears_founded_or_not_at_all() {
    let path = room("appears");
    let over = AtomicBool::new(false);
    let torn = thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut torn = None;
            while !over.load(Ordering::SeqCst) {
                let Ok(bytes) = fs::read(path.join("log.redb")) else { continue };
                let found = Store::open_on(Disk::holding(bytes), ME.node).map(|(_, state)| state);
                // A file that is read while it is closed may be torn; one that holds no store yet is another thing.
                if let Err(error @ StoreError::Missing { .. }) = found {
                    torn = Some(error);
                }
            }
            torn
        });
        for _ in 0..10 {
            let _ = fs::remove_file(path.join("log.redb"));
            drop(Store::create(&path, &ME, &founded()).unwrap());
            assert_eq!(Store::open(&path, ME.node).unwrap().1, founded());
        }
        over.store(true, Ordering::SeqCst);
        seen.join().unwrap()
    });
    assert_eq!(torn, None);
}

#[test]
fn a_founding_that_fails_leaves_no_data_directory_and_can_be_repeated() {
    let path = room("fails");
    let mut state = founded();
    let last = LogPosition { term: Term(3), index: Index(1) };
    state.snapshot = Arc::new(Snapshot { last, ..(*state.snapshot).clone() });
    let refused = Store::create(&path, &ME, &state).unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused}");
    assert!(!path.join("log.redb").exists(), "nothing was founded");
    let error = Store::open(&path, ME.node).unwrap_err();
    assert!(matches!(error, StoreError::Missing { .. }), "{error}");
    drop(Store::create(&path, &ME, &founded()).unwrap());
    assert_eq!(Store::open(&path, ME.node).unwrap().1, founded());
}

/// Of the snapshots of one write the last one replaces all before it.
#[test]
fn of_snapshots_that_are_written_together_the_last_one_is_kept() {
    let mut random = Random(5);
    for count in 2..6 {
        let disk = Disk::default();
        let mut store = Store::create_on(disk.clone(), &ME, &founded()).unwrap();
        let mut expected = founded();
        let mut snapshots = 0;
        let mut batches = Vec::new();
        while snapshots < count {
            for (next, after) in calls(expected.clone(), &drawn(1, &mut |bound| random.below(bound))) {
                snapshots += next.iter().filter(|batch| batch.snapshot.is_some()).count();
                batches.extend(next);
                expected = after;
            }
        }
        store.write(&batches).unwrap();
        store.close().unwrap();
        let (_, found) = Store::open_on(disk, ME.node).unwrap();
        assert_eq!(found.snapshot.last, expected.snapshot.last, "of {count} snapshots");
        assert_eq!(found, expected);
    }
}
