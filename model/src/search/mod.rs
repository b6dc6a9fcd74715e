//! Exhaustive search of a [`Protocol`]: depth-first for completeness, breadth-first for the shortest run.
//!
//! States are compared by a 64-bit fingerprint ([`Protocol::fingerprint`]). A search that a limit or a panic ended is
//! never complete (ADR 0035).

mod breadth_first;
mod depth_first;
mod seen;

pub use seen::Seen;

use crate::protocol::fingerprint::hasher;
use crate::protocol::{GoalSet, InvariantSet, MarkSet, Notes, Protocol, Tables, invariants_in, marks_in};
use depth_first::Market;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// A search of a protocol for violations of some invariants.
pub struct Searched<P> {
    protocol: Arc<P>,
    /// The invariants whose violation ends the search.
    watch: InvariantSet,
    /// The goals that end the search when no way leads on to them.
    goals: GoalSet,
    /// The protocol's invariants and marks, cached for use in every step.
    tables: Tables,
    reached: Reached,
}

/// The marks reached by steps, as the low and the high half of a [`MarkSet`].
#[derive(Debug, Default)]
struct Reached([AtomicU64; 2]);

/// What the threads of one run share.
#[derive(Debug, Default)]
struct Shared {
    /// Set to end the search early.
    stop: AtomicBool,
    /// The fingerprints of all states so far.
    seen: Seen,
    generated: AtomicU64,
    unique: AtomicU64,
    depth: AtomicU64,
}

/// What making the successors of one state adds to the counts.
#[derive(Default)]
struct Tally {
    generated: u64,
    unique: u64,
}

impl Reached {
    fn note(&self, marks: MarkSet) {
        for (half, shift) in self.0.iter().zip([0, 64]) {
            // Truncation is intended: it selects one half.
            #[expect(clippy::cast_possible_truncation, reason = "the lower half, after the shift")]
            let marks = (marks >> shift) as u64;
            if marks & !half.load(Ordering::Relaxed) != 0 {
                half.fetch_or(marks, Ordering::Relaxed);
            }
        }
    }

    fn all(&self) -> MarkSet {
        let [low, high] = &self.0;
        MarkSet::from(low.load(Ordering::Relaxed)) | MarkSet::from(high.load(Ordering::Relaxed)) << 64
    }
}

impl Shared {
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Adds the counts of a state to which this many steps lead.
    fn add(&self, tally: &Tally, steps: usize) {
        self.generated.fetch_add(tally.generated, Ordering::Relaxed);
        self.unique.fetch_add(tally.unique, Ordering::Relaxed);
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        if steps > self.depth.load(Ordering::Relaxed) {
            self.depth.fetch_max(steps, Ordering::Relaxed);
        }
    }

    fn progress(&self, start: Instant) -> Progress {
        Progress {
            unique: self.unique.load(Ordering::Relaxed),
            generated: self.generated.load(Ordering::Relaxed),
            depth: self.depth.load(Ordering::Relaxed),
            took: start.elapsed(),
        }
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

    fn fingerprint(&self, symmetry: bool) -> u64 {
        let state = P::fingerprint(&self.state, symmetry);
        if self.broken == 0 { state } else { hasher().hash_one((state, self.broken)) }
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

impl<P> fmt::Debug for Searched<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Searched").field("watch", &self.watch).finish_non_exhaustive()
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
        Self { protocol, watch, goals: 0, tables: Tables::of::<P>(), reached: Reached::default() }
    }

    /// The search ends as well at a state from which no way leads on to one of these goals.
    #[must_use]
    pub fn with_goals(self, goals: GoalSet) -> Self {
        Self { goals, ..self }
    }

    /// The protocol that is searched.
    #[must_use]
    pub const fn protocol(&self) -> &Arc<P> {
        &self.protocol
    }

    /// The texts of the marks reached so far, by all threads.
    #[must_use]
    pub fn reached(&self) -> Vec<&'static str> {
        marks_in::<P>(self.reached.all() | self.protocol.reached())
    }

    /// The state after an action with the invariants that the step violates; `None` if the action changes nothing.
    fn successor(&self, from: &P::State, action: &P::Action, tally: &mut Tally) -> Option<Judged<P>> {
        let mut notes = Notes::quiet(self.tables);
        let state = self.protocol.step(from, action, &mut notes);
        self.reached.note(notes.marks());
        let state = state?;
        tally.generated += 1;
        Some(Judged { state, broken: notes.broken() })
    }

    fn is_violation(&self, judged: &Judged<P>) -> bool {
        judged.broken & self.watch != 0
            || (self.goals != 0 && self.protocol.stuck(&judged.state) & self.goals != 0)
    }

    /// Searches until every state was visited, a watched invariant is violated, or a limit is reached.
    pub fn run(&self, order: Order, watcher: &mut Watcher<'_>) -> Found<P::Action> {
        let (first, shared) = (Judged::initial(&*self.protocol), Shared::default());
        let symmetry = matches!(order, Order::DepthFirst { symmetry: true, .. });
        shared.seen.insert(first.fingerprint(symmetry));
        shared.add(&Tally { generated: 1, unique: 1 }, 0);
        match order {
            Order::BreadthFirst => std::thread::scope(|scope| {
                let threads = vec![scope.spawn(|| self.widen(&shared, first.state))];
                Self::follow(threads, &shared, &|| {}, watcher)
            }),
            Order::DepthFirst { threads, .. } => {
                let market = Market::new(threads.max(1), first.state);
                std::thread::scope(|scope| {
                    let dive = || scope.spawn(|| self.dive(&shared, &market, symmetry));
                    let threads = (0..threads.max(1)).map(|_| dive()).collect();
                    Self::follow(threads, &shared, &|| market.wake(), watcher)
                })
            }
        }
    }

    /// Watches over the threads until all have ended. `wake` wakes those that wait for work.
    fn follow(
        threads: Vec<ScopedJoinHandle<'_, Option<Vec<P::Action>>>>,
        shared: &Shared,
        wake: &dyn Fn(),
        watcher: &mut Watcher<'_>,
    ) -> Found<P::Action> {
        let start = Instant::now();
        let mut ended_by = None;
        let mut pause = Duration::from_millis(1);
        while threads.iter().any(|thread| !thread.is_finished()) {
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
            (watcher.progress)(shared.progress(start));
            ended_by = ended_by.or_else(|| watcher.limit());
            if ended_by.is_some() {
                shared.stop();
                wake();
            }
        }
        let ended: Vec<_> = threads.into_iter().map(ScopedJoinHandle::join).collect();
        let panicked = ended.iter().any(Result::is_err);
        let witness = ended.into_iter().find_map(|found| found.ok().flatten());
        let Progress { unique, generated, depth, took } = shared.progress(start);
        let complete = witness.is_none() && ended_by.is_none() && !panicked;
        Found { covered: Covered { complete, ended_by, generated, unique, depth, took }, witness }
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
