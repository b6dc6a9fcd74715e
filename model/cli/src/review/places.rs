//! Compares the marks that scopes reached, and those that they require.

use super::pair::Pair;
use super::side::{Ending, Searched};
use cutover_report::{Call, Change, Kind, Value};
use std::collections::BTreeSet;

/// Adds the marks that only one search reached, if both were complete, and the requirements that only one search
/// met.
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
    // A mark that is missing because it was lost, or required because it is new, was reported above.
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
