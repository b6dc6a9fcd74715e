//! Compares scopes and the verdicts on invariants.

use super::pair::{Half, Pair};
use super::places::compare_places;
use super::side::{Ending, Searched, Side};
use cutover_report::{Call, Change, InvariantVerdict as Verdict, Kind, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The differences between the searches of scopes.
pub(super) fn scopes(pairs: &[Pair<'_>]) -> Vec<Change> {
    let mut changes = options(pairs);
    for pair in pairs {
        match (pair.base, pair.head) {
            (Some(base), Some(head)) => both(pair, base.found, head.found, &mut changes),
            (Some(half), None) => {
                changes.push(one(pair, Kind::Scope, Call::Decide, ended(half), Value::Absent))
            }
            (None, Some(half)) => {
                let call = if half.found.is_well() { Call::Note } else { Call::Decide };
                changes.push(one(pair, Kind::Scope, call, Value::Absent, ended(half)));
            }
            (None, None) => {}
        }
    }
    changes
}

/// A difference in one scope.
fn one(pair: &Pair<'_>, kind: Kind, call: Call, base: Value, head: Value) -> Change {
    Change { call, kind, scopes: vec![pair.name.clone()], what: Vec::new(), base, head, note: None }
}

fn ended(half: Half<'_>) -> Value {
    Value::word(text(half.found.ending))
}

fn text(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Violation => "ended by a violation",
        Ending::Early => "ended early",
    }
}

/// Differences in options, each with all scopes that it concerns.
fn options(pairs: &[Pair<'_>]) -> Vec<Change> {
    let mut found: BTreeMap<(&str, Value, Value), Vec<String>> = BTreeMap::new();
    for pair in pairs {
        let (Some(base), Some(head)) = (pair.base, pair.head) else { continue };
        let names: BTreeSet<&String> = base.options.keys().chain(head.options.keys()).collect();
        for name in names {
            let (base, head) = (base.options.get(name), head.options.get(name));
            if base != head {
                let key = (name.as_str(), Value::words(base.cloned()), Value::words(head.cloned()));
                found.entry(key).or_default().push(pair.name.clone());
            }
        }
    }
    let change = |((name, base, head), scopes): ((&str, Value, Value), Vec<String>)| Change {
        call: Call::Decide,
        kind: Kind::Option,
        scopes,
        what: vec![name.to_owned()],
        base,
        head,
        note: None,
    };
    found.into_iter().map(change).collect()
}

fn both(pair: &Pair<'_>, base: &Searched, head: &Searched, changes: &mut Vec<Change>) {
    if let (Some(b), Some(h)) = (&base.setup, &head.setup) {
        let parts = [
            ("bounds", Value::word(&b.bounds), Value::word(&h.bounds)),
            ("faults", Value::word(&b.faults), Value::word(&h.faults)),
            ("expected to break", Value::words(b.expect.as_ref()), Value::words(h.expect.as_ref())),
        ];
        for (what, b, h) in parts.into_iter().filter(|(_, b, h)| b != h) {
            let change = one(pair, Kind::Setup, Call::Decide, b, h);
            changes.push(Change { what: vec![what.to_owned()], ..change });
        }
    }
    if base.ending != head.ending {
        let call = if head.ended_well() { Call::Better } else { Call::Decide };
        let word = |it: &Searched| Value::word(text(it.ending));
        changes.push(one(pair, Kind::Ending, call, word(base), word(head)));
    }
    if let (Some(b), Some(h)) = (base.unique, head.unique)
        && b != h
    {
        let call = if pair.is_comparable() { Call::Decide } else { Call::Note };
        changes.push(one(pair, Kind::Unique, call, Value::Count(b), Value::Count(h)));
    }
    if let Some((id, b, h)) = steps(base, head) {
        let change = one(pair, Kind::Steps, Call::Decide, Value::Count(b), Value::Count(h));
        changes.push(Change { what: vec![id.to_owned()], ..change });
    }
    compare_places(pair, base, head, changes);
}

/// Lengths of the shortest runs that violate an expected invariant, if both sides found one and the lengths differ.
fn steps<'a>(base: &'a Searched, head: &Searched) -> Option<(&'a str, u64, u64)> {
    let id = base.expect().filter(|id| head.expects(id))?;
    let steps = |it: &Searched| it.rulings.get(id).filter(|it| it.verdict == Verdict::Violated)?.steps;
    let (b, h) = (steps(base)?, steps(head)?);
    (b != h).then_some((id, b, h))
}

/// Differences in verdicts: for an invariant that only one side has, over all scopes; for the others, scope by
/// scope.
pub(super) fn invariants(base: &Side, head: &Side, pairs: &[Pair<'_>]) -> Vec<Change> {
    let (before, now) = (base.invariants(), head.invariants());
    // A side without any scope lacks the scopes, not the invariants.
    let whole = !before.is_empty() && !now.is_empty();
    let everywhere = |id: &str| !whole || (before.contains(id) && now.contains(id));
    let mut changes = Vec::new();
    for pair in pairs {
        if let (Some(base), Some(head)) = (pair.base, pair.head) {
            changes.extend(verdicts(pair, base.found, head.found, everywhere));
        }
    }
    if whole {
        changes.extend(appeared(pairs, |id| !before.contains(id), |pair| pair.head, false));
        changes.extend(appeared(pairs, |id| !now.contains(id), |pair| pair.base, true));
    }
    changes
}

/// Groups the invariants with the same two verdicts into one difference. Invariants that are expected to be
/// violated are reported one by one.
fn verdicts(
    pair: &Pair<'_>,
    base: &Searched,
    head: &Searched,
    everywhere: impl Fn(&str) -> bool,
) -> Vec<Change> {
    type Same<'a> = (Option<Verdict>, Option<Verdict>, Option<&'a str>);
    let mut found: BTreeMap<Same<'_>, Vec<String>> = BTreeMap::new();
    let ids: BTreeSet<&String> = base.rulings.keys().chain(head.rulings.keys()).collect();
    for id in ids.into_iter().filter(|id| everywhere(id)) {
        let (b, h) = (base.verdict(id), head.verdict(id));
        let alone = (base.expects(id) || head.expects(id)).then_some(id.as_str());
        if b != h {
            found.entry((b, h, alone)).or_default().push(id.clone());
        }
    }
    let word = |verdict: Option<Verdict>| Value::words(verdict.map(Verdict::word));
    let change = |((b, h, _), what): (Same<'_>, Vec<String>)| {
        let steps = match what.as_slice() {
            [id] if h == Some(Verdict::Violated) => head.rulings.get(id).and_then(|ruling| ruling.steps),
            [id] if b == Some(Verdict::Violated) => base.rulings.get(id).and_then(|ruling| ruling.steps),
            _ => None,
        };
        let note = steps.map(|steps| format!("in {steps} steps"));
        let call = what.iter().map(|id| call(id, base, head)).min().unwrap_or(Call::Note);
        Change { what, note, ..one(pair, Kind::Verdict, call, word(b), word(h)) }
    };
    found.into_iter().map(change).collect()
}

fn call(id: &str, base: &Searched, head: &Searched) -> Call {
    let Some(now) = head.verdict(id) else { return Call::Decide };
    // A known violation that is not found any more needs a decision, even if head no longer expects it.
    let lost = base.expects(id) && now != Verdict::Violated;
    match base.verdict(id) {
        _ if lost || !head.is_right(id, now) => Call::Decide,
        Some(before) if !base.is_right(id, before) => Call::Better,
        Some(_) | None => Call::Note,
    }
}

/// Differences for invariants that the other side has in no scope: one for each invariant and verdict.
fn appeared<'a>(
    pairs: &[Pair<'a>],
    is_new: impl Fn(&str) -> bool,
    half: impl Fn(&Pair<'a>) -> Option<Half<'a>>,
    gone: bool,
) -> Vec<Change> {
    let mut found: BTreeMap<(&str, Verdict), (Call, Vec<String>)> = BTreeMap::new();
    for pair in pairs {
        let Some(Half { found: searched, .. }) = half(pair) else { continue };
        for (id, ruling) in searched.rulings.iter().filter(|(id, _)| is_new(id)) {
            let (call, scopes) = found.entry((id, ruling.verdict)).or_insert((Call::Note, Vec::new()));
            if gone || !searched.is_right(id, ruling.verdict) {
                *call = Call::Decide;
            }
            scopes.push(pair.name.clone());
        }
    }
    let change = |((id, verdict), (call, scopes)): ((&str, Verdict), (Call, Vec<String>))| {
        let word = Value::word(verdict.word());
        let (base, head) = if gone { (word, Value::Absent) } else { (Value::Absent, word) };
        Change { call, kind: Kind::Invariant, scopes, what: vec![id.to_owned()], base, head, note: None }
    };
    found.into_iter().map(change).collect()
}

/// Texts on failures that both sides have alike, and on searches that ended early on both sides.
pub(super) fn unchanged(pairs: &[Pair<'_>]) -> (Vec<String>, Vec<String>) {
    let (mut standing, mut unknown) = (Vec::new(), Vec::new());
    for pair in pairs {
        let (Some(Half { found: base, .. }), Some(Half { found: head, .. })) = (pair.base, pair.head) else {
            continue;
        };
        for (id, ruling) in &head.rulings {
            let same = base.verdict(id) == Some(ruling.verdict);
            if same && ruling.verdict == Verdict::Violated && !base.expects(id) && !head.expects(id) {
                standing.push(format!("{id} is VIOLATED in {}", pair.name));
            }
        }
        for place in base.missing.intersection(&head.missing) {
            standing.push(format!("{} does not reach: {place}", pair.name));
        }
        let alike = base.ending == head.ending;
        if alike && head.ending == Ending::Complete && base.expect().or(head.expect()).is_some() {
            standing.push(format!("{} is to break, and does not", pair.name));
        }
        if alike && head.ending == Ending::Early {
            unknown.push(pair.name.clone());
        }
    }
    (standing, unknown)
}
