//! A run that breaks an invariant: found, shortened, recorded and shown.

use crate::environment::{Directive, Environment, Place};
use crate::scopes::Scope;
use cutover::core::invariant::{Id, Violation};
use cutover::core::trace::{Step, Trace, Unfit, Verdict};

/// A run, step by step.
#[derive(Debug)]
pub struct Witness {
    /// What it breaks.
    pub id: Id,
    /// The steps.
    pub steps: Vec<WitnessStep>,
    /// The facts in conflict.
    pub violation: Option<Violation>,
    /// What the last step changed: name, before, after.
    pub changed: Vec<(String, String, String)>,
    /// The places that it reaches.
    pub marks: Vec<&'static str>,
}

/// One step of it.
#[derive(Clone, Debug)]
pub struct WitnessStep {
    /// The choice.
    pub directive: Directive,
    /// What it did.
    pub said: Vec<String>,
}

impl Witness {
    /// Runs the choices again, up to the first step that breaks `id`.
    #[must_use]
    pub fn run<E: Environment>(world: &E, actions: &[E::Action], id: Id) -> Option<Self> {
        let mut state = world.initial();
        let (mut steps, mut marks) = (Vec::new(), Vec::new());
        for action in actions {
            let directive = world.directive(&state, *action)?;
            let outcome = world.explain(&state, *action)?;
            steps.push(WitnessStep { directive, said: outcome.said });
            note(&mut marks, outcome.marks);
            if let Some(violation) = outcome.violations.into_iter().find(|violation| violation.id == id) {
                let changed = difference(&state, &outcome.state);
                return Some(Self { id, steps, violation: Some(violation), changed, marks });
            }
            state = outcome.state;
        }
        None
    }

    /// Leaves out every step without which the run still breaks `id`.
    #[must_use]
    pub fn shorten<E: Environment>(world: &E, actions: &[E::Action], id: Id) -> Vec<E::Action> {
        let mut directives = directives(world, actions);
        let mut at = directives.len();
        while at > 0 {
            at -= 1;
            let mut fewer = directives.clone();
            fewer.remove(at);
            if let Some(length) = breaks(world, &fewer, id) {
                fewer.truncate(length);
                directives = fewer;
                at = at.min(directives.len());
            }
        }
        follow(world, &directives).unwrap_or_else(|| actions.to_vec())
    }

    /// The run as a trace.
    ///
    /// # Errors
    /// [`Unfit`], if it does not fit into one.
    pub fn trace(&self, scope: &Scope) -> Result<Trace, Unfit> {
        let mut trace =
            Trace::new(scope.name, Verdict::Violates(self.id.to_string()))?.with_options(scope.options())?;
        trace = trace.with_marks(self.marks.iter().copied())?;
        for WitnessStep { directive: Directive { lane, text, fault }, said } in &self.steps {
            let step = if *fault { Step::fault(lane, text)? } else { Step::new(lane, text)? };
            trace.push(step.with_outputs(said)?)?;
        }
        Ok(trace)
    }
}

/// Adds what is not there yet, in the order in which it was reached.
pub fn note(marks: &mut Vec<&'static str>, more: Vec<&'static str>) {
    for mark in more {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
}

fn directives<E: Environment>(world: &E, actions: &[E::Action]) -> Vec<String> {
    let mut state = world.initial();
    let mut directives = Vec::new();
    for action in actions {
        let Some(directive) = world.directive(&state, *action) else { break };
        directives.push(directive.to_string());
        let Some(next) = world.next(&state, *action) else { break };
        state = next;
    }
    directives
}

/// After how many of the steps `id` is broken.
fn breaks<E: Environment>(world: &E, directives: &[String], id: Id) -> Option<usize> {
    let mut state = world.initial();
    for (at, directive) in directives.iter().enumerate() {
        let action = world.find(&state, directive)?;
        state = world.next(&state, action)?;
        if state.broken() & id.bit() != 0 {
            return Some(at + 1);
        }
    }
    None
}

fn follow<E: Environment>(world: &E, directives: &[String]) -> Option<Vec<E::Action>> {
    let mut state = world.initial();
    let mut actions = Vec::new();
    for directive in directives {
        let action = world.find(&state, directive)?;
        actions.push(action);
        state = world.next(&state, action)?;
    }
    Some(actions)
}

/// What differs between two states, by name.
fn difference(before: &impl Place, after: &impl Place) -> Vec<(String, String, String)> {
    let (old, new) = (before.facts(), after.facts());
    let changed = old.into_iter().zip(new).filter(|((_, before), (_, after))| before != after);
    changed.map(|((name, before), (_, after))| (name, before, after)).collect()
}
