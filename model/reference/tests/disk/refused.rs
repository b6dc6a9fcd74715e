//! What no node may write or say: each rule refuses it.

use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{ClusterId, DirectoryId, HistoryId, Index, NodeId, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{
    Batch, BatchNumber, Body, Configuration, Content, Durable, Entry, HardState, LogPosition, Message, Peer,
    SessionLimits, Snapshot,
};
use cutover_reference::beside::disk::DiskBeside;
use std::sync::Arc;

const NOTHING: Batch<ControlPlaneEntry> =
    Batch { hard_state: None, snapshot: None, suffix: None, base: None };

const fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), directory: DirectoryId(1) }
}

const fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term: Term(term), index: Index(index) }
}

fn snapshot(last: LogPosition, of: &Durable<ControlPlaneEntry>) -> Option<Arc<Snapshot>> {
    Some(Arc::new(Snapshot { last, ..Snapshot::clone(&of.snapshot) }))
}

fn entries(from: u64, terms: &[u64]) -> Option<(Index, Vec<Entry<ControlPlaneEntry>>)> {
    let entry = |term: &u64| Entry { term: Term(*term), content: Content::OpenSession };
    Some((Index(from), terms.iter().map(entry).collect()))
}

const fn vote(term: u64, node: u8) -> Option<HardState> {
    Some(HardState { term: Term(term), voted_for: Some(peer(node)) })
}

/// A disk in term 3, with a vote for node 1, entries 2 to 5, and a snapshot at 3.
fn disk() -> (Durable<ControlPlaneEntry>, DiskBeside<ControlPlaneEntry>) {
    let machine = ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []);
    let limits = SessionLimits { sessions_max: 2, answers_max: 2 };
    let founded = Durable::founding(HistoryId(1), Configuration::empty(), limits, machine);
    let mut disk = founded.expect("it is encoded");
    let first = Batch { hard_state: vote(3, 1), suffix: entries(2, &[1, 1, 2, 3]), ..NOTHING };
    let second = Batch { snapshot: snapshot(at(1, 3), &disk), base: Some(at(1, 2)), ..NOTHING };
    let mut reference = DiskBeside::new(&disk);
    for (number, batch) in [(1, &first), (2, &second)] {
        disk.write(batch);
        reference.persists(BatchNumber(number), batch).expect("it may be written");
    }
    reference.synced(BatchNumber(2), &[]).expect("nothing waits");
    reference.compare(&disk).expect("both have it");
    (disk, reference)
}

#[track_caller]
fn refuses(rule: &str, batch: &Batch<ControlPlaneEntry>) {
    let (_, mut reference) = disk();
    let refused = reference.persists(BatchNumber(3), batch).expect_err("no node may write it");
    assert_eq!(refused.rule, rule, "{refused}");
}

#[test]
fn a_node_writes_nothing_that_takes_back_what_it_wrote() {
    let (disk, mut reference) = disk();
    refuses("D2", &Batch { hard_state: vote(2, 1), ..NOTHING });
    refuses("D2", &Batch { hard_state: vote(3, 2), ..NOTHING });
    refuses("D3", &Batch { snapshot: snapshot(at(1, 2), &disk), ..NOTHING });
    refuses("D4", &Batch { suffix: entries(7, &[3]), ..NOTHING });
    refuses("D4", &Batch { suffix: entries(3, &[3]), ..NOTHING });
    refuses("D5", &Batch { base: Some(at(2, 4)), ..NOTHING });
    refuses("D5", &Batch { base: Some(at(1, 1)), ..NOTHING });
    refuses("D5", &Batch { snapshot: snapshot(at(3, 9), &disk), ..NOTHING });
    let again = Batch { hard_state: vote(4, 2), ..NOTHING };
    reference.persists(BatchNumber(3), &again).expect("it is the next");
    let refused = reference.persists(BatchNumber(3), &again).expect_err("it has been written");
    assert_eq!(refused.rule, "D1", "{refused}");
}

#[test]
fn a_node_says_nothing_that_is_not_on_its_disk() {
    let says = |term: u64, body| Message {
        history: HistoryId(1),
        from: peer(1),
        to: peer(2),
        admitted: Index::ZERO,
        term: Term(term),
        body,
    };
    let appended = |matched| Body::Appended { matched: Index(matched), round: 1 };
    let (_, mut reference) = disk();
    reference.sent(&says(3, appended(5)), true).expect("it has the entries");
    reference
        .sent(&says(3, Body::RequestVote { last: at(3, 5), transfer: false }), true)
        .expect("it is its vote");
    for lie in [
        says(3, appended(6)),
        says(4, appended(5)),
        says(3, Body::VoteReply { granted: true }),
        says(4, Body::TimeoutNow),
    ] {
        let refused = reference.sent(&lie, true).expect_err("it is not on the disk");
        assert_eq!(refused.rule, "D8", "{refused}");
    }
    let next = Batch { hard_state: vote(4, 2), ..NOTHING };
    reference.persists(BatchNumber(3), &next).expect("it may be written");
    let granted = says(4, Body::VoteReply { granted: true });
    let refused = reference.clone().sent(&granted, true).expect_err("it has to wait");
    assert_eq!(refused.rule, "D6, D7", "{refused}");
    reference.sent(&granted, false).expect("it waits");
    let refused = reference.clone().synced(BatchNumber(3), &[]).expect_err("it leaves");
    assert_eq!(refused.rule, "D6", "{refused}");
    reference.synced(BatchNumber(3), &[granted]).expect("it leaves");
}
