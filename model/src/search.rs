//! stateright over an [`Environment`]: depth-first to exhaust, breadth-first for the shortest witness.
//!
//! stateright calls a search done when a time or state limit ended it, and reports properties that it did not finish
//! checking as holding. So limits are ours: the world's `stop` flag empties every state's choices, and whoever set it
//! knows that the search was not exhausted.

use crate::environment::{Environment, Place};
use cutover::core::invariant::Id;
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A world to be searched for violations of some invariants.
#[derive(Debug)]
pub struct Searched<E> {
    /// The world.
    pub world: Arc<E>,
    /// The invariants whose violation ends the search, as a set.
    pub watch: u32,
}

/// stateright looks every property up by name for every state; one property for all costs a tenth of that.
const HOLDS: &str = "holds";

impl<E> Clone for Searched<E> {
    fn clone(&self) -> Self {
        Self { world: Arc::clone(&self.world), watch: self.watch }
    }
}

impl<E: Environment> Model for Searched<E> {
    type State = E::State;
    type Action = E::Action;

    fn init_states(&self) -> Vec<E::State> {
        vec![self.world.initial()]
    }

    fn actions(&self, state: &E::State, actions: &mut Vec<E::Action>) {
        self.world.actions(state, actions);
    }

    fn next_state(&self, state: &E::State, action: E::Action) -> Option<E::State> {
        self.world.next(state, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |searched: &Self, state: &E::State| {
            state.broken() & searched.watch == 0
        })]
    }
}

/// How a search went.
#[derive(Clone, Debug)]
pub struct Found<A> {
    /// Whether every state within the bounds was visited.
    pub complete: bool,
    /// Why not, if not.
    pub ended_by: Option<Limit>,
    /// States generated, those that equal their parent not counted.
    pub generated: u64,
    /// States told apart.
    pub unique: u64,
    /// The longest run.
    pub depth: u64,
    /// Wall time.
    pub took: Duration,
    /// The choices of a run that breaks a watched invariant.
    pub witness: Option<Vec<A>>,
}

/// What ended a search early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Its time was up.
    Budget,
    /// Its memory was up.
    Memory,
    /// Somebody interrupted it.
    Interrupt,
}

impl Limit {
    /// In a word.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Memory => "memory limit",
            Self::Interrupt => "interrupt",
        }
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// States told apart.
    pub unique: u64,
    /// States generated.
    pub generated: u64,
    /// The longest run.
    pub depth: u64,
    /// Since its start.
    pub took: Duration,
}

/// Limits, and who is told of the progress.
pub struct Watcher<'a> {
    /// When to stop.
    pub until: Option<Instant>,
    /// Bytes of resident memory at which to stop.
    pub memory: Option<u64>,
    /// Whether somebody wants it to stop.
    pub interrupted: &'a dyn Fn() -> bool,
    /// Told a few times a second.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// How to search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Small in memory, and two threads are twice as fast; its witnesses are long.
    DepthFirst {
        /// Threads.
        threads: usize,
        /// Whether mirrored states count as one.
        symmetry: bool,
    },
    /// Its first witness is a shortest one. One thread, no symmetry.
    BreadthFirst,
}

impl<E: Environment> Searched<E> {
    /// Searches until everything was visited, a watched invariant broke, or a limit was reached.
    pub fn run(&self, order: Order, watcher: &mut Watcher<'_>) -> Found<E::Action> {
        self.world.stop().store(false, Ordering::Relaxed);
        let builder = self.clone().checker().finish_when(HasDiscoveries::Any);
        match order {
            Order::BreadthFirst => self.follow(builder.spawn_bfs(), watcher),
            Order::DepthFirst { threads, symmetry: true } => {
                let builder = builder.symmetry_fn(Place::representative);
                self.follow(builder.threads(threads).spawn_dfs(), watcher)
            }
            Order::DepthFirst { threads, symmetry: false } => {
                self.follow(builder.threads(threads).spawn_dfs(), watcher)
            }
        }
    }

    fn follow(&self, mut checker: impl Checker<Self>, watcher: &mut Watcher<'_>) -> Found<E::Action> {
        let start = Instant::now();
        let handles = checker.handles();
        let mut ended_by = None;
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let mut pause = Duration::from_millis(1);
        while handles.iter().any(|handle| !handle.is_finished()) {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
            (watcher.progress)(Progress {
                unique: number(checker.unique_state_count()),
                generated: number(checker.state_count()),
                depth: number(checker.max_depth()),
                took: start.elapsed(),
            });
            ended_by = ended_by.or_else(|| watcher.limit());
            if ended_by.is_some() {
                self.world.stop().store(true, Ordering::Relaxed);
            }
        }
        // A panic in a checker thread must not look like the end of a search.
        let panicked = handles.into_iter().any(|handle| handle.join().is_err());
        // stateright finds the run again by asking for the choices of each state on it.
        self.world.stop().store(false, Ordering::Relaxed);
        let witness = checker.discoveries().remove(HOLDS).map(stateright::Path::into_actions);
        Found {
            complete: witness.is_none() && ended_by.is_none() && !panicked,
            ended_by,
            generated: number(checker.state_count()),
            unique: number(checker.unique_state_count()),
            depth: number(checker.max_depth()),
            took: start.elapsed(),
            witness,
        }
    }
}

impl Watcher<'_> {
    fn limit(&self) -> Option<Limit> {
        if (self.interrupted)() {
            return Some(Limit::Interrupt);
        }
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return Some(Limit::Budget);
        }
        let over = |limit: u64| resident_bytes().is_some_and(|resident| resident > limit);
        self.memory.filter(|limit| over(*limit)).map(|_| Limit::Memory)
    }
}

/// Memory in use by this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// Every invariant, as a set.
#[must_use]
pub fn all_invariants() -> u32 {
    Id::ALL.iter().fold(0, |bits, id| bits | id.bit())
}
