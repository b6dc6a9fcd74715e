//! Measures the cost of a write: `cargo test --release --test store -- --ignored --nocapture measure`

#![expect(clippy::disallowed_macros, reason = "it prints what it measured")]

use super::ME;
use super::batches::founded;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{NodeId, Term};
use cutover::core::raft::{Batch, Content, Entry, HardState};
use cutover::node::store::Store;
use std::path::Path;
use std::time::Instant;

#[test]
#[ignore = "measures, and judges nothing"]
fn one_small_batch_on_a_real_file() {
    const WRITES: u32 = 500;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("store").join("measured");
    let _ = std::fs::remove_dir_all(&path);
    let mut state = founded();
    let begun = Instant::now();
    let mut store = Store::create(&path, &ME, &state).unwrap();
    println!("create: {:?}", begun.elapsed());
    let vote = Some(HardState { term: Term(1), voted_for: None });
    store.write(&[Batch { hard_state: vote, snapshot: None, suffix: None, base: None }]).unwrap();
    let (bytes, syncs, mut times) = (store.written_bytes(), store.syncs(), Vec::new());
    for _ in 0..WRITES {
        let payload = ControlPlaneEntry::LeaderConfiguration { term: Term(1), leader: NodeId(1) };
        let entry = Entry { term: Term(1), content: Content::Payload { ticket: None, payload } };
        let suffix = Some((state.log.last().index.next(), vec![entry]));
        let batch = Batch { hard_state: None, snapshot: None, suffix, base: None };
        state.write(&batch);
        let begun = Instant::now();
        store.write(&[batch]).unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |percent: usize| times[times.len() * percent / 100];
    println!("write of one entry: median {:?}, 90 % {:?}, 99 % {:?}", at(50), at(90), at(99));
    let count = u64::from(WRITES);
    let (bytes, syncs) = ((store.written_bytes() - bytes) / count, (store.syncs() - syncs) / count);
    println!("{bytes} bytes and {syncs} syncs each; the file has {} bytes", store.size_bytes());
    drop(store);
    let begun = Instant::now();
    let (store, _) = Store::open(&path, ME.node).unwrap();
    println!("open of {WRITES} entries: {:?}", begun.elapsed());
    drop(store);
}
