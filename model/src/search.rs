//! Exhaustive search of a [`Protocol`] with stateright: depth-first for completeness, breadth-first for the
//! shortest run.
//!
//! stateright reports a search as done when a limit ended it, and the unfinished properties as holding. So this
//! module keeps the limits itself: when the flag `stop` is set, no state has enabled actions any more, and the
//! search is known to be incomplete.

use crate::protocol::{InvariantSet, MarkSet, Notes, Protocol, Tables, invariants_in, marks_in};
use ::stateright::{Checker, HasDiscoveries, Model, Property};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A protocol as a stateright model that looks for violations of some invariants.
pub struct Searched<P> {
    protocol: Arc<P>,
    /// The invariants whose violation ends the search.
    watch: InvariantSet,
    /// The protocol's invariants and marks, cached for use in every step.
    tables: Tables,
    shared: Arc<Shared>,
}

/// State shared by the threads of a search.
#[derive(Debug, Default)]
struct Shared {
    /// Set to end the search early: from then on no state has successors.
    stop: AtomicBool,
    /// The marks reached by steps, as the low and the high half of a [`MarkSet`].
    reached: [AtomicU64; 2],
}

impl Shared {
    fn note(&self, marks: MarkSet) {
        for (half, shift) in self.reached.iter().zip([0, 64]) {
            // Truncation is intended: it selects one half.
            #[expect(clippy::cast_possible_truncation, reason = "the lower half, after the shift")]
            let marks = (marks >> shift) as u64;
            if marks & !half.load(Ordering::Relaxed) != 0 {
                half.fetch_or(marks, Ordering::Relaxed);
            }
        }
    }

    fn reached(&self) -> MarkSet {
        let [low, high] = &self.reached;
        MarkSet::from(low.load(Ordering::Relaxed)) | MarkSet::from(high.load(Ordering::Relaxed)) << 64
    }
}

/// A state with the invariants violated by the step into it. They are part of the node's identity: another, correct
/// step into the same state must not hide the violation.
pub struct Judged<P: Protocol> {
    /// The state after the step.
    pub state: P::State,
    /// The invariants that the step violated.
    pub broken: InvariantSet,
}

impl<P: Protocol> Judged<P> {
    /// The initial state, with nothing violated.
    pub fn initial(protocol: &P) -> Self {
        Self { state: protocol.initial(), broken: 0 }
    }

    /// The canonical form under the protocol's symmetry.
    #[must_use]
    pub fn representative(&self) -> Self {
        Self { state: P::representative(&self.state), broken: self.broken }
    }
}

impl<P: Protocol> Clone for Judged<P> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), broken: self.broken }
    }
}

impl<P: Protocol> Hash for Judged<P> {
    fn hash<H: Hasher>(&self, into: &mut H) {
        self.state.hash(into);
        into.write_u64(self.broken);
    }
}

impl<P: Protocol> PartialEq for Judged<P> {
    fn eq(&self, other: &Self) -> bool {
        self.broken == other.broken && self.state == other.state
    }
}

impl<P: Protocol> fmt::Debug for Judged<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.state)?;
        for invariant in invariants_in(P::invariants(), self.broken) {
            write!(f, "\nBROKEN {}", invariant.id)?;
        }
        Ok(())
    }
}

/// stateright looks up every property by name for every state. A single property for all invariants costs a tenth
/// of that.
const HOLDS: &str = "holds";

impl<P> fmt::Debug for Searched<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searched").field("watch", &self.watch).finish_non_exhaustive()
    }
}

impl<P> Clone for Searched<P> {
    fn clone(&self) -> Self {
        let (protocol, shared) = (Arc::clone(&self.protocol), Arc::clone(&self.shared));
        Self { protocol, watch: self.watch, tables: self.tables, shared }
    }
}

impl<P: Protocol> Model for Searched<P> {
    type State = Judged<P>;
    type Action = P::Action;

    fn init_states(&self) -> Vec<Judged<P>> {
        vec![Judged::initial(&*self.protocol)]
    }

    fn actions(&self, from: &Judged<P>, actions: &mut Vec<P::Action>) {
        if !self.shared.stop.load(Ordering::Relaxed) {
            self.protocol.enabled(&from.state, actions);
        }
    }

