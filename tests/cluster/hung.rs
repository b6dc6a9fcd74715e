//! Disks that hang: a write neither ends nor fails. A frozen file system is such a disk.

use super::harness::{run, skipped, until};
use super::made::Cluster;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small file system that can be frozen.
struct Disk {
    path: PathBuf,
}

impl Disk {
    /// Mounts a file system at a path; `None` if this machine does not allow it.
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let image = path.with_extension("image");
        std::fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let made = run(Command::new("mkfs.ext4").arg("-q").arg(&image));
        let ran = run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(path));
        if made.code != 0 || ran.code != 0 {
            skipped(&format!("a file system cannot be mounted here: {} {}", made.err.trim(), ran.err.trim()));
            return None;
        }
        Some(Self { path: path.to_path_buf() })
    }

    fn freeze(&self) {
        run(Command::new("fsfreeze").arg("-f").arg(&self.path)).ok();
    }

    fn thaw(&self) {
        run(Command::new("fsfreeze").arg("-u").arg(&self.path)).ok();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not frozen any more, usually.
        run(Command::new("fsfreeze").arg("-u").arg(&self.path));
        run(Command::new("umount").arg("-l").arg(&self.path));
    }
}

/// A cluster whose first node has its data on a disk of its own.
fn cluster(nodes: u8) -> Option<(Cluster, Disk)> {
    let mut cluster = Cluster::of(nodes, true);
    let disk = Disk::mount(&cluster.nodes[0].directory.join("disk"))?;
    cluster.nodes[0].data = disk.path.join("data");
    Some((cluster.found(), disk))
}

#[test]
fn a_leader_with_a_disk_that_hangs_is_left() {
    let Some((mut cluster, disk)) = cluster(3) else { return };
    let leader = cluster.leader();
    if leader != 0 {
        cluster.ctl(&["transfer", "--to", "1"]).ok();
    }
    until("n1 to lead", || (cluster.leader() == 0).then_some(()));
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    disk.freeze();
    // The client had a connection to the leader, and its calls have no other way to find that it hangs.
    until("a write through another leader", || {
        let wrote = cluster.ctl(&["create", "globex", "--at", "A"]);
        let told = cluster.ctl(&["get", "globex"]);
        let led = (1..3).any(|at| cluster.status(at).is_some_and(|status| status.role() == LEADER));
        (led && (wrote.code == 0 || told.code == 0)).then_some(())
    });
    cluster.nodes[0].hears("the disk failed, and what it holds is not known now: no write has ended for 3s");
    disk.thaw();
    assert_eq!(cluster.nodes[0].end().code, 70);
    cluster.nodes[0].start();
    cluster.ctl(&["get", "acme"]).ok();
    drop(cluster);
}

const LEADER: cutover::node::proto::v1::Role = cutover::node::proto::v1::Role::Leader;

#[test]
fn a_disk_that_hangs_does_not_hold_up_sigterm() {
    let Some((mut cluster, disk)) = cluster(1) else { return };
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    disk.freeze();
    let wrote = cluster.ctl(&["--deadline", "1", "create", "globex", "--at", "A"]);
    assert_ne!(wrote.code, 0);
    cluster.nodes[0].signal("-TERM");
    cluster.nodes[0].hears("the disk failed, and what it holds is not known now: no write has ended for 3s");
    disk.thaw();
    assert_eq!(cluster.nodes[0].end().code, 70);
    cluster.nodes[0].start();
    cluster.ctl(&["get", "acme"]).ok();
    drop(cluster);
}
