//! A log that is appended to and compacted for ever needs a file of bounded size.

use super::ME;
use super::batches::founded;
use super::disk::Disk;
use super::site::founder;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::NodeId;
use cutover::core::migration::Caps;
use cutover::core::raft::{Batch, Content, Entry, HardState, LogPosition, Snapshot};
use cutover::node::store::Store;
use std::sync::Arc;

const BATCHES: u64 = 20_000;
/// Measured: 140 KiB. The live data is a snapshot of a few KiB and at most 150 entries; the rest is free pages.
const BOUND_BYTES: u64 = 256 << 10;

#[test]
fn the_file_does_not_grow_for_ever() {
    let disk = Disk::default();
    let mut state = founded();
    let mut store = Store::create_on(disk.clone(), &ME, &state).unwrap();
    let large = founder(250, Caps::PRODUCTION).disk().unwrap().snapshot;
    let mut most = store.size_bytes();
    for n in 1..=BATCHES {
        let term = state.hard_state.term.max(cutover::core::ids::Term(1));
        let payload = ControlPlaneEntry::LeaderConfiguration { term, leader: NodeId(1) };
        let entry = Entry { term, content: Content::Payload { ticket: None, payload } };
        let last = state.log.last().index;
        let vote = (state.hard_state.term != term).then_some(HardState { term, voted_for: None });
        let suffix = Some((last.next(), vec![entry]));
        let mut batches = vec![Batch { hard_state: vote, snapshot: None, suffix, base: None }];
        if n % 100 == 0 {
            let at = |back: u64| LogPosition {
                term: state.log.term_at(cutover::core::ids::Index(last.0 - back)).unwrap(),
                index: cutover::core::ids::Index(last.0 - back),
            };
            let snapshot = Snapshot { last: at(0), ..(*large).clone() };
            let base = Some(at(50));
            batches.push(Batch { hard_state: None, snapshot: Some(Arc::new(snapshot)), suffix: None, base });
        }
        store.write(&batches).unwrap();
        batches.iter().for_each(|batch| state.write(batch));
        most = most.max(store.size_bytes());
    }
    assert!(most <= BOUND_BYTES, "{most} bytes after {BATCHES} batches");
    assert_eq!(store.size_bytes(), u64::try_from(disk.bytes().len()).unwrap());
    assert!(store.written_bytes() > 0 && store.syncs() >= 2 * BATCHES);
    store.close().unwrap();
    let (store, found) = Store::open_on(disk, ME.node).unwrap();
    assert!(found == state && store.size_bytes() <= BOUND_BYTES);
}
