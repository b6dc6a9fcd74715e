//! What a step reports in addition to the next state.

use super::{Invariant, InvariantSet};

/// A set of marks: bit `n` stands for the mark at position `n` of [`super::Protocol::marks`].
pub type MarkSet = u128;

/// A violated invariant with the two facts that contradict each other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The violated invariant.
    pub invariant: &'static Invariant,
    /// The fact that was observed.
    pub found: String,
    /// The fact that it contradicts.
    pub against: String,
}

/// What a step reports in addition to the next state. A search keeps only the sets of invariants and marks, so
/// texts are passed as closures and evaluated only when wanted.
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
    /// Keeps the sets of invariants and marks, and no texts.
    #[must_use]
    pub const fn quiet(table: &'static [Invariant]) -> Self {
        Self { table, explain: false, broken: 0, marks: 0, said: Vec::new(), violations: Vec::new() }
    }

    /// Keeps texts as well as the sets.
    #[must_use]
    pub fn explaining(table: &'static [Invariant]) -> Self {
        Self { explain: true, ..Self::quiet(table) }
    }

    /// Whether texts are kept.
    #[must_use]
    pub const fn explains(&self) -> bool {
        self.explain
    }

    /// Records that the step violates invariant number `invariant`, unless `holds`. `facts` returns the observed
    /// fact and the one that it contradicts.
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

    /// Records that the step reaches mark number `mark`.
    pub const fn mark(&mut self, mark: usize) {
        self.marks |= 1 << mark;
    }

    /// Records that the step reaches these marks.
    pub const fn mark_all(&mut self, marks: MarkSet) {
        self.marks |= marks;
    }

    /// Records that the step violates these invariants, without facts.
    pub const fn break_all(&mut self, broken: InvariantSet) {
        self.broken |= broken;
    }

    /// Records a line of text on what happens.
    pub fn say(&mut self, line: impl FnOnce() -> String) {
        if self.explain {
            self.said.push(line());
        }
    }

    /// The invariants that the step violates.
    #[must_use]
    pub const fn broken(&self) -> InvariantSet {
        self.broken
    }

    /// The marks that the step reaches.
    #[must_use]
    pub const fn marks(&self) -> MarkSet {
        self.marks
    }

    /// Records several lines of text on what happens, in order.
    pub fn say_all(&mut self, lines: Vec<String>) {
        self.said.extend(lines);
    }

    /// The lines of text on what happened, and the violations with their facts.
    #[must_use]
    pub fn into_words(self) -> (Vec<String>, Vec<Violation>) {
        (self.said, self.violations)
    }
}
