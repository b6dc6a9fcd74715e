//! A comparison as Markdown, for the summary of a pull request.

use super::pair::{Cell, Row};
use super::side::Ending;
use super::table::{Table, code, plain};
use super::{Contents, Outcome, Review};
use cutover_report::{Call, Change, Kind, Touched, Value};
use indicatif::HumanCount;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The whole output if nothing differs.
const SAME: &str = "No observable protocol change";
/// Maximum number of names in a list within a sentence.
const NAMED: usize = 5;

/// The whole comparison: the outcome, what was compared, and a table for each kind of difference.
#[must_use]
pub fn markdown(review: &Review) -> String {
    let mut text = format!("{}\n\n{}\n", verdict(review), compared(review));
    if review.outcome() == Outcome::Nothing {
        return text;
    }
    notes(&mut text, review);
    if review.changes.is_empty() {
        return text;
    }
    setups(review).render(&mut text, "Options and bounds: where they differ, numbers are not comparable");
    invariants(review).render(&mut text, "Invariants");
    let (changed, unchanged) = scopes(review);
    changed.render(&mut text, "State space");
    unchanged.render_folded(&mut text, "Other scopes");
    places(review).render(&mut text, "Reached");
    mutants(review).render(&mut text, "Mutants");
    seeds(review).render(&mut text, "Seeds");
    text
}

/// The functions that a change touches, those without a mutant first.
#[must_use]
pub fn touched(functions: &[Touched]) -> String {
    let mut text = String::new();
    let mut table = Table::new(&["function", "rules", "mutants"]);
    let mut functions: Vec<_> = functions.iter().collect();
    functions.sort_by_key(|touched| !touched.mutants.is_empty());
    for Touched { file, function, rules, mutants } in functions {
        let names: Vec<_> = mutants.iter().map(|name| code(name)).collect();
        let rules: Vec<_> = rules.iter().map(|rule| plain(rule)).collect();
        let of = format!("of {function}");
        let mutants = if names.is_empty() {
            "none: no check of it has been seen to fail".to_owned()
        } else {
            table.names(&names, &format!("mutants {of}"))
        };
        let rules = table.names(&rules, &format!("rules {of}"));
        table.row(vec![format!("{} in {}", code(function), code(file)), rules, mutants]);
    }
    table.render(&mut text, "What the change touches");
    text
}

fn verdict(review: &Review) -> String {
    let count = |decide: bool| review.changes.iter().filter(|c| (c.call == Call::Decide) == decide).count();
    let rest = count(false);
    match review.outcome() {
        Outcome::Nothing => {
            "**Nothing was compared: base and head have no scope, no mutant and no seed in common**"
                .to_owned()
        }
        Outcome::Decide => {
            let also = match rest {
                0 => String::new(),
                1 => "; 1 more difference needs none".to_owned(),
                rest => format!("; {rest} more differences need none"),
            };
            format!("**A decision is needed on {}**{also}", awaiting(&review.changes))
        }
        Outcome::Changed | Outcome::Unknown if rest > 0 => {
            format!("**{}, and no decision is needed**", counted(rest, "difference"))
        }
        Outcome::Same | Outcome::Changed | Outcome::Unknown => SAME.to_owned(),
    }
}

