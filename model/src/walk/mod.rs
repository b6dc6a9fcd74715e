//! Random walks through a [`Protocol`]: breadth where a search has depth. A walk takes thousands of steps in an environment that is
//! too large to be searched, and judges each by the same invariants.
//!
//! Each walk draws the options of its scope, how often it takes each kind of action, and where these odds change. All of it follows
//! from the seed and the number of the walk. A walk that violates an invariant is shortened and becomes a [`Witness`], as a search
//! gives one. Now and then, and at its end, a walk asks whether the goals can still be reached, as a search does in each state. A walk proves nothing: its verdict is never that an invariant holds.

mod bias;
mod cover;
mod dice;
mod shorten;

pub use cover::{Covered, WalkedText};

use crate::protocol::{
    Bounds as _, GoalSet, InvariantSet, Notes, Protocol, Scope, Tables, Violation, all_goals, all_invariants,
    claim, invariant_named,
};
use crate::witness::Witness;
use bias::Bias;
use dice::Dice;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How to walk.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The seed of the run.
    pub seed: u64,
    /// The number of walks; `None`: until the time is over.
    pub walks: Option<u64>,
    /// The time at which to begin no further walk.
    pub ends: Option<Instant>,
    /// Steps of one walk.
    pub steps: u64,
    /// Number of threads.
    pub threads: usize,
    /// How long a walk that fails may be shortened, as [`SHORTENS`]; `None`: it stays as it is.
    pub shortens: Option<Duration>,
}

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Walks that have ended.
    pub walks: u64,
    /// Steps taken and judged.
    pub steps: u64,
    /// Wall time.
    pub took: Duration,
}

