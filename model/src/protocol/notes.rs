//! What a step reports in addition to the next state.

use super::{Invariant, InvariantSet, Protocol};

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

/// The invariants and the marks of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    invariants: &'static [Invariant],
    marks: &'static [&'static str],
}

impl Tables {
    /// Those of the protocol `P`.
    #[must_use]
    pub fn of<P: Protocol>() -> Self {
        Self { invariants: P::invariants(), marks: P::marks() }
    }
}

/// What a step reports in addition to the next state. A search keeps only the sets of invariants and marks, so
/// texts are passed as closures and evaluated only when wanted.
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
    /// Keeps the sets of invariants and marks, and no texts.
    #[must_use]
    pub const fn quiet(tables: Tables) -> Self {
        Self { tables, explain: false, broken: 0, marks: 0, said: Vec::new(), violations: Vec::new() }
    }

    /// Keeps texts as well as the sets.
    #[must_use]
    pub fn explaining(tables: Tables) -> Self {
        Self { explain: true, ..Self::quiet(tables) }
    }

    /// Whether texts are kept.
    #[must_use]
    pub const fn explains(&self) -> bool {
        self.explain
    }

    /// Records that the step violates an invariant, unless `holds`. `facts` returns the observed fact and the one that it
    /// contradicts. An invariant that [`Protocol::invariants`] does not list counts as a violation of all of them.
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

    /// Records that the step reaches a mark, if `reached`. A mark that [`Protocol::marks`] does not list is never reached.
    pub fn mark(&mut self, reached: bool, mark: &str) {
        if reached && let Some(number) = self.tables.marks.iter().position(|known| *known == mark) {
            self.marks |= 1 << number;
        }
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