/// The number of invariants, scopes and mutants that need a decision. One search that ends early causes many
/// differences, so the differences themselves are not counted.
fn awaiting(changes: &[Change]) -> String {
    let decide = || changes.iter().filter(|change| change.call == Call::Decide);
    let of =
        |kind: Kind| decide().filter(move |c| c.kind == kind).flat_map(|c| &c.what).collect::<BTreeSet<_>>();
    let (invariants, mutants, seeds) = (of(Kind::Invariant), of(Kind::Mutant), of(Kind::Seed));
    let scopes: BTreeSet<_> = decide()
        .filter(|c| !matches!(c.kind, Kind::Invariant | Kind::Seed))
        .flat_map(|c| &c.scopes)
        .collect();
    let parts = [
        (invariants.len(), "invariant"),
        (scopes.len(), "scope"),
        (mutants.len(), "mutant"),
        (seeds.len(), "seed"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(*count, what)).collect();
    match parts.as_slice() {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        all => all.concat(),
    }
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn compared(review: &Review) -> String {
    let alike = review.base.versions == review.head.versions;
    let side = |side: &Contents| match side.versions.as_slice() {
        versions if !alike && !versions.is_empty() => {
            format!("{} ({})", code(&side.file), plain(&versions.join(", ")))
        }
        _ => code(&side.file),
    };
    let both = review.scopes.iter().filter(|row| row.base.is_some() && row.head.is_some()).count();
    let seeds = if review.seeds > 0 { format!(", {}", counted(review.seeds, "seed")) } else { String::new() };
    format!(
        "Compared base {} with head {}: {}, {}, {}{seeds}.",
        side(&review.base),
        side(&review.head),
        counted(both, "scope"),
        counted(review.invariants, "invariant"),
        counted(review.mutants, "mutant")
    )
}

/// Notes on what was not compared, and on failures that both sides have alike.
fn notes(text: &mut String, review: &Review) {
    for (count, ran, other) in [(review.base_only, "base", "head"), (review.head_only, "head", "base")] {
        if count > 0 {
            let mutants = counted(count, "mutant");
            let _ = writeln!(text, "\nNot compared: {mutants} run in {ran} and left out in {other}.");
        }
    }
    for (items, what) in [
        (&review.unknown, "Ended early on both sides, so the rest is unknown"),
        (&review.standing, "Not as it should be, on both sides"),
    ] {
        if !items.is_empty() {
            let shown: Vec<String> = items.iter().take(NAMED).map(|item| plain(item)).collect();
            let more = items.len() - shown.len();
            let more = if more > 0 { format!("; {more} more") } else { String::new() };
            let _ = writeln!(text, "\n{what}: {}{more}.", shown.join("; "));
        }
    }
}

fn of<'a>(review: &'a Review, kinds: &[Kind]) -> impl Iterator<Item = &'a Change> {
    review.changes.iter().filter(move |change| kinds.contains(&change.kind))
}

fn mark(call: Call) -> String {
    if call == Call::Decide { format!("**{}**", call.word()) } else { call.word().to_owned() }
}

fn codes(names: &[String]) -> Vec<String> {
    names.iter().map(|name| code(name)).collect()
}

fn shown(kind: Kind, value: &Value, absent: &str) -> String {
    match value {
        Value::Absent => absent.to_owned(),
        Value::Word(word) => plain(word),
        Value::Count(count) if kind == Kind::Steps => format!("{} steps", HumanCount(*count)),
        Value::Count(count) => HumanCount(*count).to_string(),
    }
}

fn arrow(change: &Change, absent: &str) -> String {
    format!("{} → {}", shown(change.kind, &change.base, absent), shown(change.kind, &change.head, absent))
}

/// The value in head, in bold if it needs a decision.
fn of_head(change: &Change, absent: &str) -> String {
    let text = shown(change.kind, &change.head, absent);
    if change.call == Call::Decide { format!("**{text}**") } else { text }
}

fn setups(review: &Review) -> Table {
    let mut table = Table::new(&["", "scope", "what", "base", "head"]);
    for change in of(review, &[Kind::Option, Kind::Setup]) {
        let what = change.what.concat();
        let scopes = table.names(&codes(&change.scopes), &format!("scopes: {what}"));
        let base = shown(change.kind, &change.base, "not set");
        table.row(vec![mark(change.call), scopes, plain(&what), base, of_head(change, "not set")]);
    }
    table
}

fn invariants(review: &Review) -> Table {
    let mut table = Table::new(&["", "invariant", "scope", "base", "head"]);
    for change in of(review, &[Kind::Verdict, Kind::Invariant, Kind::Steps]) {
        let absent = if change.kind == Kind::Invariant { "no such invariant" } else { "not run" };
        let (mut base, mut head) = (shown(change.kind, &change.base, absent), of_head(change, absent));
        if let Some(note) = &change.note {
            // The shortest run exists on the side where the invariant is violated.
            let violated = Value::word("VIOLATED");
            let cell = if change.head == violated { &mut head } else { &mut base };
            let _ = write!(cell, ", {}", plain(note));
        }
        let (ids, of) = (change.what.join(", "), change.scopes.join(", "));
        let what =
            table.names(&codes(&change.what), &format!("invariants in {of}: {}", arrow(change, absent)));
        let scopes =
            table.names(&codes(&change.scopes), &format!("scopes of {ids}: {}", arrow(change, absent)));
        table.row(vec![mark(change.call), what, scopes, base, head]);
    }
    table
}

