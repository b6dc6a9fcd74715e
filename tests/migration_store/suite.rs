//! The behaviour that every migration store must have.

use super::compared::Compared;
use cutover::core::fence::{Body, End, Prepare, Reply, Request};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Placement, Serial, SessionId, WriteId};
use cutover::core::migration::{
    AbortReason, Expected, MigrationError, MigrationStore, Operator, Reason, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState, Phase};

const A: Placement = Placement(0);
const B: Placement = Placement(1);

fn create(at: Placement) -> Transition {
    Transition::Create { placement: at, guarantee: Guarantee::Sealed }
}

/// Opens partition 0 at A.
fn opened<S: MigrationStore>(store: &mut S) -> Compared<'_, S> {
    let mut both = Compared::new(store);
    assert_eq!(
        both.store.state(PartitionId(9)).unwrap_or_default(),
        None,
        "what was never created is no failure"
    );
    both.transition(0, create(A)).unwrap();
    both.drive(0);
    for serial in 1..=5 {
        both.world.write(0, A, WriteId { session: SessionId(1), serial: Serial(serial) }, 0);
    }
    both
}

fn begin<S: MigrationStore>(both: &mut Compared<'_, S>) {
    let expected = both.expected(0);
    both.transition(0, Transition::Begin { expected, to: B }).unwrap();
}

fn phase<S: MigrationStore>(both: &Compared<'_, S>) -> Option<Phase> {
    match both.placed(0) {
        Some(PartitionState::Migrating { phase, .. }) => Some(phase),
        Some(PartitionState::Active(_)) | None => None,
    }
}

pub fn a_partition_moves_and_its_old_copy_goes(store: &mut impl MigrationStore) {
    let mut both = opened(store);
    begin(&mut both);
    both.drive(0);
    assert_eq!(both.placed(0), Some(PartitionState::Active(B)));
    let old = both.world.record(0).unwrap().old_copies;
    for old in old {
        let _ = both.transition(0, Transition::RetireCopy { placement: old.placement, copy: old.copy });
    }
    both.drive(0);
    assert_eq!(both.world.record(0).unwrap().old_copies, []);
}

pub fn a_migration_is_aborted_in_each_phase(store: &mut impl MigrationStore) {
    let mut both = opened(store);
    for wanted in [Phase::Draining, Phase::Cutover] {
        begin(&mut both);
        for _ in 0..12 {
            if phase(&both) == Some(wanted) {
                break;
            }
            both.drive_once(0);
        }
        assert_eq!(phase(&both), Some(wanted));
        let expected = both.expected(0);
        let abort = Transition::Abort { expected, why: AbortReason::Operator };
        let epoch = both.transition(0, abort.clone()).unwrap();
        assert!(epoch > expected.epoch);
        assert_eq!(both.placed(0), Some(PartitionState::Active(A)));
        assert!(both.transition(0, abort).is_err(), "it is over");
        both.drive(0);
    }
}

pub fn what_does_not_fit_is_refused_and_changes_nothing(store: &mut impl MigrationStore) {
    let mut both = opened(store);
    let expected = both.expected(0);
    let partition = PartitionId(0);
    assert_eq!(both.transition(0, create(B)), Err(MigrationError::AlreadyExists { partition }));
    let same = both.transition(0, Transition::Begin { expected, to: A });
    assert_eq!(same, Err(MigrationError::SamePlacement { placement: A }));
    let stale = Expected { migration: MigrationId(77), epoch: Epoch(77) };
    assert!(matches!(
        both.transition(0, Transition::Begin { expected: stale, to: B }),
        Err(MigrationError::StaleExpectation { .. })
    ));
    let unknown = both.transition(1, Transition::Delete { expected });
    assert_eq!(unknown, Err(MigrationError::UnknownPartition { partition: PartitionId(1) }));
    both.transition(1, create(B)).unwrap();
    assert_eq!(both.transition(2, create(B)), Err(MigrationError::PartitionCap { limit: 2 }));
}

pub fn no_epoch_and_no_id_comes_twice(store: &mut impl MigrationStore) {
    let mut both = opened(store);
    let mut last = both.expected(0);
    for _ in 0..3 {
        let deleted = both.transition(0, Transition::Delete { expected: last }).unwrap();
        assert!(deleted > last.epoch);
        both.drive(0);
        assert_eq!(both.world.record(0), None, "the store has dropped its copy");
        let created = both.transition(0, create(A)).unwrap();
        let next = both.expected(0);
        assert!(created > deleted && next.migration > last.migration);
        both.drive(0);
        last = both.expected(0);
    }
}

pub fn a_forced_move_is_settled(store: &mut impl MigrationStore) {
    let mut both = opened(store);
    begin(&mut both);
    let Expected { migration, epoch } = both.expected(0);
    let prepare = Prepare { migration, closed_through: epoch, source: Some(A), keep: None };
    let mut ask = |body| both.world.ask(&Request { store: B, partition: PartitionId(0), body });
    let said = ask(Body::Prepare(prepare));
    assert!(matches!(said.as_slice(), [Reply::Prepared(_)]), "{said:?}");
    let said = ask(Body::End(End { migration, epoch }));
    let [Reply::Ended(ended)] = said.as_slice() else { panic!("{said:?}") };
    let (ended, expected) = ((*ended).into(), both.expected(0));
    let force = |partial| Transition::Force {
        expected,
        ended,
        partial,
        operator: Operator::try_from("ops".to_owned()).unwrap(),
        reason: Reason::try_from("A is lost".to_owned()).unwrap(),
    };
    assert_eq!(both.transition(0, force(false)), Err(MigrationError::Incomplete { placement: B }));
    both.transition(0, force(true)).unwrap();
    assert!(both.world.record(0).unwrap().placed.unwrap().debt.is_some());
    both.drive(0);
    let placed = both.world.record(0).unwrap().placed.unwrap();
    assert_eq!((placed.state, placed.debt), (PartitionState::Active(B), None));
}
