//! What a step tells beside the next state.

use super::{Invariant, InvariantSet, Protocol};

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

/// The invariants and the marks of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    invariants: &'static [Invariant],
    marks: &'static [&'static str],
}

impl Tables {
    /// Those of this protocol.
    #[must_use]
    pub fn of<P: Protocol>() -> Self {
        Self { invariants: P::invariants(), marks: P::marks() }
    }
}

/// What a step tells beside the next state. In a search only the sets are kept, so words are given as closures.
#[derive(Debug)]
pub struct Notes {
    tables: Tables,
    explain: bool,
    broken: InvariantSet,
    marks: MarkSet,
    said: Vec<String>,
    violations: Vec<Violation>,
}

impl Notes {
    /// Keeps the sets alone.
    #[must_use]
    pub const fn quiet(tables: Tables) -> Self {
        Self { tables, explain: false, broken: 0, marks: 0, said: Vec::new(), violations: Vec::new() }
    }

    /// Keeps words, too.
    #[must_use]
    pub fn explaining(tables: Tables) -> Self {
        Self { explain: true, ..Self::quiet(tables) }
    }

    /// Whether words are kept.
    #[must_use]
    pub const fn explains(&self) -> bool {
        self.explain
    }

    /// The step breaks an invariant unless `holds`. The closure gives what was seen and what that contradicts. To break one that
    /// [`Protocol::invariants`] does not list is to break all of them.
    pub fn demand<F: Into<String>, A: Into<String>>(
        &mut self,
        holds: bool,
        invariant: &Invariant,
        facts: impl FnOnce() -> (F, A),
    ) {
        if holds {
            return;
        }
        let Some(number) = self.tables.invariants.iter().position(|known| known.id == invariant.id) else {
            return self.broken = InvariantSet::MAX;
        };
        self.broken |= 1 << number;
        if self.explain {
            let (found, against) = facts();
            let (found, against) = (found.into(), against.into());
            self.violations.push(Violation { invariant: &self.tables.invariants[number], found, against });
        }
    }

    /// The step reaches a mark, if `reached`. One that [`Protocol::marks`] does not list is never reached.
    pub fn mark(&mut self, reached: bool, mark: &str) {
        if reached && let Some(number) = self.tables.marks.iter().position(|known| *known == mark) {
            self.marks |= 1 << number;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: Invariant = Invariant::new("listed", "claim", "source");
    const OTHER: Invariant = Invariant::new("other", "claim", "source");

    #[test]
    fn invariants_and_marks_are_found_by_name() {
        let tables = Tables { invariants: &[OTHER, LISTED], marks: &["first", "second"] };
        let mut notes = Notes::explaining(tables);
        notes.demand(true, &OTHER, || ("nothing", "happened"));
        notes.demand(false, &LISTED, || ("found", "against"));
        notes.mark(true, "second");
        notes.mark(false, "first");
        notes.mark(true, "third");
        assert_eq!((notes.broken(), notes.marks()), (0b10, 0b10));
        let (_, violations) = notes.into_words();
        assert_eq!(violations.iter().map(|one| one.invariant.id).collect::<Vec<_>>(), ["listed"]);
    }

    /// A demand must not be lost, because its invariant was left out of the list.
    #[test]
    fn an_invariant_that_is_not_listed_breaks_all() {
        let mut notes = Notes::quiet(Tables { invariants: &[LISTED], marks: &[] });
        notes.demand(false, &OTHER, || ("found", "against"));
        assert_eq!(notes.broken(), InvariantSet::MAX);
    }
}
