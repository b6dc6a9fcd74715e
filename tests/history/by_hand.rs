//! Small histories, one for each way in which a control plane can be right or wrong.

use super::make::{
    P, TableHistory, abort, apply, at, begin, dropped, fails, ok, passes, read, receipt, refused, revised,
};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Placement};
use cutover::core::invariant::history::{
    Answer, Invocation, Judged, Operation, Seen, Verdict, judge, judge_from,
};
use cutover::core::migration::{PartitionRecord, Transition};
use cutover::core::placement::Guarantee;
use std::collections::BTreeMap;

/// A partition that was opened at A and is draining to B, with both records.
fn begun() -> (TableHistory, Vec<Operation>, PartitionRecord, PartitionRecord) {
    let (mut table, mut history) = TableHistory::settled();
    let settled = table.record();
    history.push(table.tells(10, 20, begin(at(1, 1), 1)));
    let draining = table.record();
    (table, history, settled, draining)
}

#[test]
fn one_after_the_other() {
    let (mut table, mut history, _, draining) = begun();
    history.push(read(21, 22, Some(&draining)));
    history.push(table.tells(23, 24, abort(at(2, 2))));
    history.push(table.tells(25, 26, abort(at(2, 2))));
    history.push(read(27, 28, Some(&table.record())));
    passes(&history);
    let judged = judge(&history, 100).unwrap();
    let Judged { operations, answered, indeterminate, partitions, .. } = judged;
    assert_eq!((operations, answered, indeterminate, partitions), (7, 7, 0, 1));
}

#[test]
fn overlapping_reads_see_either_state_in_either_order() {
    let (_, mut history, settled, draining) = begun();
    history.push(read(11, 19, Some(&draining)));
    history.push(read(11, 19, Some(&settled)));
    passes(&history);
}

#[test]
fn a_stale_read() {
    let (_, mut history, settled, _) = begun();
    history.push(read(21, 22, Some(&settled)));
    let failure = fails(&history);
    assert!(failure.found.contains("read Active(A)@e1 m1"), "{failure:?}");
    assert!(failure.against.contains("Draining(A>B)@e2"), "{failure:?}");
}

#[test]
fn reads_that_go_back_while_the_write_is_open() {
    let (_, mut history, settled, draining) = begun();
    history.push(read(11, 12, Some(&draining)));
    history.push(read(13, 14, Some(&settled)));
    fails(&history);
}

#[test]
fn an_acknowledged_transition_is_lost() {
    let (mut table, mut history, _, draining) = begun();
    history.push(table.tells(21, 22, abort(at(2, 2))));
    history.push(read(23, 24, Some(&draining)));
    fails(&history);
    // Another one is accepted in its place.
    history.pop();
    history.push(apply(23, 24, abort(at(2, 2)), ok(3)));
    let failure = fails(&history);
    assert!(failure.found.contains("abort on m2@e2: an operator asked for it: ok e3"), "{failure:?}");
}

#[test]
fn a_transition_is_applied_twice() {
    let (mut table, mut history) = TableHistory::settled();
    history.push(table.tells(10, 20, begin(at(1, 1), 1)));
    history.push(apply(10, 20, begin(at(1, 1), 1), ok(2)));
    fails(&history);
}

#[test]
fn a_transition_takes_effect_after_it_was_said_not_to() {
    let (mut table, mut history) = TableHistory::settled();
    let begins = begin(at(1, 1), 1);
    table.takes(begins.clone());
    history.push(apply(10, 20, begins.clone(), Answer::NotCommitted));
    history.push(read(21, 22, Some(&table.record())));
    fails(&history);
    history[2] = apply(10, 20, begins, Answer::Indeterminate);
    passes(&history);
}

#[test]
fn a_record_from_nowhere() {
    let (table, mut history, ..) = begun();
    let mut record = table.record();
    record.epoch = Epoch(9);
    history.push(read(21, 22, Some(&record)));
    fails(&history);
    // This partition was never created.
    fails(&[read(1, 2, Some(&table.record()))]);
    passes(&[read(1, 2, None)]);
}

