//! What a search, a witness, a replay and the browser need of an environment: states, choices, and what a choice does.
//!
//! There are three: [`crate::env::migration`] around sinks and gateways, with the log taken as atomic; [`crate::env::consensus`] around
//! the nodes of the control plane; and [`crate::env::composed`], both at once.

use crate::scopes::Scope;
use cutover::core::invariant::Violation;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::AtomicBool;

/// The lane that a directive happens in, and the directive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// Who does it.
    pub lane: String,
    /// What.
    pub text: String,
    /// Whether the environment does damage by it.
    pub fault: bool,
}

impl Directive {
    /// An ordinary choice.
    pub fn new(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { lane: lane.into(), text: text.into(), fault: false }
    }

    /// A choice that does damage.
    pub fn fault(lane: impl Into<String>, text: impl Into<String>) -> Self {
        Self { fault: true, ..Self::new(lane, text) }
    }
}

impl std::fmt::Display for Directive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.lane, self.text)
    }
}

/// What a step did.
#[derive(Debug)]
pub struct Outcome<S> {
    /// The next state.
    pub state: S,
    /// What happened, a line each; only if it was asked for.
    pub said: Vec<String>,
    /// What it broke, with the facts; only if it was asked for.
    pub violations: Vec<Violation>,
    /// The places reached by it.
    pub marks: Vec<&'static str>,
}

/// A state of an environment.
pub trait Place: Clone + Debug + Hash + PartialEq + Send + Sync + 'static {
    /// The invariants that the step into this state broke, as a set.
    fn broken(&self) -> u32;

    /// The same for every state that differs only in names that are exchangeable.
    #[must_use]
    fn representative(&self) -> Self;

    /// What there is to know of it: name and value, the same names for every state of a scope.
    fn facts(&self) -> Vec<(String, String)>;
}

/// Machines, and everything around them.
pub trait Environment: Debug + Send + Sync + 'static {
    /// A state.
    type State: Place;
    /// A choice. Its numbers mean something in the state that offers it.
    type Action: Copy + PartialEq + Eq + Debug + Send + Sync + 'static;

    /// Its bounds.
    fn scope(&self) -> &Scope;

    /// Set to end a search early: no state has a successor any more.
    fn stop(&self) -> &AtomicBool;

    /// Where every run begins.
    fn initial(&self) -> Self::State;

    /// Everything that can happen in a state, in a fixed order that depends on the state alone.
    fn actions(&self, state: &Self::State, into: &mut Vec<Self::Action>);

    /// Takes a step; `None` if it changes nothing.
    fn next(&self, state: &Self::State, action: Self::Action) -> Option<Self::State>;

    /// Takes a step, and tells what happened.
    fn explain(&self, state: &Self::State, action: Self::Action) -> Option<Outcome<Self::State>>;

    /// A choice in words; among the choices of one state, no two read the same.
    fn directive(&self, state: &Self::State, action: Self::Action) -> Option<Directive>;

    /// The places reached so far, by any step.
    fn reached(&self) -> Vec<&'static str>;

    /// The places that a complete search must have reached.
    fn to_reach(&self) -> Vec<&'static str>;

    /// The choice that reads like this, if there is one.
    fn find(&self, state: &Self::State, directive: &str) -> Option<Self::Action> {
        let mut actions = Vec::new();
        self.actions(state, &mut actions);
        let reads = |action: &Self::Action| {
            self.directive(state, *action).is_some_and(|other| other.to_string() == directive)
        };
        actions.into_iter().find(reads)
    }
}

/// Runs an expression with `$world` bound to the environment that a scope is about.
#[macro_export]
macro_rules! in_environment {
    ($scope:expr, $world:ident => $body:expr) => {{
        let scope: $crate::scopes::Scope = $scope;
        match scope.around() {
            $crate::scopes::Around::Sinks => {
                let $world = $crate::env::migration::World::new(scope);
                $body
            }
            $crate::scopes::Around::Nodes => {
                let $world = $crate::env::consensus::World::new(scope);
                $body
            }
            $crate::scopes::Around::Both => {
                let $world = $crate::env::composed::World::new(scope);
                $body
            }
        }
    }};
}
