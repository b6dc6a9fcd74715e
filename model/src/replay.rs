//! Replays a stored trace through the machines of this build.

use crate::protocol::{Notes, Protocol, Scope, Tables, Violation, claim, claim_named, marks_in, stuck};
use crate::witness::note;
use cutover::core::trace::{Step, Trace, Verdict};
use thiserror::Error;

/// How a replay ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It ran to the end of the trace without a violation.
    Holds,
    /// It violated an invariant.
    Violates {
        /// The violated invariant with the facts in conflict.
        violation: Violation,
        /// Number of the violating step, from 1.
        step: usize,
    },
    /// A choice of the trace was not available, or had another effect than recorded.
    Diverged {
        /// Number of the diverging step, from 1.
        step: usize,
        /// What was expected and what was found instead.
        why: String,
    },
    /// It ran to the end, but did not reach a mark that the trace claims to reach.
    Stale {
        /// Text of the mark that was not reached.
        mark: String,
    },
}

/// The result of a replay.
#[derive(Debug)]
pub struct Replayed {
    /// How the replay ended.
    pub ending: Ending,
    /// Whether the replay had the outcome that the trace records.
    pub as_recorded: bool,
    /// Whether the trace shows a published design that is known to be unsafe, so that a violation is expected.
    pub of_a_design: bool,
}

/// Why a trace cannot be replayed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unplayable {
    /// The trace names a scope that does not exist.
    #[error("scope {found:?} does not exist, `check --list` shows those that do")]
    UnknownScope {
        /// Name of the scope in the trace.
        found: String,
    },
    /// The trace names an invariant that does not exist.
    #[error("invariant {found:?} does not exist, `explain` shows those that do")]
    UnknownInvariant {
        /// Id of the invariant in the trace.
        found: String,
    },
    /// The trace sets an option that this build refuses.
    #[error(transparent)]
    Option(#[from] crate::protocol::OptionError),
}

/// Replays a trace in a scope.
///
/// # Errors
/// [`Unplayable::UnknownInvariant`] if the trace names an invariant that does not exist.
pub fn replay<P: Protocol>(scope: &Scope<P::Bounds>, trace: &Trace) -> Result<Replayed, Unplayable> {
    let expected = match trace.verdict() {
        Verdict::Holds => None,
        Verdict::Violates(id) => {
            let number = claim_named::<P>(id);
            Some(number.ok_or_else(|| Unplayable::UnknownInvariant { found: id.clone() })?)
        }
    };
    let ending = run(&P::new(&scope.bounds), trace, expected);
    let as_recorded = match (&ending, expected) {
        (Ending::Holds, None) => true,
        (Ending::Violates { violation, .. }, Some(expected)) => {
            claim::<P>(expected) == Some(violation.invariant)
        }
        (Ending::Holds | Ending::Violates { .. } | Ending::Diverged { .. } | Ending::Stale { .. }, _) => {
            false
        }
    };
    Ok(Replayed { ending, as_recorded, of_a_design: scope.expect.is_some() })
}

/// The trace with its choices kept and their effects replaced by those of this build.
///
/// # Errors
/// The number of the first step that cannot be taken any more, and why.
pub fn recorded_anew<P: Protocol>(scope: &Scope<P::Bounds>, trace: &Trace) -> Result<Trace, (usize, String)> {
    let protocol = P::new(&scope.bounds);
    let (mut state, mut steps) = (protocol.initial(), Vec::new());
    for (number, step) in (1..).zip(trace.steps()) {
        let gone = |what: &str| (number, format!("{:?} {what} here", step.choice()));
        if step.is_refused() {
            has_no_effect(&protocol, &state, step).map_err(|why| (number, why))?;
            steps.push(step.clone());
            continue;
        }
        let action = protocol.find(&state, &step.choice()).ok_or_else(|| gone("cannot happen"))?;
        let mut notes = Notes::explaining(Tables::of::<P>());
        state = protocol.step(&state, &action, &mut notes).ok_or_else(|| gone("changes nothing"))?;
        let again =
            step.clone().with_outputs(notes.into_words().0).map_err(|why| (number, why.to_string()))?;
        steps.push(again);
    }
    trace.clone().with_steps(steps).map_err(|why| (trace.steps().len(), why.to_string()))
}

fn run<P: Protocol>(protocol: &P, trace: &Trace, expected: Option<usize>) -> Ending {
    let mut state = protocol.initial();
    let mut marks = Vec::new();
    for (number, step) in (1..).zip(trace.steps()) {
        let diverged = |why: String| Ending::Diverged { step: number, why };
        if step.is_refused() {
            match has_no_effect(protocol, &state, step) {
                Ok(()) => continue,
                Err(why) => return diverged(why),
            }
        }
        let Some(action) = protocol.find(&state, &step.choice()) else {
            return diverged(format!("{:?} cannot happen here", step.choice()));
        };
        let mut notes = Notes::explaining(Tables::of::<P>());
        let Some(next) = protocol.step(&state, &action, &mut notes) else {
            return diverged(format!("{:?} changes nothing here", step.choice()));
        };
        note(&mut marks, marks_in::<P>(notes.marks()));
        let (said, mut violations) = notes.into_words();
        if let Some(divergence) = step.divergence(&said) {
            return diverged(format!("{}: {divergence}", step.choice()));
        }
        // A step can violate several invariants: report the recorded one first.
        violations.sort_by_key(|violation| Some(violation.invariant) != expected.and_then(claim::<P>));
        // Ways are judged at the end of a run: a state before it may be stuck as well when a goal was mended.
        let goal = expected.filter(|_| number == trace.steps().len());
        let goal = goal.and_then(|goal| stuck(protocol, &next, goal));
        if let Some(violation) = violations.into_iter().next().or(goal) {
            return Ending::Violates { violation, step: number };
        }
        state = next;
    }
    match trace.marks().iter().find(|mark| !marks.contains(&mark.as_str())) {
        Some(mark) => Ending::Stale { mark: mark.clone() },
        None => Ending::Holds,
    }
}

/// Checks a step that the trace records as having no effect: its choice must be unavailable or change nothing.
fn has_no_effect<P: Protocol>(protocol: &P, state: &P::State, step: &Step) -> Result<(), String> {
    let Some(action) = protocol.find(state, &step.choice()) else { return Ok(()) };
    let mut notes = Notes::explaining(Tables::of::<P>());
    match protocol.step(state, &action, &mut notes) {
        None => Ok(()),
        Some(_) => {
            Err(format!("{:?} has an effect here: {}", step.choice(), notes.into_words().0.join(", ")))
        }
    }
}
