//! One scope, searched and judged, with the shortest run that breaks something.

use crate::protocol::{InvariantSet, Protocol, Scope, invariant_named};
use crate::search::{Covered, Found, Order, Progress, Searched, Watcher};
use crate::witness::Witness;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A shortest run is worth waiting for, but not for ever: a bug can make a small state space a large one.
const SHORTEST_WITHIN: Duration = Duration::from_secs(60);

/// How a scope is searched.
#[derive(Clone, Debug)]
pub struct How {
    /// Threads of a depth-first search.
    pub threads: usize,
    /// Whether states that differ in exchangeable names count as one.
    pub symmetry: bool,
    /// Breadth-first from the start: on one thread, and without symmetry.
    pub breadth_first: bool,
    /// Search on until this very invariant breaks.
    pub stop_at: Option<String>,
    /// When to stop with this scope.
    pub ends: Option<Instant>,
    /// When to stop with everything.
    pub ends_all: Option<Instant>,
    /// Bytes of resident memory at which to stop.
    pub memory: Option<u64>,
}

/// Told of the progress of searches.
pub trait Observer {
    /// A search begins.
    fn begin(&mut self, what: &str);
    /// How far it has come, a few times a second.
    fn progress(&mut self, what: &str, at: Progress);
    /// It has ended.
    fn end(&mut self);
    /// Whether somebody wants it to stop.
    fn interrupted(&self) -> bool;
}

/// What a scope came to.
#[derive(Debug)]
pub struct Checked {
    /// What the search covered.
    pub covered: Covered,
    /// A run that breaks a watched invariant.
    pub witness: Option<Witness>,
    /// The marks that were reached, in words.
    pub reached: Vec<&'static str>,
    /// Those of the scope that were not.
    pub missing: Vec<&'static str>,
}

/// Searches a scope; what breaks is shown at its shortest.
pub fn check<P: Protocol>(scope: &Scope<P::Bounds>, how: &How, observer: &mut dyn Observer) -> Checked {
    let until = how.stop_at.as_deref().and_then(invariant_named::<P>);
    let expected = scope.expect.and_then(invariant_named::<P>);
    let watch = until
        .or(expected)
        .map_or_else(|| scope.judged(crate::protocol::all_invariants::<P>()), |number| 1 << number);
    let searched = Searched::new(Arc::new(P::new(&scope.bounds)), watch);
    // What is known to break is shown at its shortest, at once.
    let order = if scope.expect.is_some() || how.breadth_first {
        Order::BreadthFirst
    } else {
        Order::DepthFirst { threads: how.threads, symmetry: how.symmetry }
    };
    let Found { covered, witness } = search(&searched, order, scope.name, how.ends, how, observer);
    let witness =
        witness.and_then(|actions| shortest(&searched, order, &actions, (watch, until), how, observer));
    let reached = searched.reached();
    let mut missing = scope.reaches.clone();
    missing.retain(|mark| !reached.contains(mark));
    Checked { covered, witness, reached, missing }
}

fn search<P: Protocol>(
    searched: &Searched<P>,
    order: Order,
    what: &str,
    until: Option<Instant>,
    how: &How,
    observer: &mut dyn Observer,
) -> Found<P::Action> {
    observer.begin(what);
    // Both closures of a watcher look at the observer, one after the other.
    let observing = std::cell::RefCell::new(&mut *observer);
    let found = searched.run(
        order,
        &mut Watcher {
            until,
            memory: how.memory,
            interrupted: &|| observing.borrow().interrupted(),
            progress: &mut |at| observing.borrow_mut().progress(what, at),
        },
    );
    observer.end();
    found
}

/// The shortest run that breaks what the given one breaks; if a limit is in the way, that one without its idle steps.
fn shortest<P: Protocol>(
    searched: &Searched<P>,
    order: Order,
    actions: &[P::Action],
    (watch, until): (InvariantSet, Option<usize>),
    how: &How,
    observer: &mut dyn Observer,
) -> Option<Witness> {
    let protocol = searched.protocol();
    let watched = (0..P::invariants().len()).filter(|number| watch & (1 << number) != 0);
    let runs = watched.filter_map(|number| Some((number, Witness::run(&**protocol, actions, number)?)));
    let (number, first) = runs.min_by_key(|(_, witness)| witness.steps.len())?;
    if order == Order::BreadthFirst {
        return Some(first);
    }
    let number = until.unwrap_or(number);
    let searched = Searched::new(Arc::clone(protocol), 1 << number);
    let patience = Instant::now() + SHORTEST_WITHIN;
    let until = Some(how.ends_all.map_or(patience, |ends| ends.min(patience)));
    let found = search(&searched, Order::BreadthFirst, "the shortest run", until, how, observer).witness;
    let actions = found.unwrap_or_else(|| Witness::shorten(&**protocol, actions, number));
    Witness::run(&**protocol, &actions, number).or(Some(first))
}
