//! `cutover review`: what a change does to the observable protocol.
//!
//! Two files of JSON lines, printed by `check`, `mutants` and `sim` before and after a change, are compared. Times,
//! numbers of threads, generated states, depths, versions, hashes of seeds and the order of lines are not compared: a
//! refactoring changes them. A map of old names to new ones (`--renames`) lets names change, too.
//! What is compared, and what each difference calls for:
//!
//! | difference | calls for |
//! | --- | --- |
//! | a verdict that was right is right no more, or is wrong in another way | a decision |
//! | a design that is known to break does not, or another invariant breaks | a decision |
//! | its shortest run has another number of steps | a decision |
//! | an invariant or a scope is gone; a place is reached no more, or is required now and not reached | a decision |
//! | a scope is complete no more | a decision |
//! | a complete scope has another number of unique states | a decision |
//! | a scope's options, bounds, faults or expectation differ | a decision |
//! | a mutant came to something else, and not to what its patch says | a decision |
//! | a mutant is gone, or its patch expects something else | a decision |
//! | a seed of the simulator came to something else, and that is not as it should be | a decision |
//! | the same seeds expand into other worlds, or reach a mark no more | a decision |
//! | the scoreboard's unmutated tree does not hold any more, or over another number of states | a decision |
//! | something new is not as it should be | a decision |
//! | a verdict, a scope, a mutant is as it should be, and was not | nothing: better |
//! | a new invariant, scope, mutant or place is as it should be | nothing: a note |
//! | a mutant is killed by another invariant than before, and its patch names that one | nothing: a note |
//! | a mutant that was not what its patch says was not run now | nothing: a note |
//!
//! A verdict is right when it is `HOLDS`, or `VIOLATED` for the invariant that a published design is known to break.
//! Unique states and places are compared where both searches came to their end: elsewhere they tell where a search
//! stopped. Scopes with different options are paired if there is one of that name on each side, and their numbers
//! are not comparable. A mutant that one side left out of its selection is not compared, only counted.

mod compare;
mod load;
mod markdown;
mod mutants;
mod pair;
mod places;
mod renames;
mod run;
mod seeds;
mod side;
mod table;
#[cfg(test)]
mod tests;
mod wrong;

pub use load::{read, read_renamed, read_text, text_renamed};
pub use markdown::markdown;
pub use pair::{Cell, Row};
pub use renames::Renames;
pub use side::{Ending, Side};
pub use wrong::Unreadable;

use crate::exit;
use cutover_report::{Call, Change, InvariantVerdict, Value};

/// The exit codes, as `--help` and `docs/reviewing.md` list them.
pub const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "nothing differs, or nothing that needs a decision"),
    (
        exit::UNKNOWN,
        "nothing needs a decision, but something ended early on both sides: that it is the same was not shown",
    ),
    (exit::NOTHING, "the two files have no scope, no mutant and no seed in common"),
    (exit::REVIEW, "something awaits a decision"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a file cannot be read as JSON lines of whole runs"),
    (exit::INTERNAL, "the summary cannot be written"),
];

/// What a comparison came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Nothing differs.
    Same,
    /// Something differs, and none of it needs a decision.
    Changed,
    /// Something awaits a decision.
    Decide,
    /// Nothing awaits a decision, but something ended early on both sides: that it is the same was not shown.
    Unknown,
    /// The two have nothing in common.
    Nothing,
}

impl Outcome {
    /// For machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "SAME",
            Self::Changed => "CHANGED",
            Self::Decide => "DECIDE",
            Self::Unknown => "UNKNOWN",
            Self::Nothing => "NOTHING",
        }
    }
}

/// Base against head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// What base holds.
    pub base: Contents,
    /// What head holds.
    pub head: Contents,
    /// Each scope of either side.
    pub scopes: Vec<Row>,
    /// Invariants judged on both sides.
    pub invariants: usize,
    /// Mutants judged on both sides.
    pub mutants: usize,
    /// Seeds run on both sides.
    pub seeds: usize,
    /// Mutants judged in base, and not run in head.
    pub base_only: usize,
    /// Mutants judged in head, and not run in base.
    pub head_only: usize,
    /// What differs, most pressing first.
    pub changes: Vec<Change>,
    /// What is not as it should be, on both sides alike.
    pub standing: Vec<String>,
    /// What ended early, on both sides alike.
    pub unknown: Vec<String>,
    /// Whether anything was there on both sides.
    pub in_common: bool,
}

/// What a side holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// Its file, as named.
    pub file: String,
    /// Versions of the program that printed it.
    pub versions: Vec<String>,
    /// Scopes in it.
    pub scopes: usize,
    /// Mutants judged in it.
    pub mutants: usize,
    /// Seeds run in it.
    pub seeds: usize,
}

impl Review {
    /// Compares two sides.
    #[must_use]
    pub fn new(base: &Side, head: &Side) -> Self {
        let pairs = pair::pairs(base, head);
        let mut changes = compare::scopes(&pairs);
        changes.extend(compare::invariants(base, head, &pairs));
        let board = mutants::compare(base, head);
        changes.extend(board.changes);
        let seeds = seeds::compare(base, head);
        changes.extend(seeds.changes);
        // A violation before what it leaves undecided.
        let violated = |change: &Change| change.head == Value::word(InvariantVerdict::Violated.word());
        let key = |c: &Change| (c.call, c.kind, c.scopes.clone(), !violated(c), c.what.clone());
        changes.sort_by_cached_key(|change| (key(change), change.clone()));
        let (mut standing, mut unknown) = compare::unchanged(&pairs);
        standing.extend(board.standing);
        standing.extend(seeds.standing);
        unknown.extend(board.unknown);
        let in_common = board.in_common
            || seeds.compared > 0
            || pairs.iter().any(|pair| pair.base.is_some() && pair.head.is_some());
        Self {
            base: contents(base),
            head: contents(head),
            scopes: pairs.iter().map(pair::Pair::row).collect(),
            invariants: pair::invariants(&pairs),
            mutants: board.compared,
            seeds: seeds.compared,
            base_only: board.base_only,
            head_only: board.head_only,
            changes,
            standing,
            unknown,
            in_common,
        }
    }

    /// What it came to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if !self.in_common {
            Outcome::Nothing
        } else if self.changes.iter().any(|change| change.call == Call::Decide) {
            Outcome::Decide
        } else if !self.unknown.is_empty() {
            Outcome::Unknown
        } else if self.changes.is_empty() {
            Outcome::Same
        } else {
            Outcome::Changed
        }
    }
}

fn contents(side: &Side) -> Contents {
    Contents {
        file: side.file.clone(),
        versions: side.versions.iter().cloned().collect(),
        scopes: side.scopes.len(),
        mutants: side.mutants.values().filter(|mutant| mutant.was_run()).count(),
        seeds: side.seeds.len(),
    }
}
