//! Random executions pass; and on small histories, however spoiled, the judge says what a search of every order says.

#![allow(clippy::disallowed_macros, reason = "a measurement speaks to people")]

use super::brute;
use super::cases::cases;
use super::execution::{Shape, execute};
use cutover::core::ids::{Epoch, MigrationId, PartitionId, Revision};
use cutover::core::invariant::history::{
    Answer, CONFIGURATIONS, Invocation, Operation, Seen, Verdict, judge,
};
use cutover::core::migration::Transition;
use proptest::prelude::*;

/// Numbers without end from a seed (splitmix64).
pub fn dice(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |bound| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    (1_u64..12, 1_u32..4, 1_usize..150, prop_oneof![Just(0_u64), Just(10), Just(40)], 10_u64..70).prop_map(
        |(clients, partitions, operations, lost, reads)| Shape {
            clients,
            partitions,
            operations,
            lost,
            reads,
        },
    )
}

/// A few operations on one partition, of a run in which another takes numbers as well.
fn small(seed: u64, length: usize) -> Vec<Operation> {
    let mut roll = dice(seed);
    let shape = Shape {
        clients: 1 + roll(3),
        partitions: 2,
        operations: 3 * length + 3,
        lost: [0, 15, 40][usize::try_from(roll(3)).unwrap()],
        reads: [10, 35][usize::try_from(roll(2)).unwrap()],
    };
    let mut operations = execute(shape, &mut roll);
    operations.retain(|operation| operation.partition == PartitionId(1));
    operations.truncate(length);
    operations
}

