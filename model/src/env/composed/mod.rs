//! Both environments at once: a migration whose commands go through the nodes' replicated log.
//!
//! [`crate::env::migration`] has the sinks, gateways and controllers; [`crate::env::consensus`] has the nodes. This
//! module only connects them:
//!
//! - A command of a controller or operator is proposed to a node that believes to be the leader, through
//!   [`cutover::core::control_plane::ControlPlaneConsensus`].
//! - A partition's record changes for gateways and controllers when the first node applies the entry.
//! - A strong reader first reads at a node, and sees what that node has applied when the read is served.
//!
//! The watch behind a gateway's cache or a controller may lag behind every node, so these may act on any record
//! that some node has applied.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model`, `cutover_model::env::migration`, `cutover_model::env::consensus`.

mod bounds;

pub use bounds::ComposedBounds;

use crate::env::consensus::{self, ClientAnswer, Consensus, Requests};
use crate::env::migration::{self, Migration, PARTITION};
use crate::protocol::fingerprint::hasher;
use crate::protocol::{Choice, GoalSet, Invariant, MarkSet, Notes, Protocol, WaysCost};
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneEntry};
use cutover::core::ids::{Index, Term};
use cutover::core::invariant::{Findings, Id, REGISTRY, Violation};
use cutover::core::migration::Transition;
use cutover::core::raft::{Content, Entry};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

/// Text of the only mark that needs both environments: the migration begins under one leader and completes under
/// another.
pub const ACROSS: &str = "a migration completed across a leader change";

/// The composed environment, within the bounds of one scope.
#[derive(Debug)]
pub struct Composed {
    nodes: Consensus,
    sinks: Migration,
    initial: State,
    /// Whether the initial state is as required. If it is not, no action is enabled, so the search misses all
    /// required marks.
    begins: bool,
    across: AtomicBool,
}

/// A state of the nodes and of the sinks.
#[derive(Clone)]
pub struct State {
    nodes: consensus::State,
    sinks: migration::State,
}

/// An action in one of the two environments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// An input to a node, or a fault of a node or of the network between nodes.
    Nodes(consensus::Action),
    /// An action of the sinks, gateways, readers or the mover.
    Sinks(migration::Action),
}

/// The result of a step while it is computed: a step of the nodes can cause several of the sinks' environment.
struct ComposedStep {
    state: State,
    lines: Vec<String>,
    violations: Vec<Violation>,
    broken: u64,
    marks: MarkSet,
}

impl ComposedStep {
    /// Adds a step of the sinks' environment that this step causes.
    fn take(&mut self, sinks: migration::Stepped) {
        let migration::Stepped { state, lines, broken, violations, marks: _, .. } = sinks;
        self.state.sinks = state;
        self.broken |= broken;
        self.lines.extend(lines);
        self.violations.extend(violations);
    }
}

/// Numbers of marks: [`ACROSS`] has number 0, then come those of the migration, then those of consensus.
fn of_sinks(marks: u64) -> MarkSet {
    MarkSet::from(marks) << 1
}

fn of_nodes(marks: u64) -> MarkSet {
    MarkSet::from(marks) << (1 + migration::Mark::ALL.len())
}

impl Composed {
    /// Builds the initial state: node 1 leads, and the partition was created through the log; the migration may have begun. If
    /// the machines do not get there, [`Composed::begins`] is false.
    fn begun(bounds: &ComposedBounds) -> Self {
        let stores = bounds.sinks.sinks.map(|store| store.guarantee);
        let (nodes, sinks) =
            (Consensus::knowing(&bounds.nodes, &stores), Migration::with_log(&bounds.sinks, false));
        let (_, _, mut commands) = sinks.created();
        let mut opened = sinks.initial();
        let begin = opened.enabled.commits.first().map(|commit| commit.command.clone());
        if let Some(begin) = begin.filter(|_| bounds.begun) {
            opened = sinks.decide(&opened, &begin, false).map_or(opened, |stepped| stepped.state);
            commands.push(begin);
        }
        let (begun, broken) = nodes.led_by_first(&commands);
        let same = begun.hosts().all(|(_, host)| host.engine.state().table() == &opened.log.table);
        let begins = broken == 0
            && same
            && opened.log.current().is_some_and(|record| record.draining_epoch().is_some() == bounds.begun);
        let initial = State { nodes: begun, sinks: opened };
        let mut composed = Self { nodes, sinks, initial, begins, across: AtomicBool::new(false) };
        composed.initial.nodes.requests = composed.requests(&composed.initial.sinks);
        composed
    }

