//! A stored trace, run again through the machines of this build.

use crate::environment::Environment;
use crate::in_environment;
use crate::scopes::{self, Scope};
use crate::witness::note;
use cutover::core::invariant::{Id, Violation};
use cutover::core::trace::{Step, Trace, Verdict};
use thiserror::Error;

/// How a trace ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ending {
    /// It ran to its end, and nothing was broken.
    Holds,
    /// It broke an invariant at this step.
    Violates {
        /// Which.
        violation: Violation,
        /// The step, from 1.
        step: usize,
    },
    /// At this step the choice is not there, or did something else than recorded.
    Diverged {
        /// The step, from 1.
        step: usize,
        /// What was expected and what was found.
        why: String,
    },
    /// It ran to its end, but did not reach what it claims to reach.
    Stale {
        /// The place.
        mark: String,
    },
}

/// A trace, what it says, and what came of it.
#[derive(Debug)]
pub struct Replayed {
    /// How it ended.
    pub ending: Ending,
    /// Whether that is what the trace records.
    pub as_recorded: bool,
    /// Whether the trace is of a published design, whose violation is the point.
    pub of_a_design: bool,
}

/// A trace that cannot be run.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Unplayable {
    /// No such scope.
    #[error("scope {found:?} does not exist, `check --list` shows those that do")]
    UnknownScope {
        /// The trace's.
        found: String,
    },
    /// No such invariant.
    #[error("invariant {found:?} does not exist, `explain` shows those that do")]
    UnknownInvariant {
        /// The trace's.
        found: String,
    },
    /// An option that this build does not have.
    #[error(transparent)]
    Option(#[from] scopes::OptionError),
}

/// Runs a trace.
///
/// # Errors
/// [`Unplayable`], if it names what this build does not have.
pub fn replay(trace: &Trace) -> Result<Replayed, Unplayable> {
    let expected = match trace.verdict() {
        Verdict::Holds => None,
        Verdict::Violates(id) => {
            Some(Id::named(id).ok_or_else(|| Unplayable::UnknownInvariant { found: id.clone() })?)
        }
    };
    let scope = scope_of(trace)?;
    let of_a_design = scope.expect.is_some();
    let ending = in_environment!(scope, world => run(&world, trace, expected));
    let as_recorded = match (&ending, expected) {
        (Ending::Holds, None) => true,
        (Ending::Violates { violation, .. }, Some(id)) => violation.id == id,
        (Ending::Holds | Ending::Violates { .. } | Ending::Diverged { .. } | Ending::Stale { .. }, _) => {
            false
        }
    };
    Ok(Replayed { ending, as_recorded, of_a_design })
}

/// The scope that a trace is about, with its options.
///
/// # Errors
/// [`Unplayable`]
pub fn scope_of(trace: &Trace) -> Result<Scope, Unplayable> {
    let found = trace.scope().to_owned();
    let mut scope = scopes::all()
        .into_iter()
        .find(|scope| scope.name == found)
        .ok_or(Unplayable::UnknownScope { found })?;
    for (name, value) in trace.options() {
        scope.set_option(name, value)?;
    }
    Ok(scope)
}

/// The same choices with what they do now; `None` where a choice is not there any more, or nothing differs.
///
/// # Errors
/// [`Unplayable`]
pub fn recorded_anew(trace: &Trace) -> Result<Option<Trace>, Unplayable> {
    let anew = in_environment!(scope_of(trace)?, world => rerun(&world, trace));
    Ok(anew.filter(|anew| anew != trace))
}

fn rerun(world: &impl Environment, trace: &Trace) -> Option<Trace> {
    let mut anew = Trace::new(trace.scope(), trace.verdict().clone()).ok()?;
    anew = anew.with_options(trace.options().iter().cloned()).ok()?;
    anew = anew.with_marks(trace.marks().iter().cloned()).ok()?;
    anew = anew.with_closing(trace.closing().iter().cloned()).ok()?;
    let mut state = world.initial();
    for step in trace.steps() {
        let outcome = world.explain(&state, world.find(&state, &step.choice())?)?;
        let again = if step.is_fault() { Step::fault } else { Step::new };
        let again = again(step.lane(), step.directive()).ok()?;
        let again = again.with_narration(step.narration().iter().cloned()).ok()?;
        anew.push(again.with_outputs(outcome.said).ok()?).ok()?;
        state = outcome.state;
    }
    Some(anew)
}

fn run(world: &impl Environment, trace: &Trace, expected: Option<Id>) -> Ending {
    let mut state = world.initial();
    let mut marks = Vec::new();
    for (number, step) in (1..).zip(trace.steps()) {
        let diverged = |why: String| Ending::Diverged { step: number, why };
        let Some(action) = world.find(&state, &step.choice()) else {
            return diverged(format!("{:?} cannot happen here", step.choice()));
        };
        let Some(outcome) = world.explain(&state, action) else {
            return diverged(format!("{:?} changes nothing here", step.choice()));
        };
        if let Some(divergence) = step.divergence(&outcome.said) {
            return diverged(format!("{}: {divergence}", step.choice()));
        }
        note(&mut marks, outcome.marks);
        // The recorded invariant first; a step can break several.
        let mut violations = outcome.violations;
        violations.sort_by_key(|violation| Some(violation.id) != expected);
        if let Some(violation) = violations.into_iter().next() {
            return Ending::Violates { violation, step: number };
        }
        state = outcome.state;
    }
    match trace.marks().iter().find(|mark| !marks.contains(&mark.as_str())) {
        Some(mark) => Ending::Stale { mark: mark.clone() },
        None => Ending::Holds,
    }
}