/// Another answer, another time, another order: most often one that no table gives.
fn spoil(operations: &mut Vec<Operation>, roll: &mut impl FnMut(u64) -> u64) {
    let count = u64::try_from(operations.len()).unwrap();
    if count == 0 {
        return;
    }
    let which = usize::try_from(roll(count)).unwrap();
    let other = operations[usize::try_from(roll(count)).unwrap()].clone();
    let (kind, up) = (roll(7), roll(2) == 0);
    let operation = &mut operations[which];
    let shift = |number: u64| if up { number + 1 } else { number.saturating_sub(1) };
    match (kind, &mut operation.call) {
        (0, _) => {
            operation.invoked = shift(operation.invoked);
            operation.completed = operation.completed.map(|time| time.max(operation.invoked));
        }
        (1, _) if other.completed.is_some() => {
            (operation.invoked, operation.completed) = (other.invoked, other.completed)
        }
        (2, call)
            if matches!(other.call, Invocation::Read { .. }) && matches!(call, Invocation::Read { .. }) =>
        {
            *call = other.call;
        }
        (3, _) => drop(operations.remove(which)),
        (_, Invocation::Read { revision: Some(revision), .. }) if kind == 4 => {
            *revision = Revision(shift(revision.0))
        }
        (_, Invocation::Read { seen: Seen::Record(record), .. }) => {
            if kind == 5 {
                record.epoch = Epoch(shift(record.epoch.0));
            } else {
                record.migration = MigrationId(shift(record.migration.0));
            }
        }
        (_, Invocation::Read { seen, .. }) => *seen = if up { Seen::Nothing } else { Seen::Unplaced },
        (_, Invocation::Apply { answer: Answer::Ok { epoch }, .. }) if kind == 4 => {
            *epoch = Epoch(shift(epoch.0))
        }
        (_, Invocation::Apply { answer, .. }) => {
            *answer = if kind == 5 { Answer::NotCommitted } else { Answer::Indeterminate };
        }
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn an_execution_of_the_table_is_linearizable(shape in shape(), seed in any::<u64>()) {
        let operations = execute(shape, &mut dice(seed));
        let judged = judge(&operations, CONFIGURATIONS).expect("an execution is well-formed");
        prop_assert_eq!(judged.verdict, Verdict::Linearizable);
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn a_small_history_is_judged_as_by_a_search_of_every_order(
        seed in any::<u64>(),
        length in 1_usize..7,
        spoilt in 0_u32..3,
        roll in any::<u64>(),
    ) {
        let mut operations = small(seed, length);
        let mut roll = dice(roll);
        for _ in 0..spoilt {
            spoil(&mut operations, &mut roll);
        }
        let expected = brute::is_linearizable(&operations, 14);
        let judged = judge(&operations, CONFIGURATIONS).expect("it is well-formed");
        prop_assert_ne!(&judged.verdict, &Verdict::Unknown { partition: PartitionId(1) });
        prop_assert_eq!(judged.verdict == Verdict::Linearizable, expected, "{:#?}\n{:#?}", judged, operations);
    }
}

/// Leaves out reads, and forgets answers: what is left is still a history of the same run.
fn forget(operations: &mut Vec<Operation>, share: u64, roll: &mut impl FnMut(u64) -> u64) {
    operations.retain(|operation| matches!(operation.call, Invocation::Apply { .. }) || roll(100) >= share);
    for operation in operations {
        if let Invocation::Apply { answer, .. } = &mut operation.call
            && *answer != Answer::NotCommitted
            && roll(200) < share
        {
            *answer = Answer::Indeterminate;
        }
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn whoever_saw_less_does_not_object(shape in shape(), seed in any::<u64>(), share in 30_u64..100) {
        let mut operations = execute(shape, &mut dice(seed));
        forget(&mut operations, share, &mut dice(seed));
        let judged = judge(&operations, CONFIGURATIONS).expect("an execution is well-formed");
        prop_assert_eq!(judged.verdict, Verdict::Linearizable);
    }

    /// A value that was overwritten before the read began.
    #[test]
    fn a_stale_read_is_found(shape in shape(), seed in any::<u64>(), roll in any::<u64>()) {
        let mut operations = execute(shape, &mut dice(seed));
        let mut roll = dice(roll);
        let reads: Vec<_> = operations.iter().filter(|operation| record(operation).is_some()).cloned().collect();
        let pairs: Vec<_> = reads
            .iter()
            .flat_map(|old| reads.iter().map(move |new| (old, new)))
            .filter(|(old, new)| old.partition == new.partition && record(old) < record(new))
            .collect();
        if let Some((old, new)) = pairs.get(usize::try_from(roll(pairs.len() as u64)).unwrap()) {
            let after = new.completed.unwrap() + 1;
            let mut stale = Operation { invoked: after, completed: Some(after + roll(9)), ..(*old).clone() };
            if let Invocation::Read { revision, .. } = &mut stale.call {
                *revision = None;
            }
            operations.push(stale);
            let judged = judge(&operations, CONFIGURATIONS).expect("it is well-formed");
            prop_assert!(matches!(judged.verdict, Verdict::NotLinearizable(_)), "{:?}", judged);
        }
    }

    /// An acknowledged transition that left no trace but what came after it.
    #[test]
    fn an_effect_without_a_cause_is_found(shape in shape(), seed in any::<u64>(), roll in any::<u64>()) {
        let shape = Shape { lost: 0, ..shape };
        let mut operations = execute(shape, &mut dice(seed));
        let seen: Vec<_> = operations.iter().filter_map(|read| Some((read.partition, record(read)?))).collect();
        let causes: Vec<usize> = (0..operations.len())
            .filter(|at| {
                let cause = &operations[*at];
                matches!(&cause.call, Invocation::Apply { answer: Answer::Ok { epoch }, transition }
                    if !matches!(transition, Transition::Create { .. })
                        && seen.iter().any(|(partition, at)| *partition == cause.partition && at > epoch))
            })
            .filter(|at| advances(&operations[*at]))
            .collect();
        if let Some(cause) = causes.get(usize::try_from(dice(roll)(causes.len() as u64)).unwrap()) {
            operations.remove(*cause);
            let judged = judge(&operations, CONFIGURATIONS).expect("it is well-formed");
            prop_assert!(matches!(judged.verdict, Verdict::NotLinearizable(_)), "{:?}", judged);
        }
    }
}

/// The epoch that a read returned.
fn record(operation: &Operation) -> Option<Epoch> {
    match &operation.call {
        Invocation::Read { seen: Seen::Record(record), .. } if operation.completed.is_some() => {
            Some(record.epoch)
        }
        Invocation::Read { .. } | Invocation::Apply { .. } => None,
    }
}

fn advances(operation: &Operation) -> bool {
    matches!(
        &operation.call,
        Invocation::Apply {
            transition: Transition::Begin { .. } | Transition::Abort { .. } | Transition::Complete { .. },
            ..
        }
    )
}

/// What the spoiled histories are worth: they come out both ways.
#[test]
fn spoiled_histories_come_out_both_ways() {
    let mut counts = [0_u32; 2];
    for seed in 0..400 {
        let mut operations = small(seed, 6);
        let mut roll = dice(seed);
        spoil(&mut operations, &mut roll);
        counts[usize::from(brute::is_linearizable(&operations, 14))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
}

/// Judges it, and says how long that took.
fn timed(what: &str, operations: &[Operation]) -> Verdict {
    let began = std::time::Instant::now();
    let judged = judge(operations, CONFIGURATIONS).unwrap();
    let (count, visited) = (judged.operations, judged.configurations);
    println!("{what}: {count} operations, {visited} configurations, {:?}", began.elapsed());
    judged.verdict
}

#[test]
fn a_long_history_is_judged_in_time() {
    let shape = Shape { clients: 64, partitions: 50, operations: 20_000, lost: 10, reads: 40 };
    let operations = execute(shape, &mut dice(1));
    assert_eq!(timed("twenty thousand", &operations), Verdict::Linearizable);
}

/// `cargo test --release --test history -- --ignored --nocapture speed`
#[test]
#[ignore = "prints how long it takes"]
fn speed() {
    for (partitions, operations) in [(50, 50_000), (1, 50_000), (5, 500_000)] {
        for lost in [0, 10, 40] {
            let shape = Shape { clients: 64, partitions, operations, lost, reads: 40 };
            let mut operations = execute(shape, &mut dice(1));
            let what = format!("{partitions} partitions, {lost} % lost");
            assert_eq!(timed(&what, &operations), Verdict::Linearizable);
            let mut forgotten = operations.clone();
            forget(&mut forgotten, 80, &mut dice(2));
            assert_eq!(timed(&format!("{what}, most reads gone"), &forgotten), Verdict::Linearizable);
            let end = operations.iter().filter_map(|operation| operation.completed).max().unwrap();
            let early = operations.iter().find(|operation| record(operation).is_some()).unwrap();
            let call = early.call.clone();
            let stale = Operation { invoked: end + 1, completed: Some(end + 2), call, ..*early };
            operations.push(stale);
            if let Invocation::Read { revision, .. } = &mut operations.last_mut().unwrap().call {
                *revision = None;
            }
            let verdict = timed(&format!("{what}, and a stale read at the end"), &operations);
            assert!(matches!(verdict, Verdict::NotLinearizable(_)), "{verdict:?}");
        }
    }
}
