//! Long histories are judged with few configurations.

#![allow(clippy::disallowed_macros, reason = "a measurement speaks to people")]

use super::make::{Damage, Shape, damaged, history};
use cutover::core::invariant::history::CONFIGURATIONS;
use cutover::core::invariant::history::registers::{Judged, Registers, Verdict};
use std::time::Instant;

fn timed(what: &str, history: &Registers) -> Judged {
    let began = Instant::now();
    let judged = history.judge(CONFIGURATIONS);
    let (count, visited) = (judged.operations, judged.configurations);
    println!("{what}: {count} operations, {visited} configurations, {:?}", began.elapsed());
    judged
}

/// Values that are written once, many that come again, and few.
const VALUES: [i64; 3] = [0, 100, 5];

#[test]
fn a_long_history_takes_a_few_configurations_for_each_operation() {
    for values in VALUES {
        let shape = Shape { values, ..Shape::plain(16, 1, 20_000) };
        let long = history(shape, 1);
        let judged = timed(&format!("{values} values"), &long);
        assert_eq!(judged.verdict, Verdict::Linearizable);
        assert!(judged.configurations < 160_000, "{values} values: {}", judged.configurations);
    }
}

/// What contradicts itself is found at the end of a long history, although every choice before it could have been another one.
#[test]
fn a_damage_at_the_end_of_a_long_history_is_found() {
    for values in VALUES {
        let shape = Shape { values, ..Shape::plain(16, 1, 5_000) };
        let long = history(shape, 2);
        for damage in Damage::ALL {
            let judged = timed(&format!("{values} values, {damage:?}"), &damaged(&long, damage));
            assert!(matches!(judged.verdict, Verdict::NotLinearizable(_)), "{values} values, {damage:?}");
        }
    }
}

/// Measures the judge: `cargo test --release --test history -- --ignored --nocapture registers::speed`
#[test]
#[ignore = "prints how long it takes"]
fn speed() {
    for (processes, keys, operations) in [(16, 1, 100_000), (8, 1000, 1_000_000)] {
        for values in VALUES {
            for (reads, cas, deletes) in [(50, 0, 0), (50, 10, 5), (20, 10, 20)] {
                let shape =
                    Shape { values, reads, cas, deletes, ..Shape::plain(processes, keys, operations) };
                let began = Instant::now();
                let long = history(shape, 1);
                let made = began.elapsed();
                let what = format!(
                    "{keys} keys, {values} values, {cas} % cas, {deletes} % deletes, made in {made:?}"
                );
                assert_eq!(timed(&what, &long).verdict, Verdict::Linearizable);
                if keys == 1 {
                    for damage in [Damage::LostWrite, Damage::StaleRead] {
                        let verdict = timed(&format!("    {damage:?}"), &damaged(&long, damage)).verdict;
                        println!("    red: {}", matches!(verdict, Verdict::NotLinearizable(_)));
                    }
                }
            }
        }
    }
}
