//! The seam of the control plane: a single process and a cluster of one behave alike, and immediate refusals use
//! the errors of the seam.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by stopping")]

use cutover::core::control_plane::{
    Answer, ClusterVoterIdentity, ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneError,
    ControlPlaneOutput, DurableVoteState, Endpoints, Founder, MembershipChange, ReplicatedControlPlane,
    SingleNodeControlPlane,
};
use cutover::core::ids::{
    ClusterId, DirectoryId, Epoch, HistoryId, Index, NodeId, PartitionId, Placement, Serial, SessionId, Term,
};
use cutover::core::migration::{Caps, Command, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{
    ChangeRefusal, Config, Durable, Effect, NodeLimits, Outcome, Output, Peer, Rejection, SessionLimits,
    Ticket, Timer,
};
use cutover_model::host::known_stores;

fn peer(node: u8) -> Peer {
    Peer { node: NodeId(node), directory: DirectoryId(1) }
}

fn config(node: u8) -> Config {
    Config { me: peer(node), limits: NodeLimits::PRODUCTION }
}

fn identity(node: u8) -> ClusterVoterIdentity {
    ClusterVoterIdentity::from_certificate_subject(&format!("CN=node-{node}")).unwrap()
}

fn founder(voters: u8) -> Founder {
    let voters = (1..=voters).map(|node| (peer(node), identity(node).into())).collect();
    Founder {
        cluster: ClusterId(1),
        history: HistoryId(1),
        voters,
        caps: Caps::PRODUCTION,
        sessions: SessionLimits::PRODUCTION,
        stores: known_stores([Guarantee::Sealed; 3]),
    }
}

fn create(partition: u64) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(partition), transition })
}

fn admit(node: u8, by: u8) -> ControlPlaneEntry {
    let change =
        MembershipChange::Admit { peer: peer(node), identity: identity(by), endpoints: Endpoints::NONE };
    ControlPlaneEntry::MembershipChange(change)
}

/// Performs an engine's outputs until there are no more, and returns the others.
fn settle(
    engine: &mut impl ControlPlaneConsensus,
    disk: &mut Durable<ControlPlaneEntry>,
) -> Vec<ControlPlaneOutput> {
    let mut rest = Vec::new();
    loop {
        let said = engine.take_outputs();
        if said.is_empty() {
            return rest;
        }
        for output in said {
            if let Output::Persist { number, batch } = &output {
                disk.write(batch);
                engine.synced(*number);
            } else if !matches!(output, Output::SetTimer(_) | Output::CancelTimer(_)) {
                rest.push(output);
            }
        }
    }
}

fn outcomes(said: &[ControlPlaneOutput]) -> Vec<Outcome<Answer>> {
    said.iter().filter_map(|output| output.decided()).map(|(_, outcome)| outcome.clone()).collect()
}

/// Everything that a caller can observe of a run: the outputs, and the state at the end.
fn live(
    mut engine: impl ControlPlaneConsensus,
    mut disk: Durable<ControlPlaneEntry>,
) -> (Vec<ControlPlaneOutput>, Durable<ControlPlaneEntry>) {
    let mut said = settle(&mut engine, &mut disk);
    assert!(engine.is_leader());
    assert_eq!(engine.leader(), Some(identity(1)));
    assert_eq!((engine.current_term(), engine.commit_index()), (Term(1), Some(Index(2))));
    let vote = DurableVoteState { term: Term(1), voted_for: Some(peer(1)), identity: Some(identity(1)) };
    assert_eq!(engine.durable_vote(), vote);
    engine.open_session().unwrap();
    let ticket = Ticket { session: SessionId(3), serial: Serial(1), acknowledged_through: Serial(0) };
    engine.propose(create(1), Some(ticket)).unwrap();
    engine.propose(create(1), Some(ticket)).unwrap();
    engine.read().unwrap();
    engine.close_session(SessionId(3)).unwrap();
    said.extend(settle(&mut engine, &mut disk));
    let opened =
        engine.propose(ControlPlaneEntry::LeaderConfiguration { term: Term(1), leader: NodeId(1) }, None);
    assert_eq!(opened, Err(ControlPlaneError::Rejected(Rejection::OpensTerm)));
    assert_eq!(engine.state().table().records().count(), 1);
    (said, disk)
}