/// A walk that violates an invariant.
#[derive(Debug)]
pub struct Failed {
    /// The number of the walk.
    pub walk: u64,
    /// The steps of the walk up to the violation.
    pub steps: u64,
    /// Options of the scope that the walk had drawn.
    pub options: Vec<(String, String)>,
    /// The shortened run.
    pub witness: Witness,
    /// Whether shortening was cut off by its time limit. `None`: nobody shortened it.
    pub cut_off: Option<bool>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Walked {
    /// What the walks covered.
    pub covered: Covered,
    /// The failing walk with the lowest number, if there is one.
    pub failed: Option<Failed>,
}

/// How long shortening takes at most, if nobody says otherwise.
pub const SHORTENS: Duration = shorten::WITHIN;

/// The name of the option that a walk draws.
const WORLD: &str = "world";

/// The whole run as a witness. One that cannot be taken again is a violation nevertheless.
fn again<P: Protocol>(protocol: &P, run: &Run<P>) -> Option<Witness> {
    let unrepeated = || {
        let violation = Violation {
            invariant: claim::<P>(run.invariant)?,
            found: "a walk violated it".to_owned(),
            against: "its steps, taken again, do not".to_owned(),
        };
        Some(Witness { steps: Vec::new(), violation, changed: Vec::new(), marks: Vec::new() })
    };
    Witness::run(protocol, &run.actions, run.invariant).or_else(unrepeated)
}

/// Threads share it.
struct Shared {
    next: AtomicU64,
    /// The lowest number of a walk that failed.
    failed: AtomicU64,
    ended: AtomicU64,
    steps: AtomicU64,
    stop: AtomicBool,
}

/// Walks through a scope until the plan ends, or a walk fails.
pub fn walk<P: Protocol>(
    scope: &Scope<P::Bounds>,
    plan: &Plan,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> Walked {
    let shared = Shared {
        next: AtomicU64::new(0),
        failed: AtomicU64::new(u64::MAX),
        ended: AtomicU64::new(0),
        steps: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    };
    let start = Instant::now();
    let all = Mutex::new((Covered::default(), None::<Run<P>>));
    std::thread::scope(|threads| {
        let workers: Vec<_> =
            (0..plan.threads.max(1)).map(|_| threads.spawn(|| work(scope, plan, &shared, &all))).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(20));
            let (walks, steps) = (shared.ended.load(Ordering::Relaxed), shared.steps.load(Ordering::Relaxed));
            if progress(Progress { walks, steps, took: start.elapsed() }) {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    });
    let (mut covered, failed) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    covered.took = start.elapsed();
    let failed = failed.and_then(|run| {
        let mut drawn = scope.clone();
        for (name, value) in &run.options {
            drawn.set_option(name, value).ok()?;
        }
        let protocol = P::new(&drawn.bounds);
        let shorter =
            plan.shortens.and_then(|within| shorten::shorten(&protocol, &run.actions, run.invariant, within));
        let (witness, cut_off) = match shorter {
            Some((witness, cut_off)) => (witness, Some(cut_off)),
            None => (again(&protocol, &run)?, None),
        };
        let steps = u64::try_from(run.actions.len()).unwrap_or(u64::MAX);
        Some(Failed { walk: run.walk, steps, options: run.options, witness, cut_off })
    });
    Walked { covered, failed }
}

/// A walk that failed, as it went.
struct Run<P: Protocol> {
    walk: u64,
    options: Vec<(String, String)>,
    actions: Vec<P::Action>,
    invariant: usize,
}

fn work<P: Protocol>(
    scope: &Scope<P::Bounds>,
    plan: &Plan,
    shared: &Shared,
    all: &Mutex<(Covered, Option<Run<P>>)>,
) {
    let mut covered = Covered::of::<P>();
    loop {
        let walk = shared.next.fetch_add(1, Ordering::Relaxed);
        let over = plan.walks.is_some_and(|walks| walk >= walks)
            || plan.ends.is_some_and(|ends| Instant::now() >= ends)
            || shared.stop.load(Ordering::Relaxed)
            || walk > shared.failed.load(Ordering::Relaxed);
        if over {
            break;
        }
        if let Some(run) = one::<P>(scope, plan, walk, &mut covered, shared) {
            shared.failed.fetch_min(walk, Ordering::Relaxed);
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            if all.1.as_ref().is_none_or(|other| walk < other.walk) {
                all.1 = Some(run);
            }
        }
        shared.ended.fetch_add(1, Ordering::Relaxed);
    }
    all.lock().unwrap_or_else(PoisonError::into_inner).0.merge(&covered);
}

/// One walk. Returns it if it violates an invariant.
fn one<P: Protocol>(
    scope: &Scope<P::Bounds>,
    plan: &Plan,
    number: u64,
    covered: &mut Covered,
    shared: &Shared,
) -> Option<Run<P>> {
    let mut dice = Dice::of(plan.seed, number);
    let mut drawn = scope.clone();
    if P::Bounds::options().iter().any(|option| option.name == WORLD) {
        let _a_number = drawn.set_option(WORLD, &dice.below(1 << 32).to_string());
    }
    let expected = scope.expect.and_then(invariant_named::<P>);
    let judged = drawn.judged(all_invariants::<P>());
    // A design that is known to be unsafe must break the invariant that it is known for; a walk that breaks another one ends.
    let watched: InvariantSet = expected.map_or(judged, |number| 1 << number);
    let goals = drawn.goals(all_goals::<P>());
    let protocol = P::new(&drawn.bounds);
    let (tables, mut state) = (Tables::of::<P>(), protocol.initial());
    let mut bias = Bias::<P>::drawn(&mut dice);
    let mut actions: Vec<P::Action> = Vec::new();
    let (mut taken, mut marks) = (0, 0);
    let mut broken = None;
    while taken < plan.steps && !shared.stop.load(Ordering::Relaxed) {
        let Some((kind, action)) = bias.choose(&protocol, &state, taken, &mut dice) else { break };
        taken += 1;
        let mut notes = Notes::quiet(tables);
        let Some(next) = protocol.step(&state, &action, &mut notes) else {
            covered.refused(kind);
            continue;
        };
        actions.push(action);
        covered.took(&protocol, &state, kind);
        marks |= notes.marks();
        if notes.broken() & judged != 0 && notes.broken() & watched == 0 {
            break;
        }
        broken = first(notes.broken() & watched);
        state = next;
        if broken.is_none() && goals != 0 && (bias.asks_for_goals(taken, &mut dice) || taken == plan.steps) {
            broken = stuck_at(&protocol, &state, goals);
        }
        if broken.is_some() {
            break;
        }
    }
    shared.steps.fetch_add(taken, Ordering::Relaxed);
    covered.ended(marks | protocol.reached());
    let invariant = broken?;
    Some(Run { walk: number, options: drawn.options, actions, invariant })
}

/// The lowest number in a set.
fn first(set: u64) -> Option<usize> {
    (set != 0).then(|| usize::try_from(set.trailing_zeros()).ok())?
}

/// The number of a goal to which no way leads on.
fn stuck_at<P: Protocol>(protocol: &P, state: &P::State, goals: GoalSet) -> Option<usize> {
    Some(P::invariants().len() + first(protocol.stuck(state) & goals)?)
}
