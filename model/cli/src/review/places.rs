//! Places that a scope reached, and those that it must reach.

use super::pair::Pair;
use super::side::{Ending, Searched};
use cutover_report::{Call, Change, Kind, Value};
use std::collections::BTreeSet;

/// Places reached on one side only, if both searches came to their end; and requirements met on one side only.
pub(super) fn compare_places(pair: &Pair<'_>, base: &Searched, head: &Searched, changes: &mut Vec<Change>) {
    let mut push = |kind: Kind, call: Call, what: Vec<String>, base: Value, head: Value| {
        if !what.is_empty() {
            changes.push(Change {
                call,
                kind,
                scopes: vec![pair.name.clone()],
                what,
                base,
                head,
                note: None,
            });
        }
    };
    if (base.ending, head.ending) != (Ending::Complete, Ending::Complete) {
        return;
    }
    let lost = without(&base.reached, &head.reached);
    let new = without(&head.reached, &base.reached);
    // What is missing since it was lost, or there since it is new, was just said.
    let missing = besides(without(&head.missing, &base.missing), &lost);
    let met = besides(without(&base.missing, &head.missing), &new);
    let (reached, wanted) = (|| Value::word("reached"), || Value::word("required, not reached"));
    push(Kind::Reached, Call::Decide, lost, reached(), Value::Absent);
    push(Kind::Reached, Call::Note, new, Value::Absent, reached());
    push(Kind::Missing, Call::Decide, missing, Value::Absent, wanted());
    push(Kind::Missing, Call::Better, met, wanted(), Value::Absent);
}

fn without(these: &BTreeSet<String>, those: &BTreeSet<String>) -> Vec<String> {
    these.difference(those).cloned().collect()
}

fn besides(mut these: Vec<String>, said: &[String]) -> Vec<String> {
    these.retain(|place| !said.contains(place));
    these
}