/// After a restore: a history that begins with the record as it was before the move began.
#[test]
fn a_history_that_begins_with_a_record() {
    let (mut table, _, settled, draining) = begun();
    let begins_with = BTreeMap::from([(P, settled.clone())]);
    let verdict = |history: &[Operation]| judge_from(history, &begins_with, 1_000).unwrap().verdict;
    let again = apply(3, 4, begin(at(1, 1), 1), ok(2));
    let mut history = vec![read(1, 2, Some(&settled)), again, read(5, 6, Some(&draining))];
    history.push(table.tells(7, 8, abort(at(2, 2))));
    history.push(read(9, 10, Some(&table.record())));
    assert_eq!(verdict(&history), Verdict::Linearizable);
    fails(&history);
    // What an earlier history had acknowledged is not known here.
    assert!(matches!(verdict(&[read(1, 2, Some(&draining))]), Verdict::NotLinearizable(_)));
    assert!(matches!(verdict(&[read(1, 2, None)]), Verdict::NotLinearizable(_)));
}

#[test]
fn an_indeterminate_transition_takes_effect_once_whenever_it_likes() {
    let (mut table, mut history) = TableHistory::settled();
    let settled = table.record();
    history.push(apply(10, 11, begin(at(1, 1), 1), Answer::Indeterminate));
    history.push(read(20, 21, Some(&settled)));
    passes(&history);
    table.takes(begin(at(1, 1), 1));
    let draining = table.record();
    history.push(read(30, 31, Some(&draining)));
    passes(&history);
    history.push(read(40, 41, Some(&settled)));
    fails(&history);
}

#[test]
fn an_indeterminate_transition_has_no_effect_before_it_was_asked_for() {
    let (mut table, mut history) = TableHistory::settled();
    table.takes(begin(at(1, 1), 1));
    history.push(read(20, 21, Some(&table.record())));
    history.push(apply(22, 23, begin(at(1, 1), 1), Answer::Indeterminate));
    fails(&history);
}

#[test]
fn of_two_equal_indeterminate_creations_each_may_take_effect() {
    let create = || Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    let lost = |invoked| {
        let mut lost = apply(invoked, invoked, create(), Answer::Indeterminate);
        lost.completed = None;
        lost
    };
    let (mut table, _) = TableHistory::settled();
    let gone = table.tells(10, 11, Transition::Delete { expected: at(1, 1) });
    let forget = Transition::ForgetCopy { dropped: dropped(P, Placement(0), MigrationId(1)) };
    let forgotten = table.tells(12, 13, forget);
    table.takes(create());
    let again = read(20, 21, Some(&table.record()));
    assert_eq!(table.record().to_string(), "Active(A)@e3 m2");
    passes(&[lost(1), lost(5), gone.clone(), forgotten.clone(), again.clone()]);
    fails(&[lost(1), gone, forgotten, again]);
}

/// Other partitions use ids and raise the epochs of creations; the history of this partition does not show when.
#[test]
fn numbers_that_other_partitions_took() {
    let (mut table, mut history) = TableHistory::settled();
    let create = Transition::Create { placement: Placement(1), guarantee: Guarantee::Sealed };
    history.push(table.tells(10, 11, Transition::Delete { expected: at(1, 1) }));
    let forget = Transition::ForgetCopy { dropped: dropped(P, Placement(0), MigrationId(1)) };
    history.push(table.tells(12, 13, forget));
    table.table.raise_floor(Epoch(70), MigrationId(40));
    history.push(table.tells(14, 15, create));
    assert_eq!(table.record().to_string(), "Active(B)@e71 m41");
    passes(&history);
    history.push(read(16, 17, Some(&table.record())));
    passes(&history);
    // Numbers never decrease.
    let mut fallen = table.record();
    fallen.migration = MigrationId(1);
    fallen.placed.as_mut().unwrap().copy = MigrationId(1);
    history[5] = read(16, 17, Some(&fallen));
    fails(&history);
}

#[test]
fn an_id_is_the_same_for_everybody() {
    let (mut table, mut history, _, draining) = begun();
    history.push(read(21, 22, Some(&draining)));
    table.table.raise_floor(Epoch::ZERO, MigrationId(8));
    let mut other = draining;
    other.migration = MigrationId(7);
    history.push(read(23, 24, Some(&other)));
    fails(&history);
    // No read returned this record, but an accepted command named it.
    history.truncate(3);
    history.push(apply(25, 26, abort(at(7, 2)), ok(3)));
    passes(&history);
    history.push(apply(27, 28, abort(at(7, 2)), refused("StaleExpectation", Some(at(7, 3)))));
    passes(&history);
    history.pop();
    history.push(apply(27, 28, abort(at(7, 2)), refused("StaleExpectation", Some(at(8, 3)))));
    fails(&history);
}