    /// The requests that the sinks' environment has for the nodes. A command that the latest record would refuse is
    /// left out: proposals that are refused when applied arise anyway, from two commands that overtake each other.
    fn requests(&self, sinks: &migration::State) -> Arc<Requests> {
        let commands = sinks.enabled.commits.iter().map(|commit| commit.command.clone());
        Requests::new(commands.collect(), self.sinks.asks_afresh(sinks))
    }

    fn take(&self, state: &State, action: Action, explain: bool) -> Option<ComposedStep> {
        let mut step = match action {
            Action::Nodes(action) => self.at_nodes(state, action, explain)?,
            Action::Sinks(action) => self.at_sinks(state, action, explain)?,
        };
        step.state.nodes.requests = self.requests(&step.state.sinks);
        Some(step)
    }

    fn at_sinks(&self, state: &State, action: migration::Action, explain: bool) -> Option<ComposedStep> {
        let migration::Stepped { state: sinks, lines, broken, violations, marks, .. } =
            self.sinks.take(&state.sinks, action, explain)?;
        let state = State { sinks, nodes: state.nodes.clone() };
        Some(ComposedStep { state, lines, violations, broken, marks: of_sinks(marks) })
    }

    fn at_nodes(&self, state: &State, action: consensus::Action, explain: bool) -> Option<ComposedStep> {
        let stepped = self.nodes.take(&state.nodes, action, explain)?;
        let (marks, broken) = (of_nodes(stepped.marks), stepped.broken);
        let next = State { nodes: stepped.state, sinks: state.sinks.clone() };
        let (lines, violations) = (stepped.lines, stepped.violations);
        let mut step = ComposedStep { state: next, lines, violations, broken, marks };
        let mut through = state.nodes.monitor.committed_through();
        for (node, effect) in std::iter::once(&stepped.effect).chain(&stepped.synced) {
            for (at, entry) in effect.advanced.iter().filter(|(at, _)| at.index > through) {
                self.applied(&mut step, *node, at.term, entry, explain);
            }
            through = effect.advanced.last().map_or(through, |(at, _)| at.index.max(through));
            if effect.read.as_ref().is_some_and(Result::is_ok)
                && let Some(asked) = self.sinks.ask_afresh(&step.state.sinks)
            {
                step.take(asked);
            }
            if effect.answers.iter().any(|answer| matches!(answer, ClientAnswer::Read(_, Ok(_)))) {
                self.shown(&mut step, *node);
            }
            self.agrees(&mut step, *node, through, explain);
        }
        Some(step)
    }

    /// Called when the first node applies an entry: gateways and controllers may see its record from now on.
    fn applied(
        &self,
        step: &mut ComposedStep,
        node: u8,
        term: Term,
        entry: &Entry<ControlPlaneEntry>,
        explain: bool,
    ) {
        let Some(command) = command(entry) else { return };
        let completes = matches!(command.transition, Transition::Complete { .. });
        let Some(outcome) = self.sinks.decide(&step.state.sinks, command, explain) else { return };
        step.marks |= of_sinks(outcome.marks);
        step.take(outcome);
        if completes && begun_in(&step.state.nodes, node).is_some_and(|begun| begun < term) {
            self.across.store(true, Ordering::Relaxed);
            step.marks |= 1;
        }
    }

    /// Called when a node serves a read for a strong reader: the reader sees what this node has applied.
    fn shown(&self, step: &mut ComposedStep, node: u8) {
        let Some(host) = step.state.nodes.host(node) else { return };
        let record = host.engine.state().table().record(PARTITION);
        let history = &step.state.sinks.log.history;
        let revision = history.iter().rposition(|known| known.as_deref() == record);
        if let Some(shown) = revision.and_then(|revision| self.sinks.show(&step.state.sinks, revision)) {
            step.take(shown);
        }
    }

    /// Judges that the node's table equals the one computed here from the same log.
    fn agrees(&self, step: &mut ComposedStep, node: u8, through: Index, explain: bool) {
        let Some(host) = step.state.nodes.host(node) else { return };
        let (theirs, ours) = (host.engine.state().table(), &step.state.sinks.log.table);
        let behind = host.engine.node().commit() < through;
        let mut findings = Findings::new(explain);
        findings.demand(behind || theirs == ours, Id::StateMachineSafety, || {
            (format!("n{node} holds {theirs:?}"), format!("from the same log follows {ours:?}"))
        });
        step.broken |= findings.bits();
        step.violations.extend(findings.violations().iter().cloned());
    }
}

