//! Loss of a majority of nodes: what clients and operators are told, and how one node continues.

use super::harness::{Node, cutoverd, until};
use super::made::{Cluster, options};
use cutover::client::{ClientError, Update};
use cutover::core::control_plane::PartitionName;
use cutover::core::ids::{HistoryId, PartitionId, Placement, Revision};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;
use cutover::node::proto::PartitionSelector;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn named(name: &str) -> PartitionSelector {
    PartitionSelector::Name(PartitionName::try_from(name.to_owned()).unwrap())
}

const CREATE: Transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };

#[test]
fn without_a_quorum_a_call_ends_at_its_deadline() {
    let mut cluster = Cluster::plain(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let leader = cluster.leader();
    let session = cluster.run(cluster.client_of(None, options(4)).session()).unwrap();
    for at in (0..3).filter(|at| *at != leader) {
        cluster.nodes[at].kill();
    }
    // The leader appends this entry and then loses its leadership; later answers "no leader" do not undo it.
    let told = cluster.run(session.apply(named("taken"), CREATE)).unwrap_err();
    assert_eq!(told.error, ClientError::Indeterminate);
    // Only the caller's deadline limits the call; twice the deadline is enough to wait.
    let deadline = Duration::from_secs(4);
    let client = cluster.client_of(None, options(deadline.as_secs()));
    let took = |began: Instant| assert!(began.elapsed() < deadline * 3, "{:?}", began.elapsed());
    let began = Instant::now();
    let more = cluster.run(client.apply(named("more"), CREATE)).unwrap_err();
    let unknown =
        matches!(more, ClientError::Indeterminate | ClientError::NoLeader(_) | ClientError::Busy(_));
    assert!(unknown || matches!(more, ClientError::Unreachable(_)), "{more:?}");
    took(began);
    let began = Instant::now();
    let read = cluster.run(client.resolve(named("acme"))).unwrap_err();
    assert!(!matches!(read, ClientError::NotFound(_) | ClientError::Unexpected(_)), "{read:?}");
    took(began);
    // The operator gets the same error, and a node that is left reports its own state.
    let read = cluster.ctl(&["--deadline", "2", "get", "acme"]);
    assert_eq!(read.code, 69, "a read has no outcome that is not known: {read:?}");
    assert!(cluster.status(leader).is_some());
    for at in (0..3).filter(|at| *at != leader) {
        cluster.nodes[at].start();
    }
    cluster.serves();
    cluster.run(cluster.client().resolve(named("acme"))).unwrap();
    // The request's ticket now yields an answer, and the partition exists once.
    let applied = cluster.run(session.resume(told)).unwrap().unwrap();
    let found = cluster.run(cluster.client().resolve(named("taken"))).unwrap();
    assert_eq!(found.record.partition, applied.partition);
}

/// Epoch and migration id of a partition, as `ctl` prints them.
fn numbers(cluster: &Cluster, name: &str) -> (u64, u64) {
    let told = cluster.ctl(&["--format", "json", "get", name]).ok();
    let record: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    (record["epoch"].as_u64().unwrap(), record["migration"].as_u64().unwrap())
}

/// Checks that all newly assigned numbers are above all earlier ones.
fn goes_on_above(cluster: &Cluster, before: (u64, u64)) {
    let kept = numbers(cluster, "acme");
    assert!(kept >= before, "{kept:?} {before:?}");
    cluster.ctl(&["begin", "acme", "--to", "C"]).ok();
    cluster.ctl(&["create", "later", "--at", "A"]).ok();
    for name in ["acme", "later"] {
        let now = numbers(cluster, name);
        // Entries committed after the backup are lost and may have used further numbers.
        assert!(now.0 > before.0 + 1_000 && now.1 > before.1 + 1_000, "{name}: {now:?} after {before:?}");
    }
}

fn moves(cluster: &Cluster) -> (u64, u64) {
    for words in [
        &["create", "acme", "--at", "A"][..],
        &["open", "acme"],
        &["begin", "acme", "--to", "B"],
        &["enter-cutover", "acme", "--watermark", "4"],
        &["complete", "acme", "--position", "4"],
    ] {
        cluster.ctl(words).ok();
    }
    numbers(cluster, "acme")
}

#[test]
fn a_backup_is_restored_into_a_new_cluster() {
    let mut cluster = Cluster::secure(3);
    let before = moves(&cluster);
    let file = cluster.directory.path().join("cluster.backup");
    let mut words = vec!["backup".to_owned()];
    words.extend(cluster.endpoints());
    words.extend(["--to".to_owned(), file.display().to_string()]);
    cutoverd(&words).ok();
    cutoverd(&words).fails(65, &["cluster.backup", "the file exists", "expected a new path"]);
    cluster.ctl(&["create", "after-the-backup", "--at", "A"]).ok();
    for node in &mut cluster.nodes {
        node.kill();
    }
    let node = &mut cluster.nodes[0];
    node.data = node.directory.join("restored");
    let from = file.display().to_string();
    let order = ["restore", "--from", &from, "--operator", "ann", "--reason", "all disks lost"];
    node.verb(&order).fails(64, &["nothing was done", "--yes"]);
    assert!(!node.data.exists());
    let told = node.verb(&[&order[..], &["--yes"]].concat()).ok();
    assert!(told.contains("may be lost: everything that was committed after"), "{told}");
    // As long as the policy in the node's configuration says, before there is a new history.
    let (waiting, began) = (told.find("waiting   "), told.find("began     history"));
    assert!(waiting.is_some() && waiting < began, "{told}");
    node.verb(&[&order[..], &["--yes"]].concat()).fails(65, &["is a data directory already"]);
    node.start();
    cluster.serves();
    goes_on_above(&cluster, before);
    cluster.ctl(&["get", "after-the-backup"]).fails(1, &["no placement"]);
    // Other nodes join the restored one.
    cluster.nodes[1].data = cluster.nodes[1].directory.join("joined");
    cluster.nodes[1].start();
    cluster.admit(1);
    damaged(&cluster.nodes[2], &file);
}

/// A truncated or changed backup cannot be restored.
fn damaged(node: &Node, file: &std::path::Path) {
    let whole = std::fs::read(file).unwrap();
    let other = file.with_extension("damaged");
    let from = other.display().to_string();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for bytes in [&whole[..whole.len() - 1], &flipped, b"", b"something else"] {
        std::fs::write(&other, bytes).unwrap();
        let order = ["restore", "--from", &from, "--operator", "ann", "--reason", "a test", "--yes"];
        node.verb(&order).fails(65, &["cluster.damaged"]);
    }
}

/// The node is recovered once more: another history, again above all that was given out.
fn again(cluster: &mut Cluster, left: usize) {
    let (before, first) = (numbers(cluster, "later"), cluster.status(left).unwrap());
    let session = cluster.run(cluster.client().session()).unwrap();
    let node = &mut cluster.nodes[left];
    node.kill();
    let from = node.data.display().to_string();
    node.data = node.directory.join("recovered-again");
    node.verb(&["recover", "--from", &from, "--operator", "ann", "--reason", "again", "--yes"]).ok();
    node.start();
    cluster.serves();
    let second = cluster.status(left).unwrap();
    assert_eq!(second.cluster, first.cluster);
    assert_ne!(second.history, first.history);
    assert!(second.commit > first.commit && second.revision > first.revision, "{second:?} after {first:?}");
    let told = cluster.run(session.apply(named("of-the-old-session"), CREATE)).unwrap().unwrap_err();
    assert!(matches!(told, ClientError::SessionExpired { .. }), "{told:?}");
    cluster.ctl(&["create", "latest", "--at", "A"]).ok();
    let now = numbers(cluster, "latest");
    assert!(now.0 > before.0 + 1_000 && now.1 > before.1 + 1_000, "{now:?} after {before:?}");
}

#[test]
fn one_node_that_is_left_goes_on() {
    let mut cluster = Cluster::secure(3);
    let before = moves(&cluster);
    let left = cluster.leader();
    for node in &mut cluster.nodes {
        node.kill();
    }
    let node = &mut cluster.nodes[left];
    let from = node.data.display().to_string();
    let order = ["recover", "--from", &from, "--operator", "ann", "--reason", "two disks burned", "--yes"];
    node.verb(&order).fails(65, &["is a data directory already", "expected none"]);
    node.data = node.directory.join("recovered");
    node.verb(&order[..order.len() - 1]).fails(64, &["nothing was done", "--yes"]);
    let told = node.verb(&order).ok();
    assert!(told.contains("may be lost"), "{told}");
    let audit = std::fs::read_to_string(node.data.join("recovery.json")).unwrap();
    assert!(audit.contains("two disks burned") && audit.contains("ann"), "{audit}");
    node.start();
    cluster.serves();
    goes_on_above(&cluster, before);
    again(&mut cluster, left);
    // A lost node joins with a new data directory.
    let back = (left + 1) % 3;
    cluster.nodes[back].data = cluster.nodes[back].directory.join("joined");
    cluster.nodes[back].start();
    cluster.admit(back);
    assert_eq!(cluster.run(cluster.client().members()).unwrap().members.len(), 2);
}

/// The records that a watcher has, by partition, and the histories in which it was told all of them.
struct View {
    records: std::collections::BTreeMap<PartitionId, PartitionRecord>,
    revision: Revision,
    histories: Vec<HistoryId>,
}

impl View {
    const fn new() -> Self {
        Self { records: std::collections::BTreeMap::new(), revision: Revision::ZERO, histories: Vec::new() }
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Everything { records, revision, history } => {
                self.records = records.into_iter().map(|record| (record.partition, record)).collect();
                self.revision = revision;
                if self.histories.last() != Some(&history) {
                    self.histories.push(history);
                }
            }
            Update::Changed { partition, record, revision } => {
                assert!(revision > self.revision, "{revision} after {}", self.revision);
                self.revision = revision;
                match record {
                    Some(record) => self.records.insert(partition, record),
                    None => self.records.remove(&partition),
                };
            }
        }
    }
}