#[test]
fn one_process_and_a_cluster_of_one_behave_the_same() {
    let (single, disk) =
        SingleNodeControlPlane::bootstrap_leader(config(1), identity(1), &founder(1)).unwrap();
    let (said, left) = live(single, disk.clone());
    let cluster = ReplicatedControlPlane::start(config(1), disk.clone()).unwrap();
    assert_eq!(live(cluster, disk), (said.clone(), left));
    let answered = |repeated| Effect::Answered { answer: Answer::Epoch(Epoch(1)), repeated };
    let effects = [
        (3, Effect::SessionOpened(SessionId(3))),
        (4, answered(false)),
        (5, answered(true)),
        (6, Effect::SessionClosed(SessionId(3))),
    ];
    let expected = effects.map(|(index, effect)| Outcome::Committed { index: Index(index), effect });
    assert_eq!(outcomes(&said), expected);
}

#[test]
fn one_process_finds_its_state_again_and_leads_at_once() {
    let (single, disk) =
        SingleNodeControlPlane::bootstrap_leader(config(1), identity(1), &founder(1)).unwrap();
    let (_, mut left) = live(single, disk);
    let mut again = SingleNodeControlPlane::start(config(1), left.clone()).unwrap();
    let _ = settle(&mut again, &mut left);
    assert!(again.is_leader());
    assert_eq!(again.current_term(), Term(2));
    assert_eq!(again.state().table().records().count(), 1);
}

#[test]
fn nothing_is_decided_before_it_is_durable() {
    let (mut single, mut disk) =
        SingleNodeControlPlane::bootstrap_leader(config(1), identity(1), &founder(1)).unwrap();
    let _ = settle(&mut single, &mut disk);
    let id = single.propose(create(1), None).unwrap();
    let said = single.take_outputs();
    let [Output::Persist { number, .. }] = said.as_slice() else { panic!("{said:?}") };
    single.synced(*number);
    let said = single.take_outputs();
    assert!(
        said.iter().any(|output| matches!(output, Output::Decided { id: found, .. } if *found == id)),
        "{said:?}"
    );
}

#[test]
fn a_follower_says_who_leads_by_certificate() {
    let mut disk = founder(3).disk().unwrap();
    let mut engines: Vec<_> =
        (1..=3).map(|node| ReplicatedControlPlane::start(config(node), disk.clone()).unwrap()).collect();
    let nobody = Err(ControlPlaneError::NotLeader { leader: None });
    assert_eq!(engines[1].propose(create(1), None), nobody);
    engines[0].fire(Timer::Election);
    // Delivers messages until there are no more.
    loop {
        let mut messages = Vec::new();
        for engine in &mut engines {
            for output in settle(engine, &mut disk) {
                if let Output::Send(message) = output {
                    messages.push(message);
                }
            }
        }
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let to = usize::from(message.to.node.0) - 1;
            engines[to].receive(message);
        }
    }
    assert!(engines[0].is_leader() && !engines[1].is_leader());
    let leader = Some(identity(1));
    assert_eq!(
        engines[1].propose(create(1), None),
        Err(ControlPlaneError::NotLeader { leader: leader.clone() })
    );
    assert_eq!(engines[1].read(), Err(ControlPlaneError::NotLeader { leader: leader.clone() }));
    assert_eq!(engines[1].open_session(), Err(ControlPlaneError::NotLeader { leader }));
    let taken = ControlPlaneError::IdentityTaken { identity: identity(2), by: NodeId(2) };
    assert_eq!(engines[0].propose(admit(4, 2), None), Err(taken));
    let found = ChangeRefusal::AlreadyMember { found: peer(2) };
    let refused = engines[0].propose(admit(2, 2), None);
    let Err(ControlPlaneError::Rejected(Rejection::Change { refusal, .. })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(refusal, found);
}

#[test]
fn what_is_refused_takes_no_name() {
    let (mut single, mut disk) =
        SingleNodeControlPlane::bootstrap_leader(config(1), identity(1), &founder(1)).unwrap();
    let _ = settle(&mut single, &mut disk);
    let first = single.propose(create(1), None).unwrap();
    assert!(single.propose(admit(2, 1), None).is_err());
    let second = single.propose(create(2), None).unwrap();
    assert!(second > first);
}