fn command(entry: &Entry<ControlPlaneEntry>) -> Option<&cutover::core::migration::Command> {
    match &entry.content {
        Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. } => Some(command),
        Content::Payload {
            payload:
                ControlPlaneEntry::MembershipChange(_)
                | ControlPlaneEntry::StoreChange(_)
                | ControlPlaneEntry::OrderChange(_)
                | ControlPlaneEntry::NamedTransition { .. }
                | ControlPlaneEntry::LeaderConfiguration { .. },
            ..
        }
        | Content::OpenSession
        | Content::CloseSession(_) => None,
    }
}

/// The term of the leader that appended the latest `Begin`, according to a node's log.
fn begun_in(nodes: &consensus::State, node: u8) -> Option<Term> {
    let host = nodes.host(node)?;
    let begins = |entry: &&Entry<ControlPlaneEntry>| {
        command(entry).is_some_and(|command| matches!(command.transition, Transition::Begin { .. }))
    };
    host.engine.node().log().entries().iter().rev().find(begins).map(|entry| entry.term)
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}{:?}", self.nodes, self.sinks)
    }
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nodes.hash(state);
        self.sinks.hash(state);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes && self.sinks == other.sinks
    }
}

impl Protocol for Composed {
    type Bounds = ComposedBounds;
    type State = State;
    type Action = Action;

    fn invariants() -> &'static [Invariant] {
        REGISTRY
    }

    fn goals() -> &'static [Invariant] {
        static GOALS: LazyLock<Vec<Invariant>> =
            LazyLock::new(|| [Consensus::goals(), Migration::goals()].concat());
        &GOALS
    }

    /// The nodes' way does not depend on the sinks; the sinks' needs the nodes' for what they propose.
    fn stuck(&self, state: &State) -> GoalSet {
        self.nodes.stuck(&state.nodes) | self.sinks.stuck(&state.sinks) << Consensus::goals().len()
    }

    fn waits(&self, state: &State, goal: usize) -> (String, String) {
        match goal.checked_sub(Consensus::goals().len()) {
            None => self.nodes.waits(&state.nodes, goal),
            Some(goal) => self.sinks.waits(&state.sinks, goal),
        }
    }

    fn ways(&self) -> WaysCost {
        self.nodes.ways() + self.sinks.ways()
    }

    fn marks() -> &'static [&'static str] {
        static TEXTS: LazyLock<Vec<&str>> =
            LazyLock::new(|| [&[ACROSS], Migration::marks(), Consensus::marks()].concat());
        &TEXTS
    }

    fn new(bounds: &ComposedBounds) -> Self {
        Self::begun(bounds)
    }

    fn initial(&self) -> State {
        self.initial.clone()
    }

    fn enabled(&self, state: &State, into: &mut Vec<Action>) {
        if !self.begins {
            return;
        }
        let (mut nodes, mut sinks) = (Vec::new(), Vec::new());
        self.nodes.enabled(&state.nodes, &mut nodes);
        self.sinks.enabled(&state.sinks, &mut sinks);
        into.extend(nodes.into_iter().map(Action::Nodes));
        // Commits are made by the nodes here.
        let here = sinks.into_iter().filter(|action| !matches!(action, migration::Action::Commit { .. }));
        into.extend(here.map(Action::Sinks));
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let step = self.take(state, *action, notes.explains())?;
        super::tell(notes, step.broken, &step.violations, step.marks, step.lines);
        Some(step.state)
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        match action {
            Action::Nodes(action) => self.nodes.choice(&state.nodes, action),
            Action::Sinks(action) => self.sinks.choice(&state.sinks, action),
        }
    }

    /// No name occurs in both environments, so each part has its own canonical form.
    fn fingerprint(state: &State, symmetry: bool) -> u64 {
        let nodes = Consensus::fingerprint(&state.nodes, symmetry);
        hasher().hash_one((nodes, Migration::fingerprint(&state.sinks, symmetry)))
    }

    fn facts(&self, state: &State) -> Vec<(String, String)> {
        let mut facts = self.nodes.facts(&state.nodes);
        facts.extend(self.sinks.facts(&state.sinks));
        facts
    }

    fn reached(&self) -> MarkSet {
        let across = MarkSet::from(self.across.load(Ordering::Relaxed));
        let marks = |protocol: MarkSet| u64::try_from(protocol).unwrap_or(0);
        across | of_sinks(marks(self.sinks.reached())) | of_nodes(marks(self.nodes.reached()))
    }
}
