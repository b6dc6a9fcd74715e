//! The embedded control plane on a real directory: everything acknowledged is there after reopening, and a second
//! process cannot open it.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test of the edge")]

use cutover::core::control_plane::{
    Answer, ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneError, Endpoints, MembershipChange,
    PartitionName, ReplicatedControlPlane, StoreChange,
};
use cutover::core::ids::{DirectoryId, Index, NodeId, PartitionId, Placement, Revision, Serial, SessionId};
use cutover::core::migration::MigrationStore;
use cutover::core::migration::Transition;
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Config, Effect, NodeLimits, Outcome, Peer, Ticket};
use cutover::embedded::{Embedded, Options, open};
use cutover::node::driver::{Failure, FeedItem};
use cutover::node::store::Store;
use cutover_model::host::store_facts;
use std::path::Path;

/// A snapshot after a few entries, so that a short run has one.
fn options() -> Options {
    let limits = NodeLimits { compact_after_entries: 5, keep_entries: 2, ..NodeLimits::PRODUCTION };
    Options { create: true, limits, ..Options::default() }
}

fn create(name: &str) -> ControlPlaneEntry {
    let name = PartitionName::try_from(name.to_owned()).unwrap();
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::NamedTransition { name, transition }
}

fn effect(outcome: Result<Outcome<Answer>, Failure>) -> Effect<Answer> {
    match outcome {
        Ok(Outcome::Committed { effect, .. }) => effect,
        other => panic!("{other:?}"),
    }
}

fn ticket(session: SessionId, serial: u64) -> Option<Ticket> {
    Some(Ticket { session, serial: Serial(serial), acknowledged_through: Serial::ZERO })
}

/// Opens a session and creates nine partitions under it.
fn fill(plane: &Embedded) -> SessionId {
    let store = store_facts("a", Guarantee::Sealed).unwrap();
    let add = ControlPlaneEntry::StoreChange(StoreChange::Add { number: None, store });
    let added = effect(plane.propose(add, None));
    assert!(matches!(added, Effect::Answered { answer: Answer::Store { store: Placement(0), .. }, .. }));
    let Effect::SessionOpened(session) = effect(plane.open_session()) else { panic!("no session") };
    for serial in 1..=9 {
        let created = effect(plane.propose(create(&format!("tenant-{serial}")), ticket(session, serial)));
        assert!(matches!(created, Effect::Answered { answer: Answer::Named { .. }, repeated: false }));
    }
    session
}

fn refused(directory: &Path, options: &Options) -> String {
    let line = open(directory, options).err().unwrap().to_string();
    assert!(!line.contains('\n'), "one line: {line}");
    line
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plane");
    let plane = open(&path, &options()).unwrap();
    let changes = plane.watch(Revision::ZERO).unwrap();
    let session = fill(&plane);
    let seen: Vec<Revision> = changes
        .take(9)
        .map(|item| match item {
            FeedItem::Changed(change) => change.revision,
            FeedItem::Resync { .. } => panic!("a gap"),
        })
        .collect();
    assert!(seen.is_sorted());
    let state = plane.read(|view| view.state().clone()).unwrap();
    let status = plane.read(|view| view.status()).unwrap();
    assert!(status.leads() && status.snapshot > Index(1), "its log begins with a snapshot");
    plane.close().unwrap();

    let mut again = open(&path, &Options { create: false, ..options() }).unwrap();
    assert_eq!(again.read(|view| view.state().clone()).unwrap(), state);
    assert!(again.handle().status().term > status.term);
    assert_eq!(again.handle().status().revision, status.revision);
    let repeated = effect(again.propose(create("tenant-9"), ticket(session, 9)));
    assert!(matches!(repeated, Effect::Answered { repeated: true, .. }), "{repeated:?}");
    let (record, revision) = again.state(PartitionId(1)).unwrap().unwrap();
    assert_eq!((record.partition, revision), (PartitionId(1), status.revision));
    assert_eq!(effect(again.close_session(session)), Effect::SessionClosed(session));
    drop(again);
    open(&path, &options()).unwrap().close().unwrap();
}

#[test]
fn a_directory_is_opened_once_at_a_time_and_by_its_own_node() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plane");
    let line = refused(&path, &Options::default());
    assert!(line.contains("plane") && line.contains("nothing"), "nothing is founded by mistake: {line}");
    let plane = open(&path, &options()).unwrap();
    let line = refused(&path, &options());
    assert!(line.contains("is in use"), "{line}");
    plane.close().unwrap();
    let line = refused(&path, &Options { node: NodeId(2), ..options() });
    assert!(line.contains("belongs to another node"), "{line}");
    open(&path, &options()).unwrap().close().unwrap();
}

#[test]
fn it_admits_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let plane = open(&directory.path().join("plane"), &options()).unwrap();
    let identity =
        cutover::core::control_plane::ClusterVoterIdentity::from_certificate_subject("CN=n2").unwrap();
    let peer = Peer { node: NodeId(2), directory: DirectoryId(1) };
    let admit = MembershipChange::Admit { peer, identity, endpoints: Endpoints::NONE };
    let refused = plane.propose(ControlPlaneEntry::MembershipChange(admit), None);
    assert_eq!(refused, Err(Failure::Refused(ControlPlaneError::RunsAlone)));
    plane.close().unwrap();
}

/// The directory is that of a node: the replicated engine starts from it with all data.
#[test]
fn a_node_of_a_cluster_goes_on_with_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plane");
    let plane = open(&path, &options()).unwrap();
    fill(&plane);
    let state = plane.read(|view| view.state().clone()).unwrap();
    plane.close().unwrap();

    let Options { node, limits, .. } = options();
    let (store, disk) = Store::open(&path, node).unwrap();
    let config = Config { me: Peer { node, directory: store.identity().directory }, limits };
    let mut engine = ReplicatedControlPlane::start(config, disk).unwrap();
    let mut store = store;
    while !engine.is_leader() || engine.status().commit < engine.status().last {
        for output in engine.take_outputs() {
            if let cutover::core::raft::Output::Persist { number, batch } = output {
                store.write(&[batch]).unwrap();
                engine.synced(number);
            }
        }
    }
    assert_eq!(engine.state(), &state);
}
