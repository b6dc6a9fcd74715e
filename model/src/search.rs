//! stateright over a [`Protocol`]: depth-first to exhaust, breadth-first for the shortest witness.
//!
//! stateright calls a search done when a time or state limit ended it, and reports properties that it did not finish
//! checking as holding. So limits are ours: the `stop` flag empties every state's choices, and whoever set it knows that the
//! search was not exhausted.

use crate::protocol::{InvariantSet, MarkSet, Notes, Protocol, Tables, invariants_in, marks_in};
use ::stateright::{Checker, HasDiscoveries, Model, Property};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A protocol to be searched for violations of some invariants.
pub struct Searched<P> {
    protocol: Arc<P>,
    /// The invariants whose violation ends the search.
    watch: InvariantSet,
    /// The protocol's, at hand for every step.
    tables: Tables,
    shared: Arc<Shared>,
}

/// What the threads of a search share.
#[derive(Debug, Default)]
struct Shared {
    /// Set to end the search early: no state has a successor any more.
    stop: AtomicBool,
    /// The marks reached by steps, in two halves.
    reached: [AtomicU64; 2],
}

impl Shared {
    fn note(&self, marks: MarkSet) {
        for (half, shift) in self.reached.iter().zip([0, 64]) {
            // Truncation takes the half.
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

/// A state, and the invariants that the step into it broke: two ways into one state must not hide the wrong one.
pub struct Judged<P: Protocol> {
    /// The state.
    pub state: P::State,
    /// What was broken.
    pub broken: InvariantSet,
}

impl<P: Protocol> Judged<P> {
    /// Where every run begins; nothing is broken there.
    pub fn initial(protocol: &P) -> Self {
        Self { state: protocol.initial(), broken: 0 }
    }

    /// The same for every state that differs only in names that can be exchanged.
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

/// stateright looks every property up by name for every state; one property for all costs a tenth of that.
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

/// How a search went.
#[derive(Clone, Debug)]
pub struct Found<A> {
    /// What it covered.
    pub covered: Covered,
    /// The actions of a run that breaks a watched invariant.
    pub witness: Option<Vec<A>>,
}

/// What a search covered.
#[derive(Clone, Debug)]
pub struct Covered {
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

impl<P: Protocol> Searched<P> {
    /// A search that ends with the first of these invariants that breaks.
    #[must_use]
    pub fn new(protocol: Arc<P>, watch: InvariantSet) -> Self {
        Self { protocol, watch, tables: Tables::of::<P>(), shared: Arc::default() }
    }

    /// The protocol.
    #[must_use]
    pub const fn protocol(&self) -> &Arc<P> {
        &self.protocol
    }

    /// The marks reached so far, by any step, in words.
    #[must_use]
    pub fn reached(&self) -> Vec<&'static str> {
        marks_in::<P>(self.shared.reached() | self.protocol.reached())
    }

    /// Searches until everything was visited, a watched invariant broke, or a limit was reached.
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
        // A panic in a checker thread must not look like the end of a search.
        let panicked = handles.into_iter().any(|handle| handle.join().is_err());
        // stateright finds the run again by asking for the choices of each state on it.
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

/// Memory in use by this process, where the system tells.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
