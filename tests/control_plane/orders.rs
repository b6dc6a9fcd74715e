//! Orders of moves, and how moves ended, as the log keeps them.

use cutover::core::control_plane::{
    Aborted, Answer, ControlPlaneEntry, ControlPlaneState, Drain, MoveOrder, OrderChange, OrderOf,
    OrderRefusal, OwnershipTransition, StoreChange,
};
use cutover::core::fence::{Ended, Prepared, StatementOrigin};
use cutover::core::ids::{
    ClusterId, Epoch, Incarnation, Index, MigrationId, PartitionId, Placement, Position,
};
use cutover::core::migration::{AbortReason, Caps, Expected, PartitionRecord, Policy, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::Machine as _;
use cutover_model::host::known_stores;

const A: Placement = Placement(0);
const B: Placement = Placement(1);
const P: PartitionId = PartitionId(1);

/// A control plane that knows the stores A and B, which is `timed`, and the index of its next entry.
struct Log(ControlPlaneState, u64);

impl Log {
    /// With a partition at this store.
    fn at(store: Placement) -> Self {
        let stores = known_stores([Guarantee::Sealed, Guarantee::Timed]);
        let state = ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []).with_stores(stores);
        let mut log = Self(state, 0);
        let guarantee = if store == A { Guarantee::Sealed } else { Guarantee::Timed };
        log.moves(Transition::Create { placement: store, guarantee });
        let expected = log.seen();
        let origin = StatementOrigin { store, partition: P, incarnation: Incarnation(1) };
        let through = expected.epoch.previous();
        let prepared = Prepared::reported(origin, expected.migration, through, store == A, false).into();
        log.moves(Transition::Open { expected, prepared });
        log
    }

    fn apply(&mut self, entry: &ControlPlaneEntry) -> Answer {
        self.1 += 1;
        self.0.apply(Index(self.1), entry, &mut None)
    }

    fn moves(&mut self, transition: Transition) {
        let command = OwnershipTransition { partition: P, transition };
        let answer = self.apply(&ControlPlaneEntry::OwnershipTransition(command));
        assert!(matches!(answer, Answer::Epoch(_)), "{answer}");
    }

    fn order(&mut self, change: OrderChange) -> Result<(), OrderRefusal> {
        let before = self.0.clone();
        let answer = self.apply(&ControlPlaneEntry::OrderChange(change));
        if let Answer::OrderRefused(refusal) = answer {
            assert!(self.0 == before, "a refusal changes nothing");
            return Err(refusal);
        }
        assert_eq!(answer, Answer::Noted);
        assert!(self.0.table() == before.table() && self.0.revision() == before.revision());
        Ok(())
    }

    fn record(&self) -> PartitionRecord {
        self.0.table().record(P).unwrap().clone()
    }

    fn seen(&self) -> Expected {
        self.record().expected()
    }

    fn next(&mut self, to: Placement, order: MoveOrder) -> Result<(), OrderRefusal> {
        let of = OrderOf::Next { expected: self.seen(), to };
        self.order(OrderChange::Order { partition: P, of, order })
    }

    fn begin(&mut self, to: Placement) -> MigrationId {
        let expected = self.seen();
        self.moves(Transition::Begin { expected, to });
        self.record().migration
    }

    fn abort(&mut self, why: AbortReason) {
        let expected = self.seen();
        self.moves(Transition::Abort { expected, why });
    }

    /// The partition is forced to the target of the migration in flight.
    fn forced(&mut self, to: Placement) {
        let Expected { migration, epoch } = self.seen();
        let origin = StatementOrigin { store: to, partition: P, incarnation: Incarnation(1) };
        let ended = Ended::reported(origin, migration, epoch, Position(1), true, true).into();
        let (operator, reason) =
            ("ann".to_owned().try_into().unwrap(), "a fire".to_owned().try_into().unwrap());
        let expected = self.seen();
        self.moves(Transition::Force { expected, ended, partial: false, operator, reason });
    }

    fn policy(&self) -> Policy {
        self.0.orders().policy_of(&self.record(), Policy::PRODUCTION)
    }

    fn drain(&mut self, from: Placement, to: Placement, order: MoveOrder) -> Result<(), OrderRefusal> {
        self.order(OrderChange::Drain { from, drain: Drain { to, order } })
    }
}

fn hold() -> MoveOrder {
    MoveOrder { hold: true, ..MoveOrder::default() }
}

fn budget(ms: u32) -> MoveOrder {
    MoveOrder { blocked_budget_ms: Some(ms), ..MoveOrder::default() }
}

