//! Compares seeds of the simulator.
//!
//! Hashes and numbers of events are not compared: they differ whenever the server does anything in another order.

use super::side::Side;
use cutover_report::{Call, Change, Kind, Value};
use std::collections::BTreeSet;

/// The result of comparing seeds.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    pub(super) changes: Vec<Change>,
    pub(super) standing: Vec<String>,
    /// Number of seeds that ran on both sides.
    pub(super) compared: usize,
}

/// Compares the seeds that ran on both sides. If both sides ran the same seeds, also compares the marks that were
/// reached.
pub(super) fn compare(base: &Side, head: &Side) -> Seeds {
    let mut seeds = Seeds::default();
    let mut other_options = Vec::new();
    for (name, now) in &head.seeds {
        let Some(before) = base.seeds.get(name) else { continue };
        seeds.compared += 1;
        if before.options != now.options {
            other_options.push(name.clone());
        }
        if before.text() != now.text() {
            let call = if now.is_well() { Call::Better } else { Call::Decide };
            let (before, now) = (Value::word(before.text()), Value::word(now.text()));
            seeds.push(call, Kind::Seed, vec![name.clone()], before, now);
        } else if !now.is_well() {
            seeds.standing.push(format!("seed {name} is {}", now.text()));
        }
    }
    if !other_options.is_empty() {
        seeds.push(
            Call::Decide,
            Kind::Option,
            other_options,
            Value::word("one world"),
            Value::word("another"),
        );
    }
    if seeds.compared > 0 && base.seeds.keys().eq(head.seeds.keys()) {
        let without = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
            these.difference(those).cloned().collect()
        };
        let reached = || Value::word("reached");
        let lost = without(&base.seed_marks, &head.seed_marks);
        let new = without(&head.seed_marks, &base.seed_marks);
        seeds.push(Call::Decide, Kind::Reached, lost, reached(), Value::Absent);
        seeds.push(Call::Note, Kind::Reached, new, Value::Absent, reached());
    }
    seeds
}

impl Seeds {
    fn push(&mut self, call: Call, kind: Kind, what: Vec<String>, base: Value, head: Value) {
        if !what.is_empty() {
            let scopes = vec!["sim".to_owned()];
            self.changes.push(Change { call, kind, scopes, what, base, head, note: None });
        }
    }
}
