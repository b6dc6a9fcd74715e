//! What an audit needs lasts: it is in the replicated state, and bounded.

use cutover::core::control_plane::{
    AUDIT_ENTRIES_MAX, Answer, AuditEntry, Audited, ControlPlaneEntry, ControlPlaneState, MembershipChange,
    Override,
};
use cutover::core::fence::{
    Body, Config, Ended, Enforcement, Fence, FenceLimits, Input, Prepare, Prepared, Reply, Reported, Request,
    Rows, StatementOrigin,
};
use cutover::core::ids::{
    ClusterId, DirectoryId, Epoch, Incarnation, Index, MigrationId, NodeId, PartitionId, Placement, Position,
};
use cutover::core::migration::{Caps, Command, Expected, Operator, Reason, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Machine as _, Peer};
use cutover_model::host::known_stores;

const P: PartitionId = PartitionId(1);
const A: Placement = Placement(0);
const B: Placement = Placement(1);

fn apply(state: &mut ControlPlaneState, at: u64, transition: Transition) -> Answer {
    let entry = ControlPlaneEntry::OwnershipTransition(Command { partition: P, transition });
    let mut halt = None;
    let answer = state.apply(Index(at), &entry, &mut halt);
    assert!(halt.is_none() && !matches!(answer, Answer::Refused(_)), "{answer:?} {halt:?}");
    answer
}

fn expected(state: &ControlPlaneState) -> Expected {
    state.table().record(P).unwrap().expected()
}

/// The statement of a fence that was asked.
fn stated(store: Placement, migration: u64, closed: u64) -> Prepared {
    let limits = FenceLimits::PRODUCTION;
    let (incarnation, enforcement) = (Incarnation(1), Enforcement::Tokens);
    let mut fence = Fence::unknown(Config { store, partition: P, incarnation, enforcement, limits });
    let (migration, closed_through) = (MigrationId(migration), Epoch(closed));
    let prepare = Prepare { migration, closed_through, source: None, keep: None };
    let request = Request { store, partition: P, body: Body::Prepare(prepare) };
    let said = fence.handle(&Input::Request(request), &Rows::new());
    let said = said.iter().find_map(|output| output.reply());
    let Some(Reply::Prepared(prepared)) = said else { panic!("{said:?}") };
    *prepared
}

fn reported(store: Placement, migration: u64, epoch: u64) -> Reported<Ended> {
    let origin = StatementOrigin { store, partition: P, incarnation: Incarnation(1) };
    Ended::reported(origin, MigrationId(migration), Epoch(epoch), Position(4), true, true)
}

fn new() -> ControlPlaneState {
    ControlPlaneState::new(ClusterId(7), Caps::PRODUCTION, [])
        .with_stores(known_stores([Guarantee::Sealed; 2]))
}

#[test]
fn who_took_responsibility_is_kept_and_where_a_statement_comes_from() {
    let mut state = new();
    apply(&mut state, 1, Transition::Create { placement: A, guarantee: Guarantee::Sealed });
    let prepared = stated(A, 1, 0).into();
    let open = Transition::Open { expected: expected(&state), prepared };
    apply(&mut state, 2, open);
    let begin = Transition::Begin { expected: expected(&state), to: B };
    apply(&mut state, 3, begin);
    assert_eq!(
        state.audit().after(Index::ZERO).count(),
        0,
        "stores stated everything, and nothing was given up"
    );
    let operator = Operator::try_from("ann".to_owned()).unwrap();
    let reason = Reason::try_from("A is down".to_owned()).unwrap();
    let (expected, ended) = (expected(&state), reported(B, 2, 2).into());
    let force = Transition::Force { expected, ended, partial: false, operator, reason };
    apply(&mut state, 4, force.clone());
    let bytes = postcard::to_allocvec(&state).unwrap();
    let read: ControlPlaneState = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, state, "compaction keeps it");
    let recovered = read.recovered([], 1, Index(9));
    let kept: Vec<_> = recovered.audit().after(Index::ZERO).cloned().collect();
    let [entry] = kept.as_slice() else { panic!("{kept:?}") };
    let Audited::Transition { epoch, command, .. } = &entry.what else { panic!("{entry:?}") };
    assert_eq!((entry.index, *epoch, &command.transition), (Index(4), Epoch(3), &force));
    assert!(command.transition.is_reported());
    let (operator, reason) = command.transition.responsible().unwrap();
    assert_eq!((operator.as_ref(), reason.as_ref()), ("ann", "A is down"));
    assert_eq!(recovered.audit().after(Index(4)).count(), 0);
}

#[test]
fn a_forced_change_of_the_members_is_kept_and_no_other() {
    let mut state = new();
    let peer = Peer { node: NodeId(3), directory: DirectoryId(3) };
    let operator = Operator::try_from("ann".to_owned()).unwrap();
    let reason = Reason::try_from("n4 is on its way".to_owned()).unwrap();
    let even_so = Some(Override { operator, reason });
    let forced = MembershipChange::Remove { peer, even_so };
    for (at, change) in
        [MembershipChange::Promote { peer, even_so: None }, forced.clone()].into_iter().enumerate()
    {
        let at = Index(u64::try_from(at).unwrap() + 1);
        state.apply(at, &ControlPlaneEntry::MembershipChange(change), &mut None);
    }
    let kept: Vec<_> = state.audit().after(Index::ZERO).cloned().collect();
    assert_eq!(kept, [AuditEntry { index: Index(2), what: Audited::Members(forced) }]);
}

#[test]
fn the_oldest_entries_go_first() {
    let mut state = new();
    let mut at = 0;
    for _ in 0..=AUDIT_ENTRIES_MAX {
        at += 1;
        apply(&mut state, at, Transition::Create { placement: A, guarantee: Guarantee::Sealed });
        let delete = Transition::Delete { expected: expected(&state) };
        at += 1;
        apply(&mut state, at, delete);
        let copy = state.table().record(P).unwrap().old_copies[0].copy;
        let (operator, reason) =
            ("ann".to_owned().try_into().unwrap(), "gone".to_owned().try_into().unwrap());
        at += 1;
        apply(&mut state, at, Transition::WriteOff { placement: A, copy, operator, reason });
    }
    let kept: Vec<_> = state.audit().after(Index::ZERO).map(|entry| entry.index.0).collect();
    assert_eq!(kept.len(), usize::try_from(AUDIT_ENTRIES_MAX).unwrap());
    assert_eq!(kept.last(), Some(&at));
    assert!(kept.is_sorted());
}
