//! Shortens a failing walk: participants, kinds of action and steps are left out as long as the same invariant is violated.

use crate::protocol::{Notes, Protocol, Tables, claim_alone};
use crate::witness::Witness;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long shortening may take.
pub(super) const WITHIN: Duration = Duration::from_secs(30);

/// An action as text, which is found again in another state.
#[derive(Clone)]
struct Step {
    kind: usize,
    lane: String,
    text: String,
}

/// The shortest run that was found, as a witness, and whether the time was over before nothing more could be left out.
pub(super) fn shorten<P: Protocol>(
    protocol: &P,
    actions: &[P::Action],
    invariant: usize,
    within: Duration,
) -> Option<(Witness, bool)> {
    let whole = described(protocol, actions);
    let ends = Instant::now() + within;
    let over = || Instant::now() >= ends;
    let (mut steps, mut best) =
        follow(protocol, &whole, invariant).unwrap_or_else(|| (whole, actions.to_vec()));
    let attempt = |fewer: Vec<Step>, steps: &mut Vec<Step>, best: &mut Vec<P::Action>| {
        let Some((shorter, found)) = follow(protocol, &fewer, invariant) else { return false };
        if shorter.len() >= steps.len() {
            return false;
        }
        (*steps, *best) = (shorter, found);
        true
    };
    let lanes: BTreeSet<String> = steps.iter().map(|step| step.lane.clone()).collect();
    for lane in lanes {
        if over() {
            break;
        }
        let fewer = steps.iter().filter(|step| step.lane != lane).cloned().collect();
        attempt(fewer, &mut steps, &mut best);
    }
    for kind in 0..P::sorts().len() {
        if over() {
            break;
        }
        let fewer = steps.iter().filter(|step| step.kind != kind).cloned().collect();
        attempt(fewer, &mut steps, &mut best);
    }
    let mut chunk = steps.len() / 2;
    while chunk > 0 && !over() {
        let mut at = steps.len();
        let mut helped = false;
        while at > 0 && !over() {
            let from = at.saturating_sub(chunk);
            let mut fewer = steps.clone();
            fewer.drain(from..at.min(fewer.len()));
            helped |= attempt(fewer, &mut steps, &mut best);
            at = from.min(steps.len());
        }
        if chunk == 1 && helped {
            continue;
        }
        chunk /= 2;
    }
    let cut_off = chunk > 0;
    Some((Witness::run(protocol, &best, invariant)?, cut_off))
}

fn described<P: Protocol>(protocol: &P, actions: &[P::Action]) -> Vec<Step> {
    let mut state = protocol.initial();
    let mut steps = Vec::new();
    for action in actions {
        let Some(choice) = protocol.choice(&state, action) else { break };
        let kind = kind_of(protocol, &state, action);
        steps.push(Step { kind, lane: choice.lane.clone(), text: choice.to_string() });
        let Some(next) = protocol.step(&state, action, &mut Notes::quiet(Tables::of::<P>())) else { break };
        state = next;
    }
    steps
}

fn kind_of<P: Protocol>(protocol: &P, state: &P::State, action: &P::Action) -> usize {
    let mut list = Vec::new();
    let mut kinds = 0..P::sorts().len();
    let found = kinds.find(|kind| {
        list.clear();
        protocol.enabled_of(state, *kind, &mut list);
        list.contains(action)
    });
    found.unwrap_or(0)
}

/// Takes the steps that can be taken, up to the violation. Returns those and their actions; `None` if there is no violation. A goal
/// is asked for after the last step only.
fn follow<P: Protocol>(
    protocol: &P,
    steps: &[Step],
    invariant: usize,
) -> Option<(Vec<Step>, Vec<P::Action>)> {
    let (tables, mut state) = (Tables::of::<P>(), protocol.initial());
    let (mut taken, mut actions, mut list) = (Vec::new(), Vec::new(), Vec::new());
    let (broken, goal) = claim_alone::<P>(invariant);
    for step in steps {
        list.clear();
        protocol.enabled_of(&state, step.kind, &mut list);
        let reads = |action: &P::Action| {
            protocol
                .choice(&state, action)
                .is_some_and(|choice| choice.lane == step.lane && choice.to_string() == step.text)
        };
        let Some(at) = list.iter().position(reads) else { continue };
        let action = list.swap_remove(at);
        let mut notes = Notes::quiet(tables);
        let Some(next) = protocol.step(&state, &action, &mut notes) else { continue };
        taken.push(step.clone());
        actions.push(action);
        if notes.broken() & broken != 0 {
            return Some((taken, actions));
        }
        // Another invariant breaks before: a replay would stop here.
        if notes.broken() != 0 {
            return None;
        }
        state = next;
    }
    (goal != 0 && protocol.stuck(&state) & goal != 0).then_some((taken, actions))
}
