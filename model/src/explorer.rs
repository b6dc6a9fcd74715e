//! The world as stateright's Explorer shows it: choices in words, states as facts, a run as a picture.

use crate::environment::{Environment, Place};
use cutover::core::invariant::Id;
use stateright::{Model, Path, Property};
use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

/// A world to be browsed.
#[derive(Debug)]
pub struct Explored<E> {
    /// The world.
    pub world: Arc<E>,
}

/// A choice, and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Labelled<A> {
    action: A,
    lane: String,
    text: String,
}

impl<A> fmt::Debug for Labelled<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.lane, self.text)
    }
}

/// stateright takes a plain function for each property, so each invariant needs one of its own.
macro_rules! properties {
    ($($id:ident)*) => {
        vec![$(Property::always(Id::$id.entry().id, |_: &Self, state: &E::State| {
            state.broken() & Id::$id.bit() == 0
        }),)*]
    };
}

impl<E: Environment> Model for Explored<E> {
    type State = E::State;
    type Action = Labelled<E::Action>;

    fn init_states(&self) -> Vec<E::State> {
        vec![self.world.initial()]
    }

    fn actions(&self, state: &E::State, actions: &mut Vec<Labelled<E::Action>>) {
        let mut choices = Vec::new();
        self.world.actions(state, &mut choices);
        actions.extend(choices.into_iter().filter_map(|action| {
            let directive = self.world.directive(state, action)?;
            Some(Labelled { action, lane: directive.lane, text: directive.text })
        }));
    }

    fn next_state(&self, state: &E::State, choice: Labelled<E::Action>) -> Option<E::State> {
        self.world.next(state, choice.action)
    }

    fn format_step(&self, state: &E::State, choice: Labelled<E::Action>) -> Option<String> {
        let outcome = self.world.explain(state, choice.action)?;
        let mut text = String::new();
        for line in &outcome.said {
            let _ = writeln!(text, "> {line}");
        }
        for violation in &outcome.violations {
            let _ = writeln!(text, "BROKEN {}: {}; {}", violation.id, violation.found, violation.against);
        }
        let _ = write!(text, "\n{:?}", outcome.state);
        Some(text)
    }

    fn as_svg(&self, path: Path<E::State, Labelled<E::Action>>) -> Option<String> {
        Some(picture(&path.into_actions()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties! {
            SingleReadPlacement NoCommitInCutover CommitAtOwnerOnly NoAdmitStale NoLostWrite CleanAbort
            EpochMonotone Cas StaleControllerHarmless StaleMoverHarmless DebtKept FenceMonotone FenceNotAhead
            FenceRespected StatementDurable ApplyOnce Prefix Linearizable ElectionSafety LogMatching
            LeaderCompleteness StateMachineSafety VoteDurable Monotone QuorumOverlap ReadLinearizable RetryOnce
            NoUserData
        }
    }
}

const LANE: usize = 220;
const ROW: usize = 26;

/// A lane for each participant, in the order in which they first act, and a row for each step.
fn picture<A>(steps: &[Labelled<A>]) -> String {
    let mut lanes: Vec<&str> = Vec::new();
    for step in steps {
        if !lanes.contains(&step.lane.as_str()) {
            lanes.push(&step.lane);
        }
    }
    let (width, height) = (LANE * lanes.len().max(1) + 240, ROW * (steps.len() + 2));
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' \
         font-family='monospace' font-size='11'>"
    );
    for (at, lane) in lanes.iter().enumerate() {
        let x = 20 + LANE * at;
        let _ = write!(svg, "<text x='{x}' y='16' font-weight='bold'>{}</text>", escaped(lane));
        let _ = write!(svg, "<line x1='{x}' y1='22' x2='{x}' y2='{height}' stroke='#bbb'/>");
    }
    for (row, step) in steps.iter().enumerate() {
        let x = 20 + LANE * lanes.iter().position(|lane| *lane == step.lane).unwrap_or(0);
        let y = ROW * (row + 2);
        let _ = write!(svg, "<circle cx='{x}' cy='{y}' r='4' fill='#2563eb'/>");
        let _ = write!(svg, "<text x='{}' y='{}'>{}</text>", x + 9, y + 4, escaped(&step.text));
    }
    svg.push_str("</svg>");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Serves the browser at an address until the process ends.
pub fn serve<E: Environment>(world: Arc<E>, listen: SocketAddr) {
    let _checker = Explored { world }.checker().serve(listen);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::migration::{Action, World};
    use crate::scopes;

    #[test]
    fn every_invariant_is_a_property() {
        let scope = scopes::all().remove(0);
        let explored = Explored { world: Arc::new(World::new(scope)) };
        let names: Vec<&str> = explored.properties().iter().map(|property| property.name).collect();
        let ids: Vec<&str> = Id::ALL.iter().map(|id| id.entry().id).collect();
        assert_eq!(names, ids);
    }

    #[test]
    fn a_picture_escapes_what_it_shows() {
        let step = Labelled { action: Action::Tick, lane: "log".to_owned(), text: "begin >B".to_owned() };
        assert!(picture(&[step]).contains("begin &gt;B"));
    }
}
