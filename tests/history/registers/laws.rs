//! Histories of correct registers are linearizable; and for small, spoiled histories the judge agrees with one that tries every
//! order.

use super::super::cases::cases;
use super::super::laws::dice;
use super::brute;
use super::make::{Damage, Shape, damaged, history, replayed};
use cutover::core::invariant::history::CONFIGURATIONS;
use cutover::core::invariant::history::registers::{
    Call, Event, Operation, Outcome, Registers, Value, Verdict, What,
};
use proptest::prelude::*;

fn shape(operations: std::ops::Range<usize>) -> impl Strategy<Value = Shape> {
    let mix = prop_oneof![Just((50, 10, 10)), Just((30, 40, 10)), Just((20, 10, 30)), Just((60, 0, 0))];
    let unknown = prop_oneof![Just(0_u64), Just(20), Just(150), Just(400)];
    (1_u64..9, operations, 0_i64..4, mix, unknown).prop_map(
        |(processes, operations, values, (reads, cas, deletes), unknown)| Shape {
            processes,
            keys: 1,
            operations,
            values,
            reads,
            cas,
            deletes,
            unknown,
        },
    )
}

/// Changes what was read, written or said, or the order of two events.
fn spoil(events: &mut Vec<Event>, roll: &mut impl FnMut(u64) -> u64) {
    let count = u64::try_from(events.len()).unwrap();
    let value = match roll(4) {
        0 => Value::Nothing,
        other => Value::Number(i64::try_from(other).unwrap() - 1),
    };
    let which = usize::try_from(roll(count)).unwrap();
    let kind = roll(3);
    let process = events[which].process;
    let is_cas = matches!(events[which].call, Call::Cas { .. });
    let is_read = matches!(events[which].call, Call::Read);
    match &mut events[which].what {
        What::Ended(Outcome::Read(seen)) => *seen = value,
        What::Ended(said @ (Outcome::Done | Outcome::Refused | Outcome::Failed | Outcome::Unknown)) => {
            *said = match kind {
                _ if is_read => Outcome::Read(value),
                0 if is_cas => Outcome::Refused,
                1 => Outcome::Done,
                _ => Outcome::Unknown,
            };
        }
        // It ends later, or never, or begins earlier.
        What::Invoked => {
            let end = (which + 1..events.len()).find(|at| events[*at].process == process);
            if let Some(end) = end.filter(|_| kind > 0) {
                let later = (end + 1..events.len()).find(|at| events[*at].process == process);
                let last = later.unwrap_or(events.len()) - 1;
                let event = events.remove(end);
                if kind == 1 {
                    events.insert(last, event);
                } else if later.is_none() {
                    events.push(event);
                } else {
                    events.insert(end, event);
                }
            }
        }
    }
}

/// A history of a few operations, mostly of nothing that was ever there.
fn small(shape: Shape, seed: u64, spoilt: u32) -> Registers {
    let mut events = history(shape, seed).events();
    let mut roll = dice(seed ^ 77);
    for _ in 0..spoilt {
        spoil(&mut events, &mut roll);
    }
    replayed(&events)
}

/// The operations as text, with the times of their events.
fn shown(history: &Registers) -> String {
    let operations = history.keys().flat_map(|key| (0..key.len()).filter_map(|at| key.operation(at)));
    let line =
        |operation: Operation<'_>| format!("p{} {operation}  {:?}\n", operation.process(), operation.times());
    operations.map(line).collect()
}

fn is_linearizable(history: &Registers) -> Option<bool> {
    match history.judge(CONFIGURATIONS).verdict {
        Verdict::Linearizable => Some(true),
        Verdict::NotLinearizable(_) => Some(false),
        Verdict::Unknown { .. } => None,
    }
}

proptest! {
    #![proptest_config(cases(80))]

    #[test]
    fn a_small_history_is_judged_as_by_a_search_of_every_order(
        shape in shape(1..9), seed in any::<u64>(), spoilt in 0_u32..4,
    ) {
        let history = small(shape, seed, spoilt);
        let expected = history.keys().all(brute::is_linearizable);
        prop_assert_eq!(is_linearizable(&history), Some(expected), "{}", shown(&history));
    }

    /// What is left of a history that has no order has none by itself.
    #[test]
    fn what_is_left_contradicts_itself(shape in shape(4..9), seed in any::<u64>(), spoilt in 1_u32..4) {
        let history = small(shape, seed, spoilt);
        let Some(key) = history.keys().find(|key| !brute::is_linearizable(key)) else { return Ok(()) };
        let minimal = key.minimal(CONFIGURATIONS);
        let [left] = minimal.keys().collect::<Vec<_>>()[..] else { panic!("{minimal:?}") };
        prop_assert!(left.len() <= key.len());
        prop_assert!(!brute::is_linearizable(left), "{}\nof\n{}", shown(&minimal), shown(&history));
    }
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn a_history_of_correct_registers_is_linearizable(shape in shape(1..400), seed in any::<u64>()) {
        prop_assert_eq!(is_linearizable(&history(shape, seed)), Some(true));
    }

}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn each_damage_is_found(shape in shape(1..300), seed in any::<u64>()) {
        for damage in Damage::ALL {
            let bad = damaged(&history(shape, seed), damage);
            prop_assert_eq!(is_linearizable(&bad), Some(false), "{:?}", damage);
        }
    }
}

/// The spoiled histories are useful: some are linearizable and some are not.
#[test]
fn spoiled_histories_come_out_both_ways() {
    let mut counts = [0_u32; 2];
    for seed in 0..600 {
        let values = i64::try_from(seed % 4).unwrap();
        let shape = Shape { values, cas: 25, ..Shape::plain(3, 1, 7) };
        let small = small(shape, seed, 2);
        counts[usize::from(small.keys().all(brute::is_linearizable))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
}