/// One backup is restored three times. A watcher and a session outlive all of it: each is told once of each new history, and
/// no number is given out twice.
#[test]
fn one_backup_is_restored_three_times_under_a_watcher_and_a_session() {
    let mut cluster = Cluster::secure(1);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let file = cluster.directory.path().join("cluster.backup");
    let mut words = vec!["backup".to_owned()];
    words.extend(cluster.endpoints());
    words.extend(["--to".to_owned(), file.display().to_string()]);
    cutoverd(&words).ok();
    let (seen, shared) = (Arc::new(Mutex::new(View::new())), cluster.client());
    let told = Arc::clone(&seen);
    let watching = cluster.spawn(async move {
        let mut watch = shared.watch();
        loop {
            if let Ok(update) = watch.next().await {
                told.lock().unwrap().take(update);
            }
        }
    });
    let session = cluster.run(cluster.client().session()).unwrap();
    let mut given = vec![cluster.run(session.apply(named("before"), CREATE)).unwrap().unwrap()];
    let mut epochs = vec![numbers(&cluster, "before")];
    for round in 1..=3 {
        let history = cluster.status(0).unwrap().history;
        until("a watcher that knows everything", || {
            // Asked before the view is locked: the watcher blocks a thread of the client while it waits for the view.
            let revision = cluster.status(0)?.revision;
            let seen = seen.lock().unwrap();
            // The first history may be told by its changes alone.
            let known = seen.histories.last().is_none_or(|last| *last == HistoryId(history));
            (known && seen.revision.0 == revision).then_some(())
        });
        cluster.nodes[0].kill();
        cluster.nodes[0].data = cluster.nodes[0].directory.join(format!("restored-{round}"));
        let from = file.display().to_string();
        let order = ["restore", "--from", &from, "--operator", "ann", "--reason", "a test", "--yes"];
        // A restore leaps beyond those of earlier seconds.
        std::thread::sleep(Duration::from_millis(1_100));
        cluster.nodes[0].verb(&order).ok();
        cluster.nodes[0].start();
        cluster.serves();
        assert_ne!(cluster.status(0).unwrap().history, history);
        // The session is of the first history: its tickets are another client's here, and it is told so.
        let refused = cluster.run(session.apply(named("again"), CREATE)).unwrap().unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, ClientError::SessionExpired { .. }), "{refused:?}");
        assert!(text.contains("the cluster was restored or recovered since"), "{text}");
        let fresh = cluster.run(cluster.client().session()).unwrap();
        let name = format!("after-{round}");
        given.push(cluster.run(fresh.apply(named(&name), CREATE)).unwrap().unwrap());
        epochs.push(numbers(&cluster, &name));
    }
    until("a watcher that was told of all of it", || {
        let revision = cluster.status(0)?.revision;
        let seen = seen.lock().unwrap();
        (seen.histories.len() >= 3 && seen.revision.0 == revision).then_some(())
    });
    watching.abort();
    let listed = cluster.run(cluster.client().list(None)).unwrap();
    let seen = seen.lock().unwrap();
    let histories: std::collections::BTreeSet<_> = seen.histories.iter().collect();
    assert!(histories.len() == seen.histories.len(), "each history once: {:?}", seen.histories);
    assert_eq!(seen.records.len(), listed.records.len());
    assert!(seen.records.contains_key(&given[3].partition));
    let above = |pair: &[(u64, u64)]| pair[1].0 > pair[0].0 && pair[1].1 > pair[0].1;
    assert!(epochs.windows(2).all(above), "no epoch and no migration id twice: {epochs:?}");
    let numbers: std::collections::BTreeSet<_> = given.iter().map(|applied| applied.partition).collect();
    assert_eq!(numbers.len(), given.len(), "no number twice: {given:?}");
}
