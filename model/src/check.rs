//! `check` for one scope: search, judge, and find the shortest run that violates an invariant.

use crate::protocol::{
    GoalSet, InvariantSet, Protocol, Scope, WaysCost, all_goals, all_invariants, claim_alone, claim_named,
};
use crate::search::{Covered, Found, Order, Progress, Searched, Watcher};
use crate::witness::Witness;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time limit for finding the shortest run: a bug can turn a small state space into a large one.
const SHORTEST_WITHIN: Duration = Duration::from_secs(60);

/// How to search a scope: order, symmetry and limits.
#[derive(Clone, Debug)]
pub struct How {
    /// Number of threads of a depth-first search.
    pub threads: usize,
    /// Whether states that differ only in interchangeable names count as one.
    pub symmetry: bool,
    /// Search breadth-first, which needs a single thread and no symmetry.
    pub breadth_first: bool,
    /// Id of an invariant: the search ends only when this one is violated. `None`: it ends at any violation.
    pub stop_at: Option<String>,
    /// Time at which to end the search of this scope.
    pub ends: Option<Instant>,
    /// Time at which to end the whole run.
    pub ends_all: Option<Instant>,
    /// Resident memory in bytes at which to end the search.
    pub memory: Option<u64>,
}

/// Receives the progress of searches, and may interrupt them.
pub trait Observer {
    /// Called when a search begins; `what` names it.
    fn begin(&mut self, what: &str);
    /// Called a few times a second while a search runs.
    fn progress(&mut self, what: &str, at: Progress);
    /// Called when a search has ended.
    fn end(&mut self);
    /// Polled during a search: whether it should end now.
    fn interrupted(&self) -> bool;
}

/// The result of checking a scope.
#[derive(Debug)]
pub struct Checked {
    /// What the search covered.
    pub covered: Covered,
    /// A run that violates an invariant, if one was found.
    pub witness: Option<Witness>,
    /// The texts of the marks that the search reached.
    pub reached: Vec<&'static str>,
    /// The texts of the marks that the scope requires and the search did not reach.
    pub missing: Vec<&'static str>,
    /// What the judgement of goals has cost.
    pub ways: WaysCost,
}

/// Searches a scope. A violation is reported with a shortest run.
pub fn check<P: Protocol>(scope: &Scope<P::Bounds>, how: &How, observer: &mut dyn Observer) -> Checked {
    let until = how.stop_at.as_deref().and_then(claim_named::<P>);
    let expected = scope.expect.and_then(claim_named::<P>);
    let all = || (scope.judged(all_invariants::<P>()), scope.goals(all_goals::<P>()));
    let watch = until.or(expected).map_or_else(all, claim_alone::<P>);
    let searched = Searched::new(Arc::new(P::new(&scope.bounds)), watch.0).with_goals(watch.1);
    // A known violation needs no exhaustive search: breadth-first finds its shortest run at once.
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
    let ways = searched.protocol().ways();
    Checked { covered, witness, reached, missing, ways }
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
    // The watcher's two closures both need the observer; they never run at the same time.
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

/// The shortest run that violates the same invariant as `found`. If a limit prevents the search for it, the given
/// run without its superfluous steps.
fn shortest<P: Protocol>(
    searched: &Searched<P>,
    order: Order,
    actions: &[P::Action],
    (watch, until): ((InvariantSet, GoalSet), Option<usize>),
    how: &How,
    observer: &mut dyn Observer,
) -> Option<Witness> {
    let protocol = searched.protocol();
    let watched = (0..P::invariants().len() + P::goals().len()).filter(|number| {
        let (invariants, goals) = claim_alone::<P>(*number);
        watch.0 & invariants != 0 || watch.1 & goals != 0
    });
    let runs = watched.filter_map(|number| Some((number, Witness::run(&**protocol, actions, number)?)));
    let (number, first) = runs.min_by_key(|(_, witness)| witness.steps.len())?;
    if order == Order::BreadthFirst {
        return Some(first);
    }
    let number = until.unwrap_or(number);
    let (invariants, goals) = claim_alone::<P>(number);
    let searched = Searched::new(Arc::clone(protocol), invariants).with_goals(goals);
    let patience = Instant::now() + SHORTEST_WITHIN;
    let until = Some(how.ends_all.map_or(patience, |ends| ends.min(patience)));
    let found = search(&searched, Order::BreadthFirst, "the shortest run", until, how, observer).witness;
    let actions = found.unwrap_or_else(|| Witness::shorten(&**protocol, actions, number));
    Witness::run(&**protocol, &actions, number).or(Some(first))
}