#[test]
fn a_refusal_is_judged_like_any_other_answer() {
    let (table, mut history, ..) = begun();
    let stale = |have| apply(21, 22, begin(at(1, 1), 1), refused("StaleExpectation", have));
    history.push(stale(Some(at(2, 2))));
    passes(&history);
    history[3] = stale(None);
    passes(&history);
    history[3] = stale(Some(at(1, 1)));
    fails(&history);
    // The transition was refused, and takes effect nevertheless.
    let (_, mut history) = TableHistory::settled();
    history.push(apply(10, 11, begin(at(1, 1), 1), refused("AlreadyMigrating", None)));
    fails(&history);
    history[2] = apply(10, 11, begin(at(1, 1), 1), refused("OverallCap", None));
    passes(&history);
    history.push(read(12, 13, Some(&table.record())));
    fails(&history);
    history[2] = apply(10, 11, abort(at(1, 1)), refused("OverallCap", None));
    fails(&history);
}

#[test]
fn revisions_do_not_go_back() {
    let (_, mut history, settled, draining) = begun();
    history.push(revised(read(5, 6, Some(&settled)), 7));
    history.push(revised(read(7, 8, Some(&settled)), 7));
    history.push(revised(read(11, 30, Some(&draining)), 8));
    passes(&history);
    let clashes = |index: usize, revision| {
        let mut history = history.clone();
        history[index] = revised(history[index].clone(), revision);
        let failure = fails(&history);
        assert!(failure.against.contains("revision"), "{failure:?}");
        assert_eq!(failure.lines.len(), 2);
    };
    clashes(4, 6);
    clashes(5, 7);
    // Also across partitions: there is only one log.
    let mut elsewhere = revised(read(31, 32, None), 7);
    elsewhere.partition = PartitionId(2);
    history.push(elsewhere);
    fails(&history);
}

#[test]
fn a_deleted_partition() {
    let (mut table, mut history) = TableHistory::settled();
    history.push(table.tells(10, 11, Transition::Delete { expected: at(1, 1) }));
    let mut unplaced = read(12, 13, None);
    history.push(unplaced.clone());
    fails(&history);
    unplaced.call = Invocation::Read { seen: Seen::Unplaced, revision: None };
    history[3] = unplaced;
    passes(&history);
    history.push(read(14, 15, Some(&table.record())));
    passes(&history);
    let forget = Transition::ForgetCopy { dropped: dropped(P, Placement(0), MigrationId(1)) };
    history.push(table.tells(16, 17, forget));
    history.push(read(18, 19, None));
    passes(&history);
}

/// Entering the cutover of another migration needs that migration's receipt.
#[test]
fn a_transition_that_nothing_allows() {
    let (_, mut history, ..) = begun();
    let receipt = receipt(P, Placement(2), at(2, 2), 1);
    history.push(apply(30, 31, Transition::EnterCutover { expected: at(2, 2), receipt }, ok(3)));
    fails(&history);
}

#[test]
fn a_budget_that_ends_is_unknown_and_a_failure_elsewhere_is_not() {
    let (_, mut history, settled, _) = begun();
    let judged = judge(&history, 1).unwrap();
    assert_eq!(judged.verdict, Verdict::Unknown { partition: P });
    assert_eq!(judge(&[], 0).unwrap().verdict, Verdict::Linearizable, "nothing is in order");
    let mut elsewhere = read(1, 2, Some(&settled));
    elsewhere.partition = PartitionId(2);
    if let Invocation::Read { seen: Seen::Record(record), .. } = &mut elsewhere.call {
        record.partition = PartitionId(2);
    }
    history.push(elsewhere);
    assert!(matches!(judge(&history, 1).unwrap().verdict, Verdict::NotLinearizable(_)));
}

#[test]
fn an_operation_that_cannot_be_one() {
    let (table, history) = TableHistory::settled();
    let malformed = |operation: Operation| {
        let error = judge(&[history[0].clone(), operation], 1).unwrap_err();
        assert_eq!(error.operation, 1);
        error.to_string()
    };
    assert!(malformed(read(5, 4, None)).contains("completed 4, invoked 5"));
    let mut endless = history[1].clone();
    endless.completed = None;
    assert!(malformed(endless).contains("an answer without"));
    let mut foreign = read(5, 6, Some(&table.record()));
    foreign.partition = PartitionId(2);
    assert!(malformed(foreign).contains("a record of p1"));
    assert!(malformed(apply(5, 6, abort(at(1, 1)), refused("Backend", None))).contains("Backend"));
}