#[test]
fn an_order_is_of_the_move_that_begins_from_where_it_was_made() {
    let mut log = Log::at(A);
    log.next(B, hold()).unwrap();
    assert!(!log.policy().hold, "nothing moves yet");
    let migration = log.begin(B);
    assert!(log.policy().hold);
    assert_eq!(log.0.orders().ordered(P).map(|ordered| ordered.of), Some(OrderOf::Move(migration)));
    // The same, in place of what was said before.
    log.order(OrderChange::Order { partition: P, of: OrderOf::Move(migration), order: budget(700) }).unwrap();
    assert_eq!((log.policy().hold, log.policy().blocked_budget_ms), (false, 700));
    log.abort(AbortReason::Operator);
    log.begin(B);
    assert_eq!(log.policy(), Policy::PRODUCTION, "the next move has an order of its own, or none");
}

#[test]
fn an_order_for_another_move_than_the_one_that_begins_is_void() {
    let mut log = Log::at(A);
    log.next(A, hold()).unwrap();
    log.begin(B);
    assert_eq!((log.policy(), log.0.orders().ordered(P)), (Policy::PRODUCTION, None));
}

#[test]
fn an_order_for_what_is_not_so_is_refused() {
    let mut log = Log::at(A);
    let seen = log.seen();
    let other = Expected { epoch: Epoch(99), ..seen };
    let order = |partition, of| OrderChange::Order { partition, of, order: hold() };
    let nowhere = Placement(9);
    assert_eq!(
        log.order(order(PartitionId(7), OrderOf::Move(seen.migration))),
        Err(OrderRefusal::UnknownPartition { partition: PartitionId(7) })
    );
    assert_eq!(
        log.order(order(P, OrderOf::Next { expected: other, to: B })),
        Err(OrderRefusal::OtherState { partition: P, found: seen, expected: other })
    );
    assert_eq!(
        log.order(order(P, OrderOf::Next { expected: seen, to: nowhere })),
        Err(OrderRefusal::UnknownStore { store: nowhere })
    );
    assert_eq!(
        log.order(order(P, OrderOf::Move(seen.migration))),
        Err(OrderRefusal::NotMoving { partition: P, last: seen.migration })
    );
    let (found, expected) = (log.begin(B), seen.migration);
    assert_eq!(
        log.order(order(P, OrderOf::Move(expected))),
        Err(OrderRefusal::OtherMove { partition: P, found, expected })
    );
    assert_eq!(
        log.order(OrderChange::RetireAt { partition: P, copy: found, at_s: 1 }),
        Err(OrderRefusal::NotRetired { partition: P, copy: found })
    );
}

#[test]
fn a_budget_of_a_timed_move_is_longer_than_its_wait() {
    let (mut sealed, mut timed) = (Log::at(A), Log::at(B));
    for (log, to) in [(&mut sealed, B), (&mut timed, A)] {
        log.next(to, budget(100)).unwrap();
        log.begin(to);
    }
    assert_eq!(sealed.policy().blocked_budget_ms, 100);
    assert_eq!(timed.policy().blocked_budget_ms, Policy::PRODUCTION.blocked_budget_ms);
    assert!(timed.policy().validate().is_ok());
}

#[test]
fn the_log_says_why_the_last_move_was_aborted() {
    let mut log = Log::at(A);
    let migration = log.begin(B);
    log.abort(AbortReason::Digest);
    let epoch = log.record().epoch;
    let aborted = Aborted { migration, to: B, epoch, why: AbortReason::Digest };
    assert_eq!(log.0.orders().aborted(P), Some(&aborted));
    log.begin(B);
    assert_eq!(log.0.orders().aborted(P), None);
    log.forced(B);
    assert_eq!(log.0.orders().aborted(P), None, "it is where it was to go");
}

#[test]
fn a_former_source_drops_its_copy_when_a_leader_has_said_so() {
    let mut log = Log::at(A);
    let copy = log.record().placed.unwrap().copy;
    log.next(B, MoveOrder { keep_source_s: Some(60), ..MoveOrder::default() }).unwrap();
    log.begin(B);
    assert_eq!(log.0.orders().retirements().count(), 0, "nothing has moved yet");
    log.forced(B);
    let found: Vec<_> = log.0.orders().retirements().collect();
    let [(P, one)] = found[..] else { panic!("{found:?}") };
    assert_eq!((one.placement, one.copy, one.keep_s, one.at_s), (A, copy, 60, None));
    log.order(OrderChange::RetireAt { partition: P, copy, at_s: 1_000 }).unwrap();
    assert_eq!(log.0.orders().retirements().next().unwrap().1.at_s, Some(1_000));
    // The copy is written off, so nothing is left to drop.
    let (operator, reason) = ("ann".to_owned().try_into().unwrap(), "a fire".to_owned().try_into().unwrap());
    log.moves(Transition::WriteOff { placement: A, copy, operator, reason });
    assert_eq!(log.0.orders().retirements().count(), 0);
}

