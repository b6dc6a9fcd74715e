//! `review`: how a change affects the observable protocol.
//!
//! Compares two files of JSON lines, printed by `check`, `mutants` and `sim` before and after the change. Times,
//! numbers of threads, generated states, depths, versions, hashes of seeds and the order of lines are not compared,
//! since a refactoring changes them. A map of old names to new ones (`--renames`) allows renaming, too.
//!
//! | difference | treated as |
//! | --- | --- |
//! | a verdict that was as expected is not any more, or is wrong in another way | decide |
//! | a design known to be unsafe is not found violated, or another invariant is | decide |
//! | its shortest run has another length | decide |
//! | an invariant or a scope is missing; a mark is not reached any more, or newly required and not reached | decide |
//! | a scope's search is not complete any more | decide |
//! | a complete search has another number of unique states | decide |
//! | a scope's options, bounds, faults or expectation differ | decide |
//! | a mutant has another result, which is not what its patch demands | decide |
//! | a mutant is missing, or its patch demands another verdict | decide |
//! | a seed of the simulator has another result, which is a failure | decide |
//! | the same seeds expand into other options, or do not reach a mark any more | decide |
//! | the unmutated tree does not hold any more, or has another number of states | decide |
//! | something new fails | decide |
//! | a verdict, a scope or a mutant is now as expected, and was not | better |
//! | a new invariant, scope, mutant or mark is as expected | note |
//! | another invariant than before kills a mutant, and it is the one that the patch names | note |
//! | a mutant that was not as expected was not run again | note |
//!
//! A verdict is as expected if it is `HOLDS`, or `VIOLATED` for the invariant that a published design is known to
//! violate. Unique states and marks are compared only if both searches were complete; otherwise they tell where a
//! search stopped. Scopes with different options are paired if each side has one of that name, but their numbers
//! are not comparable. A mutant that one side's selection left out is counted, not compared.

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
pub use markdown::{markdown, touched};
pub use pair::{Cell, Row};
pub use renames::Renames;
pub use side::{Ending, Side};
pub use wrong::Unreadable;

use crate::exit;
use cutover_report::{Call, Change, InvariantVerdict, Value};

/// The exit codes of `review`, for its `--help` and `docs/reviewing.md`.
pub const CODES: &[(u8, &str)] = &[
    (exit::HOLDS, "nothing needs a decision"),
    (
        exit::UNKNOWN,
        "nothing needs a decision, but something ended early on both sides, so equality is not proven",
    ),
    (exit::NOTHING, "the two files have no scope, no mutant and no seed in common"),
    (exit::REVIEW, "something needs a decision"),
    (exit::USAGE, "wrong command line"),
    (exit::DATA, "a file cannot be read as JSON lines of whole runs"),
    (exit::INTERNAL, "the summary cannot be written"),
];

/// The outcome of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// No difference.
    Same,
    /// There are differences, and none needs a decision.
    Changed,
    /// Some difference needs a decision.
    Decide,
    /// Nothing needs a decision, but a search or run ended early on both sides, so equality is not proven.
    Unknown,
    /// The files have no scope, mutant or seed in common.
    Nothing,
}

impl Outcome {
    /// The word in lines for machines.
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

/// The comparison of two files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// Summary of the base file.
    pub base: Contents,
    /// Summary of the head file.
    pub head: Contents,
    /// A row for each scope of either side.
    pub scopes: Vec<Row>,
    /// Number of invariants with a verdict on both sides.
    pub invariants: usize,
    /// Number of mutants that ran on both sides.
    pub mutants: usize,
    /// Number of seeds that ran on both sides.
    pub seeds: usize,
    /// Number of mutants that ran in base only.
    pub base_only: usize,
    /// Number of mutants that ran in head only.
    pub head_only: usize,
    /// The differences, the most urgent first.
    pub changes: Vec<Change>,
    /// Failures that both sides have alike, a text each.
    pub standing: Vec<String>,
    /// Searches and runs that ended early on both sides alike, a text each.
    pub unknown: Vec<String>,
    /// Whether both sides have any scope, mutant or seed in common.
    pub in_common: bool,
}

/// Summary of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// Path of the file, as given.
    pub file: String,
    /// Versions of the program that wrote it.
    pub versions: Vec<String>,
    /// Number of scopes that were searched.
    pub scopes: usize,
    /// Number of mutants that ran.
    pub mutants: usize,
    /// Number of seeds that ran.
    pub seeds: usize,
}

impl Review {
    /// Compares two files.
    #[must_use]
    pub fn new(base: &Side, head: &Side) -> Self {
        let pairs = pair::pairs(base, head);
        let mut changes = compare::scopes(&pairs);
        changes.extend(compare::invariants(base, head, &pairs));
        let board = mutants::compare(base, head);
        changes.extend(board.changes);
        let seeds = seeds::compare(base, head);
        changes.extend(seeds.changes);
        // A violation comes before the verdicts that it leaves undecided.
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

    /// The outcome that follows from the differences.
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
