//! Disks that are full, and disks that cannot be written.

use super::harness::{Node, run, skipped, until};
use super::made::{Cluster, address, options};
use cutover::client::{Client, ClientError};
use cutover::core::ids::{PartitionId, Placement};
use cutover::core::migration::Transition;
use cutover::core::placement::Guarantee;
use cutover::node::proto::PartitionSelector;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A small file system for a test.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a file system of this many KiB; `None` if this machine does not allow it.
    fn mount(path: &Path, kib: u32) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let ran = run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(path));
        if ran.code != 0 {
            skipped(&format!("a disk cannot be mounted here: {}", ran.err.trim()));
            return None;
        }
        Some(Self { path: path.to_path_buf() })
    }

    fn remount(&self, how: &str) {
        run(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.path)).ok();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.path));
    }
}

const CREATE: Transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };

/// Creates these partitions until the node ends, and returns those that were acknowledged.
fn fill(cluster: &Cluster, partitions: Range<u64>) -> Vec<PartitionId> {
    let own = vec![address(cluster.nodes[0].client)];
    let client = Client::new(own, super::made::dialer(None), options(3)).unwrap();
    let filling = cluster.spawn(async move {
        let mut acknowledged = Vec::new();
        for partition in partitions.map(PartitionId) {
            match client.apply(PartitionSelector::Id(partition), CREATE).await {
                Ok(_) => acknowledged.push(partition),
                Err(ClientError::Refused { reason, .. }) => panic!("{reason}"),
                Err(_) => break,
            }
        }
        acknowledged
    });
    cluster.run(filling).unwrap()
}

#[test]
fn a_full_disk_stops_a_node_and_loses_nothing() {
    let mut cluster = Cluster::of(1, false);
    let Some(disk) = Disk::mount(&cluster.nodes[0].data, 8 << 10) else { return };
    cluster.nodes[0].verb(&["init"]).ok();
    cluster.nodes[0].start();
    cluster.serves();
    cluster.know_stores();
    let mut acknowledged = fill(&cluster, 1..201);
    assert_eq!(acknowledged.len(), 200);
    // Another file takes the rest of the space.
    let _full = fs::write(disk.path.join("filler"), vec![1; 8 << 20]);
    acknowledged.extend(fill(&cluster, 201..20_000));
    let ended = cluster.nodes[0].end();
    ended.fails(70, &["the disk failed", "found no space left on device"]);
    // With space again, the node continues.
    fs::remove_file(disk.path.join("filler")).unwrap();
    cluster.nodes[0].start();
    cluster.serves();
    let mut there = Vec::new();
    loop {
        let page = cluster.run(cluster.client().list(there.last().copied())).unwrap();
        there.extend(page.records.iter().map(|record| PartitionId(record.partition)));
        if !page.more {
            break;
        }
    }
    for partition in &acknowledged {
        assert!(there.binary_search(partition).is_ok(), "{partition} was acknowledged and is gone");
    }
    assert!(there.len() <= acknowledged.len() + 1, "{} of {}", there.len(), acknowledged.len());
    eprintln!("full after {} partitions", acknowledged.len());
    cluster.nodes[0].terminate();
}

#[test]
fn a_disk_that_is_too_small_founds_nothing() {
    let directory = TempDir::new().unwrap();
    let mut node = Node::new(directory.path(), 7, 1, None);
    let Some(disk) = Disk::mount(&node.data, 16) else { return };
    node.verb(&["init"]).fails(70, &["data", "found no space left on device"]);
    node.start_to_end().fails(70, &["data", "found no space left on device"]);
    disk.remount("size=64m");
    // The remains of failed attempts are no data directory, and do not prevent a new one.
    node.verb(&["serve", "--check-config"]).ok();
    node.verb(&["init"]).ok();
    node.start();
    node.terminate();
}

#[test]
fn a_disk_that_cannot_be_written_is_refused() {
    let directory = TempDir::new().unwrap();
    let mut node = Node::new(directory.path(), 7, 1, None);
    let Some(disk) = Disk::mount(&node.data, 64 << 10) else { return };
    disk.remount("ro");
    node.verb(&["init"])
        .fails(70, &["cannot create", "found read-only file system", "permission to write there"]);
    disk.remount("rw");
    node.verb(&["init"]).ok();
    disk.remount("ro");
    node.start_to_end().fails(70, &["cannot open", "found read-only file system"]);
    disk.remount("rw");
    node.start();
    until("its leader", || node.said().contains("serves").then_some(()));
    node.terminate();
}
