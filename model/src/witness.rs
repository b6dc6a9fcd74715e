//! Witnesses: runs that violate an invariant, shortened, described and converted to traces.

use crate::protocol::{
    Bounds, Choice, Invariant, Notes, Protocol, Scope, Tables, Violation, claim, claim_alone, marks_in, stuck,
};
use cutover::core::trace::{Step, Trace, Unfit, Verdict};

/// A run that violates an invariant, step by step.
#[derive(Debug)]
pub struct Witness {
    /// The steps in order; the last one violates the invariant.
    pub steps: Vec<WitnessStep>,
    /// The violated invariant with the facts in conflict.
    pub violation: Violation,
    /// The facts that the last step changed: name, value before, value after.
    pub changed: Vec<(String, String, String)>,
    /// The texts of the marks that the run reaches.
    pub marks: Vec<&'static str>,
}

/// A step of a witness.
#[derive(Clone, Debug)]
pub struct WitnessStep {
    /// The text form of the action.
    pub choice: Choice,
    /// The effects of the action, a line each.
    pub said: Vec<String>,
}

impl Witness {
    /// Runs the actions up to the first step that violates the invariant or [goal](crate::protocol::claim) with this number, and
    /// describes each step. `None` if no step does.
    #[must_use]
    pub fn run<P: Protocol>(protocol: &P, actions: &[P::Action], number: usize) -> Option<Self> {
        let broken: &Invariant = claim::<P>(number)?;
        let mut state = protocol.initial();
        let (mut steps, mut marks) = (Vec::new(), Vec::new());
        for action in actions {
            let choice = protocol.choice(&state, action)?;
            let mut notes = Notes::explaining(Tables::of::<P>());
            let next = protocol.step(&state, action, &mut notes)?;
            note(&mut marks, marks_in::<P>(notes.marks()));
            let (said, violations) = notes.into_words();
            steps.push(WitnessStep { choice, said });
            let violation = violations.into_iter().find(|violation| violation.invariant == broken);
            if let Some(violation) = violation.or_else(|| stuck(protocol, &next, number)) {
                let changed = difference(protocol, &state, &next);
                return Some(Self { steps, violation, changed, marks });
            }
            state = next;
        }
        None
    }

    /// Removes every step without which the run still violates the invariant or goal.
    #[must_use]
    pub fn shorten<P: Protocol>(protocol: &P, actions: &[P::Action], invariant: usize) -> Vec<P::Action> {
        let mut choices = choices(protocol, actions);
        let mut at = choices.len();
        while at > 0 {
            at -= 1;
            let mut fewer = choices.clone();
            fewer.remove(at);
            if let Some(length) = breaks(protocol, &fewer, invariant) {
                fewer.truncate(length);
                choices = fewer;
                at = at.min(choices.len());
            }
        }
        follow(protocol, &choices).unwrap_or_else(|| actions.to_vec())
    }

    /// Converts the run to a trace.
    ///
    /// # Errors
    /// [`Unfit`] if the trace format cannot hold the run.
    pub fn trace<B: Bounds>(&self, scope: &Scope<B>) -> Result<Trace, Unfit> {
        let verdict = Verdict::Violates(self.violation.invariant.id.to_owned());
        let mut trace = Trace::new(scope.name, verdict)?.with_options(scope.options.iter().cloned())?;
        trace = trace.with_marks(self.marks.iter().copied())?;
        for WitnessStep { choice, said } in &self.steps {
            let Choice { lane, text, .. } = choice;
            let step = if choice.is_fault() { Step::fault(lane, text)? } else { Step::new(lane, text)? };
            trace.push(step.with_outputs(said)?)?;
        }
        Ok(trace)
    }
}

/// Adds the marks that are not in the list yet, in the order in which they were reached.
pub(crate) fn note(marks: &mut Vec<&'static str>, more: Vec<&'static str>) {
    for mark in more {
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
}

/// The next state and the invariants that the step violates, without texts.
fn quietly<P: Protocol>(protocol: &P, state: &P::State, action: &P::Action) -> Option<(P::State, u64)> {
    let mut notes = Notes::quiet(Tables::of::<P>());
    let next = protocol.step(state, action, &mut notes)?;
    Some((next, notes.broken()))
}

/// Whether a step that led to this state violates the invariant or goal with this number.
fn violates<P: Protocol>(protocol: &P, (state, broken): &(P::State, u64), number: usize) -> bool {
    let (invariants, goals) = claim_alone::<P>(number);
    broken & invariants != 0 || (goals != 0 && protocol.stuck(state) & goals != 0)
}

fn choices<P: Protocol>(protocol: &P, actions: &[P::Action]) -> Vec<String> {
    let mut state = protocol.initial();
    let mut choices = Vec::new();
    for action in actions {
        let Some(choice) = protocol.choice(&state, action) else { break };
        choices.push(choice.to_string());
        let Some((next, _)) = quietly(protocol, &state, action) else { break };
        state = next;
    }
    choices
}

/// Number of steps after which the invariant or goal is violated.
fn breaks<P: Protocol>(protocol: &P, choices: &[String], invariant: usize) -> Option<usize> {
    let mut state = protocol.initial();
    for (at, choice) in choices.iter().enumerate() {
        let action = protocol.find(&state, choice)?;
        let next = quietly(protocol, &state, &action)?;
        if violates(protocol, &next, invariant) {
            return Some(at + 1);
        }
        state = next.0;
    }
    None
}

fn follow<P: Protocol>(protocol: &P, choices: &[String]) -> Option<Vec<P::Action>> {
    let mut state = protocol.initial();
    let mut actions = Vec::new();
    for choice in choices {
        let action = protocol.find(&state, choice)?;
        (state, _) = quietly(protocol, &state, &action)?;
        actions.push(action);
    }
    Some(actions)
}

/// The facts that differ between two states: name, value before, value after.
fn difference<P: Protocol>(
    protocol: &P,
    before: &P::State,
    after: &P::State,
) -> Vec<(String, String, String)> {
    let (old, new) = (protocol.facts(before), protocol.facts(after));
    let changed = old.into_iter().zip(new).filter(|((_, before), (_, after))| before != after);
    changed.map(|((name, before), (_, after))| (name, before, after)).collect()
}
