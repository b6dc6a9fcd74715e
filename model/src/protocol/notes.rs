//! What a step tells beside the next state.

use super::{Invariant, InvariantSet};

/// A set of marks: a bit for each of [`super::Protocol::marks`].
pub type MarkSet = u128;

/// An invariant found broken, with the two facts in conflict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub invariant: &'static Invariant,
    /// What was done or seen.
    pub found: String,
    /// What it contradicts.
    pub against: String,
}

/// What a step tells beside the next state. In a search only the sets are kept, so words are given as closures.
#[derive(Debug)]
pub struct Notes {
    table: &'static [Invariant],
    explain: bool,
    broken: InvariantSet,
    marks: MarkSet,
    said: Vec<String>,
    violations: Vec<Violation>,
}

impl Notes {
    /// Keeps the sets alone.
    #[must_use]
    pub const fn quiet(table: &'static [Invariant]) -> Self {
        Self { table, explain: false, broken: 0, marks: 0, said: Vec::new(), violations: Vec::new() }
    }

    /// Keeps words, too.
    #[must_use]
    pub fn explaining(table: &'static [Invariant]) -> Self {
        Self { explain: true, ..Self::quiet(table) }
    }

    /// Whether words are kept.
    #[must_use]
    pub const fn explains(&self) -> bool {
        self.explain
    }

    /// The invariant of this number is broken by the step unless `holds`. The closure gives what was seen and what that contradicts.
    pub fn demand(&mut self, holds: bool, invariant: usize, facts: impl FnOnce() -> (String, String)) {
        if holds {
            return;
        }
        self.broken |= 1 << invariant;
        if self.explain
            && let Some(invariant) = self.table.get(invariant)
        {
            let (found, against) = facts();
            self.violations.push(Violation { invariant, found, against });
        }
    }

    /// The step reaches the mark of this number.
    pub const fn mark(&mut self, mark: usize) {
        self.marks |= 1 << mark;
    }

    /// The step reaches these marks.
    pub const fn mark_all(&mut self, marks: MarkSet) {
        self.marks |= marks;
    }

    /// These invariants are broken by the step, without the facts.
    pub const fn break_all(&mut self, broken: InvariantSet) {
        self.broken |= broken;
    }

    /// A line on what happens.
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        if self.explain {
            self.said.push(line());
        }
    }

    /// The invariants that the step breaks.
    #[must_use]
    pub const fn broken(&self) -> InvariantSet {
        self.broken
    }

    /// The marks that the step reaches.
    #[must_use]
    pub const fn marks(&self) -> MarkSet {
        self.marks
    }

    /// Lines on what happens, in order.
    pub fn say_all(&mut self, lines: Vec<String>) {
        self.said.extend(lines);
    }

    /// What happens, a line each, and what the step breaks, with the facts.
    #[must_use]
    pub fn into_words(self) -> (Vec<String>, Vec<Violation>) {
        (self.said, self.violations)
    }
}
