//! A node's flight recording, replayed through the pure machine, ends in the same state.

use super::harness::until;
use super::load::Load;
use super::made::Cluster;
use cutover::core::trace::recording::{frames, replay};
use std::fs;

#[test]
fn a_recording_replays_to_the_recorded_state() {
    let mut cluster = Cluster::of(3, false);
    for node in &mut cluster.nodes {
        let at = node.directory.join("recording").display().to_string();
        node.arguments = vec!["--record".to_owned(), at];
    }
    let mut cluster = cluster.found();
    let load = Load::begin(&cluster, 3);
    until("some work", || (load.operations() >= 150).then_some(()));
    // A node that is killed leaves a recording without an end, and continues in a new file.
    let leader = cluster.leader();
    cluster.nodes[leader].kill();
    cluster.serves();
    cluster.nodes[leader].start();
    until("some more", || (load.operations() >= 300).then_some(()));
    load.end(&cluster);
    let mut complete = 0;
    for node in &mut cluster.nodes {
        assert_eq!(node.terminate().code, 0);
        let mut files: Vec<_> = fs::read_dir(node.directory.join("recording")).unwrap().collect();
        files.sort_by_key(|file| file.as_ref().unwrap().file_name());
        for file in files {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            let replayed = replay(frames(&bytes).unwrap()).unwrap();
            assert!(replayed.calls > 0);
            complete += usize::from(replayed.ended);
        }
    }
    assert_eq!(complete, 3, "each node that was told to end wrote the digest of its state");
}
