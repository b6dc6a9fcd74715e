//! A protocol under check: what a search, a witness, a replay, the browser and the front door need of it.
//!
//! Everything else in this crate that is not in [`crate::env`] or [`crate::scopes`] stands on [`Protocol`] and [`Catalog`] alone.
//! `docs/checking-your-own.md` shows how to write one, `model/examples/` has one.
//!
//! May import: `core::invariant`.

mod choice;
mod notes;
mod scope;

pub use choice::{Choice, Kind};
pub use cutover::core::invariant::{Invariant, JudgedBy};
pub use notes::{MarkSet, Notes, Tables, Violation};
pub use scope::{Bounds, OptionError, OptionSpec, Refused, Scope, Set};

use std::fmt::Debug;
use std::hash::Hash;

/// A set of invariants: a bit for each row of [`Protocol::invariants`].
pub type InvariantSet = u64;

/// State machines and everything around them, within the bounds of one scope.
///
/// A search calls [`Protocol::enabled`] and [`Protocol::step`] for every state. Both must depend on their arguments and the bounds
/// alone: no clock, no randomness, no order of hashes.
pub trait Protocol: Debug + Sized + Send + Sync + 'static {
    /// Who takes part, how often each thing may happen, which faults there are.
    type Bounds: Bounds;
    /// All that the future depends on, and nothing else. Two states with equal hashes are one.
    type State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static;
    /// One thing that may happen. Its numbers mean something in the state that offers it.
    type Action: Clone + PartialEq + Debug + Send + Sync + 'static;

    /// What must hold, at most 64 rows.
    fn invariants() -> &'static [Invariant];

    /// Situations that a search may have to see, at most 128.
    #[must_use]
    fn marks() -> &'static [&'static str] {
        &[]
    }

    /// The protocol within these bounds.
    #[must_use]
    fn new(bounds: &Self::Bounds) -> Self;

    /// Where every run begins.
    fn initial(&self) -> Self::State;

    /// Adds every action that may happen in a state, always in the same order. One that turns out to change nothing does no harm.
    fn enabled(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// The state after an action, or `None` if it changes nothing. Tells `notes` which invariants the step breaks, which marks it
    /// reaches and, if somebody wants to read it, what happens.
    fn step(&self, state: &Self::State, action: &Self::Action, notes: &mut Notes) -> Option<Self::State>;

    /// An action in words: who does it, and what. Among the actions of one state no two read the same, unless they do the same. By
    /// default, the action's `Debug` text.
    fn choice(&self, state: &Self::State, action: &Self::Action) -> Option<Choice> {
        let _ = state;
        Some(Choice::new("step", format!("{action:?}")))
    }

    /// The same for every state that differs only in names that can be exchanged; by default, states are told apart.
    #[must_use]
    fn representative(state: &Self::State) -> Self::State {
        state.clone()
    }

    /// What there is to know of a state: names and values, with the same names for every state of a scope.
    fn facts(&self, state: &Self::State) -> Vec<(String, String)> {
        vec![("state".to_owned(), format!("{state:?}"))]
    }

    /// Marks reached apart from steps, while choices were listed. Those that [`Notes::mark`] was told of are counted by the search.
    fn reached(&self) -> MarkSet {
        0
    }

    /// The action that reads like this in a state, if there is one.
    fn find(&self, state: &Self::State, choice: &str) -> Option<Self::Action> {
        let mut actions = Vec::new();
        self.enabled(state, &mut actions);
        let reads = |action: &Self::Action| {
            self.choice(state, action).is_some_and(|other| other.to_string() == choice)
        };
        actions.into_iter().find(reads)
    }
}

/// A protocol with the scopes that it is searched in.
pub trait Catalog: Protocol {
    /// All scopes. Their names are unique among all protocols of one front door.
    fn scopes() -> Vec<Scope<Self::Bounds>>;
}

/// All invariants of a protocol, as a set.
#[must_use]
pub fn all_invariants<P: Protocol>() -> InvariantSet {
    (0..P::invariants().len()).fold(0, |set, number| set | 1 << number)
}

/// The number of the invariant of this name.
#[must_use]
pub fn invariant_named<P: Protocol>(id: &str) -> Option<usize> {
    P::invariants().iter().position(|invariant| invariant.id == id)
}

/// The invariants in a set, in the order of the table.
pub fn invariants_in(
    table: &'static [Invariant],
    set: InvariantSet,
) -> impl Iterator<Item = &'static Invariant> {
    table
        .iter()
        .enumerate()
        .filter(move |(number, _)| set & (1 << number) != 0)
        .map(|(_, invariant)| invariant)
}

/// The marks in a set, in words.
#[must_use]
pub fn marks_in<P: Protocol>(set: MarkSet) -> Vec<&'static str> {
    let marks = P::marks().iter().enumerate();
    marks.filter(|(number, _)| set & (1 << number) != 0).map(|(_, text)| *text).collect()
}