    fn next_state(&self, from: &Judged<P>, action: P::Action) -> Option<Judged<P>> {
        let mut notes = Notes::quiet(self.tables);
        let state = self.protocol.step(&from.state, &action, &mut notes);
        self.shared.note(notes.marks());
        Some(Judged { state: state?, broken: notes.broken() })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(HOLDS, |searched: &Self, judged: &Judged<P>| {
            judged.broken & searched.watch == 0
        })]
    }
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Found<A> {
    /// What the search covered.
    pub covered: Covered,
    /// The actions of a run that violates a watched invariant, if one was found.
    pub witness: Option<Vec<A>>,
}

/// The extent of a search.
#[derive(Clone, Debug)]
pub struct Covered {
    /// Whether every state within the bounds was visited.
    pub complete: bool,
    /// The limit that ended the search, if one did.
    pub ended_by: Option<Limit>,
    /// Number of generated states, without those equal to their parent.
    pub generated: u64,
    /// Number of unique states.
    pub unique: u64,
    /// Length of the longest run, in steps.
    pub depth: u64,
    /// Wall time of the search.
    pub took: Duration,
}

/// Why a search ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// Its time limit was reached.
    Budget,
    /// Its memory limit was reached.
    Memory,
    /// The caller interrupted it.
    Interrupt,
}

impl Limit {
    /// The reason as printed.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Memory => "memory limit",
            Self::Interrupt => "interrupt",
        }
    }
}

/// The progress of a running search.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Number of unique states so far.
    pub unique: u64,
    /// Number of generated states so far.
    pub generated: u64,
    /// Length of the longest run so far, in steps.
    pub depth: u64,
    /// Wall time since the search began.
    pub took: Duration,
}

/// The limits of a search, and the receiver of its progress.
pub struct Watcher<'a> {
    /// Time at which to end the search.
    pub until: Option<Instant>,
    /// Resident memory in bytes at which to end the search.
    pub memory: Option<u64>,
    /// Polled during the search: whether to end it now.
    pub interrupted: &'a dyn Fn() -> bool,
    /// Called a few times a second.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// The order of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Needs little memory and scales with threads; the runs that it finds are long.
    DepthFirst {
        /// Number of threads.
        threads: usize,
        /// Whether states that differ only in interchangeable names count as one.
        symmetry: bool,
    },
    /// The first violating run that it finds is a shortest one. Runs on one thread, without symmetry.
    BreadthFirst,
}

impl<P: Protocol> Searched<P> {
    /// A search that ends at the first violation of an invariant in `watch`.
    #[must_use]
    pub fn new(protocol: Arc<P>, watch: InvariantSet) -> Self {
        Self { protocol, watch, tables: Tables::of::<P>(), shared: Arc::default() }
    }

    /// The protocol that is searched.
    #[must_use]
    pub const fn protocol(&self) -> &Arc<P> {
        &self.protocol
    }

    /// The texts of the marks reached so far, by all threads.
    #[must_use]
    pub fn reached(&self) -> Vec<&'static str> {
        marks_in::<P>(self.shared.reached() | self.protocol.reached())
    }

    /// Searches until every state was visited, a watched invariant is violated, or a limit is reached.
    pub fn run(&self, order: Order, watcher: &mut Watcher<'_>) -> Found<P::Action> {
        self.shared.stop.store(false, Ordering::Relaxed);
        let builder = self.clone().checker().finish_when(HasDiscoveries::Any);
        match order {
            Order::BreadthFirst => self.follow(builder.spawn_bfs(), watcher),
            Order::DepthFirst { threads, symmetry: true } => {
                let builder = builder.symmetry_fn(Judged::representative);
                self.follow(builder.threads(threads).spawn_dfs(), watcher)
            }
            Order::DepthFirst { threads, symmetry: false } => {
                self.follow(builder.threads(threads).spawn_dfs(), watcher)
            }
        }
    }

    fn follow(&self, mut checker: impl Checker<Self>, watcher: &mut Watcher<'_>) -> Found<P::Action> {
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
                self.shared.stop.store(true, Ordering::Relaxed);
            }
        }
        // stateright would report a search whose thread panicked as done.
        let panicked = handles.into_iter().any(|handle| handle.join().is_err());
        // stateright reconstructs the run by listing the actions of each of its states, which `stop` would make
        // empty.
        self.shared.stop.store(false, Ordering::Relaxed);
        let witness = checker.discoveries().remove(HOLDS).map(::stateright::Path::into_actions);
        let covered = Covered {
            complete: witness.is_none() && ended_by.is_none() && !panicked,
            ended_by,
            generated: number(checker.state_count()),
            unique: number(checker.unique_state_count()),
            depth: number(checker.max_depth()),
            took: start.elapsed(),
        };
        Found { covered, witness }
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

/// Resident memory of this process in bytes; `None` where the operating system does not report it.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
