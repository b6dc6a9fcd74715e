//! A node does not start from a disk whose parts contradict each other, nor with a limit of 0.

use super::site::{LIMITS, founder};
use cutover::core::control_plane::{ControlPlaneEntry, ReplicatedControlPlane};
use cutover::core::ids::{Index, NodeId, Term};
use cutover::core::migration::Caps;
use cutover::core::raft::{Config, Content, Durable, Entry, Log, LogPosition, NodeLimits, StartError};

/// A founding disk whose log begins after `base` and has entries of these terms, at this durable term.
fn disk(base: LogPosition, terms: &[u64], term: u64) -> Durable<ControlPlaneEntry> {
    let mut disk = founder(1, Caps::PRODUCTION).disk().unwrap();
    disk.log = Log::above(base);
    for term in terms {
        let payload = ControlPlaneEntry::LeaderConfiguration { term: Term(*term), leader: NodeId(1) };
        disk.log.push(Entry { term: Term(*term), content: Content::Payload { ticket: None, payload } });
    }
    disk.hard_state.term = Term(term);
    disk
}

fn start(limits: NodeLimits, disk: Durable<ControlPlaneEntry>) -> Option<StartError> {
    let me = founder(1, Caps::PRODUCTION).voters[0].0;
    ReplicatedControlPlane::start(Config { me, limits }, disk).err()
}

#[test]
fn parts_of_a_disk_that_contradict_each_other_are_refused() {
    let at = |term, index| LogPosition { term: Term(term), index: Index(index) };
    // The founding snapshot ends at index 1, of term 0.
    let snapshot = at(0, 1);
    let cases = [
        (disk(snapshot, &[1, 1, 2], 2), None),
        (disk(snapshot, &[], 0), None),
        (disk(at(0, 3), &[1], 1), Some(StartError::Gap { base: at(0, 3), snapshot })),
        (disk(at(0, 0), &[], 0), Some(StartError::OtherLog { snapshot, base: at(0, 0), last: at(0, 0) })),
        (disk(at(0, 0), &[1], 1), Some(StartError::OtherLog { snapshot, base: at(0, 0), last: at(1, 1) })),
        (disk(snapshot, &[1, 3, 2], 3), Some(StartError::TermsDecrease { before: Term(3), after: Term(2) })),
        (disk(snapshot, &[1, 2], 1), Some(StartError::TermBehind { term: Term(1), last: at(2, 3) })),
    ];
    for (disk, expected) in cases {
        let text = format!("{:?}, term {}", disk.log, disk.hard_state.term);
        assert_eq!(start(LIMITS, disk), expected, "{text}");
    }
}

#[test]
fn a_limit_of_0_is_refused() {
    let disk = || disk(LogPosition { term: Term(0), index: Index(1) }, &[], 0);
    assert_eq!(start(NodeLimits { window: 0, ..LIMITS }, disk()), Some(StartError::ZeroLimit("window")));
    let reads = NodeLimits { reads_max: 0, ..LIMITS };
    assert_eq!(start(reads, disk()), Some(StartError::ZeroLimit("reads_max")));
}