#[test]
fn a_drain_says_how_its_moves_go_and_ends_with_its_store() {
    let mut log = Log::at(A);
    assert_eq!(log.drain(A, A, hold()), Err(OrderRefusal::DrainedItself { store: A }));
    assert_eq!(log.order(OrderChange::EndDrain { from: A }), Err(OrderRefusal::NotDrained { store: A }));
    log.drain(A, B, hold()).unwrap();
    assert_eq!(log.drain(B, A, hold()), Err(OrderRefusal::DrainedItself { store: A }), "A is to be empty");
    let migration = log.begin(B);
    assert!(log.policy().hold, "it is a move of the drain");
    log.order(OrderChange::Order { partition: P, of: OrderOf::Move(migration), order: budget(5) }).unwrap();
    assert!(!log.policy().hold, "its own order counts");
    log.abort(AbortReason::Operator);
    log.moves(Transition::Delete { expected: log.seen() });
    // Its old copies are at both stores: they are written off, and B is removed.
    for old in log.record().old_copies {
        let (operator, reason) =
            ("ann".to_owned().try_into().unwrap(), "a fire".to_owned().try_into().unwrap());
        log.moves(Transition::WriteOff { placement: old.placement, copy: old.copy, operator, reason });
    }
    assert_eq!(log.0.orders().ordered(P), None, "the partition is gone");
    let expected = log.0.stores().get(B).unwrap().revision;
    let answer = log.apply(&ControlPlaneEntry::StoreChange(StoreChange::Remove { store: B, expected }));
    assert!(matches!(answer, Answer::Store { .. }), "{answer}");
    assert_eq!(log.0.orders().drains().count(), 0);
}

#[test]
fn paused_moves_block_no_write_and_a_recovered_cluster_pauses_them() {
    let mut log = Log::at(A);
    log.begin(B);
    log.order(OrderChange::Pause { paused: true }).unwrap();
    assert!(log.policy().hold);
    log.order(OrderChange::Pause { paused: false }).unwrap();
    assert!(!log.policy().hold);
    log.drain(A, B, hold()).unwrap();
    let recovered = log.0.clone().recovered([], 1, Index(50));
    assert!(recovered.orders().paused(), "an operator looks first");
    assert_eq!(recovered.orders().drains().count(), 1);
}

fn order_refusals() -> [OrderRefusal; 8] {
    let (store, partition) = (A, PartitionId(7));
    let (found, expected) = (MigrationId(4), MigrationId(3));
    let state = |migration| Expected { migration, epoch: Epoch(migration.0 + 1) };
    [
        OrderRefusal::UnknownPartition { partition },
        OrderRefusal::OtherState { partition, found: state(found), expected: state(expected) },
        OrderRefusal::NotMoving { partition, last: found },
        OrderRefusal::OtherMove { partition, found, expected },
        OrderRefusal::UnknownStore { store },
        OrderRefusal::DrainedItself { store },
        OrderRefusal::NotDrained { store },
        OrderRefusal::NotRetired { partition, copy: found },
    ]
}

/// Fails to compile when a variant is added, which must then be added to the list above.
const fn ordered_there(refusal: &OrderRefusal) {
    match refusal {
        OrderRefusal::UnknownPartition { .. }
        | OrderRefusal::OtherState { .. }
        | OrderRefusal::NotMoving { .. }
        | OrderRefusal::OtherMove { .. }
        | OrderRefusal::UnknownStore { .. }
        | OrderRefusal::DrainedItself { .. }
        | OrderRefusal::NotDrained { .. }
        | OrderRefusal::NotRetired { .. } => {}
    }
}

#[test]
fn refusals_of_orders() {
    let refusals = order_refusals();
    refusals.iter().for_each(ordered_there);
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    there is no partition p7
    expected p7 at e4 of m3, found it at e5 of m4
    p7 does not move: m4 is over
    expected p7 to move by m3, it moves by m4
    the log has no store A
    store A is drained itself, expected a store that takes partitions
    store A is not drained
    m4 of p7 is no copy that is dropped by itself
    ");
}