/// Two tables: scopes whose searches differ, and the others.
fn scopes(review: &Review) -> (Table, Table) {
    let mut changed = Table::new(&["", "scope", "base", "head", "unique states"]);
    let mut unchanged = Table::new(&["scope", "search", "unique states"]);
    let mut rows = Vec::new();
    for row in &review.scopes {
        let kinds = [Kind::Scope, Kind::Ending, Kind::Unique];
        let call = of(review, &kinds).filter(|c| c.scopes.contains(&row.scope)).map(|c| c.call).min();
        let (base, head) = (searched(row.base.as_ref()), searched(row.head.as_ref()));
        match call {
            Some(call) => rows.push((call, vec![mark(call), code(&row.scope), base, head, difference(row)])),
            None => unchanged.row(vec![code(&row.scope), head, difference(row)]),
        }
    }
    rows.sort_by_key(|(call, _)| *call);
    for (_, row) in rows {
        changed.row(row);
    }
    (changed, unchanged)
}

fn searched(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "not run".to_owned() };
    match (cell.ending, &cell.ended_by) {
        (Ending::Complete, _) => "complete".to_owned(),
        (Ending::Violation, _) => "ended by a violation".to_owned(),
        (Ending::Early, Some(limit)) => format!("ended by the {}", plain(limit)),
        (Ending::Early, None) => "incomplete".to_owned(),
    }
}

fn difference(row: &Row) -> String {
    let unique = |cell: &Option<Cell>| cell.as_ref().and_then(|cell| cell.unique);
    let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| HumanCount(count).to_string());
    match (unique(&row.base), unique(&row.head)) {
        (Some(base), Some(head)) if base == head => HumanCount(head).to_string(),
        (Some(base), Some(head)) if row.comparable => {
            format!("{} → {} ({})", HumanCount(base), HumanCount(head), percent(base, head))
        }
        (Some(base), Some(head)) => format!("{} → {}, not comparable", HumanCount(base), HumanCount(head)),
        (None, None) => "-".to_owned(),
        (only, None) if row.head.is_none() => number(only),
        (None, only) if row.base.is_none() => number(only),
        (base, head) => format!("{} → {}", number(base), number(head)),
    }
}

/// A relative change with its sign: `+4.2 %`.
fn percent(base: u64, head: u64) -> String {
    let sign = if head < base { '-' } else { '+' };
    let (base, by) = (u128::from(base), u128::from(base.abs_diff(head)));
    if base == 0 {
        return "from none".to_owned();
    }
    let tenths = (by * 1000 + base / 2) / base;
    if tenths == 0 {
        return format!("{sign}under 0.1 %");
    }
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

fn places(review: &Review) -> Table {
    let mut table = Table::new(&["", "scope", "place", "base", "head"]);
    for change in of(review, &[Kind::Reached, Kind::Missing]) {
        let scope = codes(&change.scopes).concat();
        let what: Vec<String> = change.what.iter().map(|place| plain(place)).collect();
        let absent = if change.kind == Kind::Missing { "no such requirement" } else { "not reached" };
        let headline = format!("places in {}: {}", change.scopes.concat(), arrow(change, absent));
        let what = table.names(&what, &headline);
        table.row(vec![
            mark(change.call),
            scope,
            what,
            shown(change.kind, &change.base, absent),
            of_head(change, absent),
        ]);
    }
    table
}

fn mutants(review: &Review) -> Table {
    let mut table = Table::new(&["", "mutant", "base", "head"]);
    let broken = Value::word("BROKEN");
    for change in of(review, &[Kind::Baseline, Kind::Mutant]) {
        let what = if change.kind == Kind::Baseline {
            format!("none, over {}", codes(&change.scopes).concat())
        } else {
            codes(&change.what).concat()
        };
        let absent = "no such mutant";
        let (mut base, mut head) = (shown(change.kind, &change.base, absent), of_head(change, absent));
        if let Some(note) = &change.note {
            let cell = if change.head == broken { &mut head } else { &mut base };
            let _ = write!(cell, " ({})", plain(note));
        }
        table.row(vec![mark(change.call), what, base, head]);
    }
    table
}

fn seeds(review: &Review) -> Table {
    let mut table = Table::new(&["", "seed", "base", "head"]);
    for change in of(review, &[Kind::Seed]) {
        let base = shown(change.kind, &change.base, "not run");
        table.row(vec![mark(change.call), codes(&change.what).concat(), base, of_head(change, "not run")]);
    }
    table
}
