//! The interface of a protocol under check, used by the search, witnesses, replay, the browser and the front end.
//!
//! Everything in this crate outside [`crate::env`] and [`crate::scopes`] depends on [`Protocol`] and [`Catalog`]
//! alone. `docs/checking-your-own.md` shows how to implement them; `model/examples/` has an example.
//!
//! May import: `core::invariant`.

mod choice;
pub mod fingerprint;
mod goals;
mod notes;
mod scope;

pub use choice::{Choice, Kind, Sort};
pub use cutover::core::invariant::{Invariant, JudgedBy};
pub use goals::{GoalSet, WaysCost, all_goals, claim, claim_alone, claim_named, stuck};
pub use notes::{MarkSet, Notes, Tables, Violation};
pub use scope::{Bounds, OptionError, OptionSpec, Refused, Scope, Set};

use fingerprint::hasher;
use std::fmt::Debug;
use std::hash::Hash;

/// A set of invariants: bit `n` stands for row `n` of [`Protocol::invariants`].
pub type InvariantSet = u64;

/// State machines together with their environment, within the bounds of one scope.
///
/// A search calls [`Protocol::enabled`] and [`Protocol::step`] for every state. Both must depend on nothing but
/// their arguments and the bounds: no clock, no randomness, no hash order.
pub trait Protocol: Debug + Sized + Send + Sync + 'static {
    /// Limits of a search: who takes part, how often each thing may happen, which faults there are.
    type Bounds: Bounds;
    /// Everything that future behaviour depends on, and nothing else. States with equal hashes are treated as the
    /// same state.
    type State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static;
    /// One thing that can happen in a state. Numbers in it may refer to that state only.
    type Action: Clone + PartialEq + Debug + Send + Sync + 'static;

    /// The invariants to judge: at most 64.
    fn invariants() -> &'static [Invariant];

    /// The goals: what must be able to happen from every reachable state, with no further fault and everybody acting who
    /// lives. At most 64; their ids differ from those of the invariants.
    #[must_use]
    fn goals() -> &'static [Invariant] {
        &[]
    }

    /// The goals to which no way leads on from a state. Judged once for each state, so an implementation keeps what it knows.
    fn stuck(&self, state: &Self::State) -> GoalSet {
        let _ = state;
        0
    }

    /// Who waits for what in a state from which no way leads on to a goal, and how that was seen.
    fn waits(&self, state: &Self::State, goal: usize) -> (String, String) {
        let _ = goal;
        let facts = self.facts(state).into_iter().map(|(name, value)| format!("{name}: {value}"));
        (facts.collect::<Vec<_>>().join("; "), "no way leads on".to_owned())
    }

    /// What the judgement of goals has cost so far.
    fn ways(&self) -> WaysCost {
        WaysCost::default()
    }

    /// The situations that a scope may require its search to reach: at most 128.
    #[must_use]
    fn marks() -> &'static [&'static str] {
        &[]
    }

    /// Makes the protocol for these bounds.
    #[must_use]
    fn new(bounds: &Self::Bounds) -> Self;

    /// The initial state.
    fn initial(&self) -> Self::State;

    /// Adds every action that can happen in `state`, always in the same order. Actions that change nothing are
    /// allowed.
    fn enabled(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// The state after an action, or `None` if the action changes nothing. Reports to `notes` the invariants that
    /// the step violates, the marks that it reaches and, if asked for, a description of what happens.
    fn step(&self, state: &Self::State, action: &Self::Action, notes: &mut Notes) -> Option<Self::State>;

    /// The text form of an action, by default its `Debug` text. Two actions of one state may have the same text only if
    /// they have the same effect. `None` if the action is not enabled.
    fn choice(&self, state: &Self::State, action: &Self::Action) -> Option<Choice> {
        let _ = state;
        Some(Choice::new("step", format!("{action:?}")))
    }

    /// The sorts of actions, for walks: a walk draws how often it takes each. The default knows one.
    #[must_use]
    fn sorts() -> &'static [Sort] {
        &[Sort { name: "step", weight: 1, newest: false, onward: true }]
    }

    /// Adds the actions of one sort, by its place in [`Protocol::sorts`], that can happen in `state`.
    fn enabled_of(&self, state: &Self::State, sort: usize, into: &mut Vec<Self::Action>) {
        let _ = sort;
        self.enabled(state, into);
    }

    /// The sort of actions, by its place in [`Protocol::sorts`], that is a quiet phase: everybody acts and nothing more goes wrong
    /// until all has settled. Walks take it now and then.
    #[must_use]
    fn rest() -> Option<usize> {
        None
    }

    /// Adds the abstract states that `state` is in, a number each: what it has in common with many others. Walks count them, to
    /// tell what they have covered.
    fn abstractions(&self, state: &Self::State, into: &mut Vec<u64>) {
        let _ = (state, into);
    }

    /// An abstract state in words.
    #[must_use]
    fn abstraction_text(code: u64) -> String {
        code.to_string()
    }

    /// A canonical state for all states that differ only in interchangeable names. The default treats no names as
    /// interchangeable.
    #[must_use]
    fn representative(state: &Self::State) -> Self::State {
        state.clone()
    }

    /// The fingerprint of a state, by which a search compares states; under `symmetry` that of its
    /// [representative](Protocol::representative). An implementation of its own need not make that state.
    #[must_use]
    fn fingerprint(state: &Self::State, symmetry: bool) -> u64 {
        if symmetry { hasher().hash_one(Self::representative(state)) } else { hasher().hash_one(state) }
    }

    /// A state as pairs of name and value for people to read; the names must be the same in all states of a scope.
    fn facts(&self, state: &Self::State) -> Vec<(String, String)> {
        vec![("state".to_owned(), format!("{state:?}"))]
    }

    /// Marks reached while actions were listed, not by a step. Those given to [`Notes::mark`] are counted by the
    /// search.
    fn reached(&self) -> MarkSet {
        0
    }

    /// The enabled action with this text, if there is one.
    fn find(&self, state: &Self::State, choice: &str) -> Option<Self::Action> {
        let mut actions = Vec::new();
        self.enabled(state, &mut actions);
        let reads = |action: &Self::Action| {
            self.choice(state, action).is_some_and(|other| other.to_string() == choice)
        };
        actions.into_iter().find(reads)
    }
}

/// A protocol together with its scopes.
pub trait Catalog: Protocol {
    /// All scopes. Names must be unique among all protocols of a front end.
    fn scopes() -> Vec<Scope<Self::Bounds>>;
}

/// The set of all invariants of a protocol.
#[must_use]
pub fn all_invariants<P: Protocol>() -> InvariantSet {
    (0..P::invariants().len()).fold(0, |set, number| set | 1 << number)
}

/// The position of the invariant with this id in [`Protocol::invariants`].
#[must_use]
pub fn invariant_named<P: Protocol>(id: &str) -> Option<usize> {
    P::invariants().iter().position(|invariant| invariant.id == id)
}

/// The invariants in a set, in the order of [`Protocol::invariants`].
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

/// The texts of the marks in a set.
#[must_use]
pub fn marks_in<P: Protocol>(set: MarkSet) -> Vec<&'static str> {
    let marks = P::marks().iter().enumerate();
    marks.filter(|(number, _)| set & (1 << number) != 0).map(|(_, text)| *text).collect()
}
