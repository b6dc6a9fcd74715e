//! Adapts a [`Protocol`] to stateright's Explorer: actions as text, states as facts, a run as a sequence diagram.

use crate::protocol::{Choice, Kind, Notes, Protocol, Tables};
use crate::search::Judged;
use ::stateright::{Model, Path, Property};
use std::fmt::{self, Write};
use std::net::SocketAddr;

/// A protocol as a stateright model, for browsing only.
#[derive(Debug)]
pub struct Explored<P> {
    /// The protocol that is browsed.
    pub protocol: P,
}

/// An action with its text, which the Explorer shows in its list.
#[derive(Clone, PartialEq, Eq)]
pub struct Labelled<A> {
    action: A,
    choice: Choice,
}

impl<A> fmt::Debug for Labelled<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.choice)
    }
}

type Condition<P> = fn(&Explored<P>, &Judged<P>) -> bool;

fn holds<P: Protocol, const NUMBER: u32>(_: &Explored<P>, judged: &Judged<P>) -> bool {
    judged.broken & (1 << NUMBER) == 0
}

/// stateright takes a function pointer, not a closure, as a property's condition. So each invariant's number needs
/// a function of its own.
fn conditions<P: Protocol>() -> [Condition<P>; 64] {
    macro_rules! each {
        ($($number:literal)*) => { [$(holds::<P, $number>,)*] };
    }
    each! {
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39
        40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
    }
}

impl<P: Protocol> Model for Explored<P> {
    type State = Judged<P>;
    type Action = Labelled<P::Action>;

    fn init_states(&self) -> Vec<Judged<P>> {
        vec![Judged::initial(&self.protocol)]
    }

    fn actions(&self, from: &Judged<P>, actions: &mut Vec<Labelled<P::Action>>) {
        let mut enabled = Vec::new();
        self.protocol.enabled(&from.state, &mut enabled);
        actions.extend(enabled.into_iter().filter_map(|action| {
            let choice = self.protocol.choice(&from.state, &action)?;
            Some(Labelled { action, choice })
        }));
    }

    fn next_state(&self, from: &Judged<P>, labelled: Labelled<P::Action>) -> Option<Judged<P>> {
        let mut notes = Notes::quiet(Tables::of::<P>());
        let state = self.protocol.step(&from.state, &labelled.action, &mut notes)?;
        Some(Judged { state, broken: notes.broken() })
    }

    fn format_step(&self, from: &Judged<P>, labelled: Labelled<P::Action>) -> Option<String> {
        let mut notes = Notes::explaining(Tables::of::<P>());
        let state = self.protocol.step(&from.state, &labelled.action, &mut notes)?;
        let broken = notes.broken();
        let (said, violations) = notes.into_words();
        let mut text = String::new();
        for line in &said {
            let _ = writeln!(text, "> {line}");
        }
        for violation in &violations {
            let (id, found, against) = (violation.invariant.id, &violation.found, &violation.against);
            let _ = writeln!(text, "BROKEN {id}: {found}; {against}");
        }
        let _ = write!(text, "\n{:?}", Judged::<P> { state, broken });
        Some(text)
    }

    fn as_svg(&self, path: Path<Judged<P>, Labelled<P::Action>>) -> Option<String> {
        let steps = path.into_actions();
        Some(picture(&steps.into_iter().map(|labelled| labelled.choice).collect::<Vec<_>>()))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let named = P::invariants().iter().zip(conditions::<P>());
        named.map(|(invariant, condition)| Property::always(invariant.id, condition)).collect()
    }
}

const LANE: usize = 220;
const ROW: usize = 26;

/// A sequence diagram of a run in SVG: a lane for each participant, in the order of first appearance, and a row for
/// each step. Timers and faults have their own colours.
fn picture(steps: &[Choice]) -> String {
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
        let colour = match step.kind {
            Kind::Ordinary => "#2563eb",
            Kind::Timer => "#d97706",
            Kind::Fault => "#dc2626",
        };
        let _ = write!(svg, "<circle cx='{x}' cy='{y}' r='4' fill='{colour}'/>");
        let _ = write!(svg, "<text x='{}' y='{}'>{}</text>", x + 9, y + 4, escaped(&step.text));
    }
    svg.push_str("</svg>");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Serves the state browser at `listen` until the process ends.
pub fn serve<P: Protocol>(bounds: &P::Bounds, listen: SocketAddr) {
    let _checker = Explored { protocol: P::new(bounds) }.checker().serve(listen);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Migration;
    use crate::protocol::Catalog as _;

    #[test]
    fn every_invariant_is_a_property() {
        let scope = Migration::scopes().remove(0);
        let explored = Explored { protocol: Migration::new(&scope.bounds) };
        let names: Vec<&str> = explored.properties().iter().map(|property| property.name).collect();
        let ids: Vec<&str> = Migration::invariants().iter().map(|invariant| invariant.id).collect();
        assert_eq!(names, ids);
    }

    #[test]
    fn a_picture_escapes_what_it_shows() {
        assert!(picture(&[Choice::new("log", "begin >B")]).contains("begin &gt;B"));
    }
}
