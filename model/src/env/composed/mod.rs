//! Both worlds at once: a migration whose commands go through the log of the nodes.
//!
//! [`crate::env::migration`] has the sinks, the gateways and the controllers, [`crate::env::consensus`] the nodes. Here nothing is added
//! but the wires between them:
//!
//! - what a controller or an operator would commit is proposed to a node that takes itself for the leader, through
//!   [`cutover::core::control_plane::ControlPlaneConsensus`];
//! - the record of a partition changes for those outside when the first node applies the entry;
//! - a strong reader reads at a node first, and is shown what that node has applied once the read is served.
//!
//! A watch that a gateway's cache or a controller feeds on may lag behind any node, so they act from any record that some
//! node has applied.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model`, `cutover_model::env::migration`, `cutover_model::env::consensus`.

mod bounds;

pub use bounds::ComposedBounds;

use crate::env::consensus::{self, Consensus, Told, Wanted};
use crate::env::migration::{self, Migration, PARTITION};
use crate::protocol::{Choice, Invariant, MarkSet, Notes, Protocol};
use cutover::core::control_plane::{ControlPlaneConsensus as _, ControlPlaneEntry};
use cutover::core::ids::{Index, Term};
use cutover::core::invariant::{Findings, Id, REGISTRY, Violation};
use cutover::core::migration::Transition;
use cutover::core::raft::{Content, Entry};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

/// What a migration through the log must have reached.
pub const ACROSS: &str = "a migration completed across a leader change";

/// The environment within the bounds of one scope.
#[derive(Debug)]
pub struct Composed {
    nodes: Consensus,
    sinks: Migration,
    initial: State,
    /// Whether it begins as it should. Otherwise nothing can happen, and nothing is reached.
    begins: bool,
    across: AtomicBool,
}

/// One state of the world.
#[derive(Clone)]
pub struct State {
    nodes: consensus::State,
    sinks: migration::State,
}

/// A choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Something happens to the nodes, or is asked of them.
    Nodes(consensus::Action),
    /// Something happens to the sinks or their clients.
    Sinks(migration::Action),
}

/// A step in the making.
struct Step {
    state: State,
    said: Vec<String>,
    violations: Vec<Violation>,
    broken: u32,
    marks: MarkSet,
}

impl Step {
    /// What those outside do at the same time.
    fn take(&mut self, sinks: migration::Stepped) {
        let migration::Stepped { state, said, broken, violations, marks: _ } = sinks;
        self.state.sinks = state;
        self.broken |= broken;
        self.said.extend(said);
        self.violations.extend(violations);
    }
}

/// Marks of the sinks come after [`ACROSS`], those of the nodes after them.
fn of_sinks(marks: u64) -> MarkSet {
    MarkSet::from(marks) << 1
}

fn of_nodes(marks: u64) -> MarkSet {
    MarkSet::from(marks) << (1 + migration::Mark::ALL.len())
}

impl Composed {
    /// The first node leads, and the partition was created through the log. Machines that do not get that far get nowhere: the
    /// search will miss all that it must reach.
    fn begun(bounds: &ComposedBounds) -> Self {
        let (nodes, sinks) = (Consensus::new(&bounds.nodes), Migration::with_log(&bounds.sinks, false));
        let (log, _, commands) = sinks.created();
        let (begun, broken) = nodes.led_by_first(&commands);
        let same = begun.hosts().all(|(_, host)| host.engine.state().table() == &log.table);
        let begins = broken == 0 && same;
        let initial = State { nodes: begun, sinks: sinks.initial() };
        let mut world = Self { nodes, sinks, initial, begins, across: AtomicBool::new(false) };
        world.initial.nodes.wanted = world.wanted(&world.initial.sinks);
        world
    }

    /// What those outside want of the nodes. A command that the record as it stands would refuse is not proposed: one that
    /// is refused when its turn comes has met another on the way.
    fn wanted(&self, sinks: &migration::State) -> Arc<Wanted> {
        let commands = sinks.offers.commits.iter().map(|commit| commit.command.clone());
        Wanted::new(commands.collect(), self.sinks.asks_afresh(sinks))
    }

    fn take(&self, state: &State, action: Action, explain: bool) -> Option<Step> {
        let mut step = match action {
            Action::Nodes(action) => self.at_nodes(state, action, explain)?,
            Action::Sinks(action) => self.at_sinks(state, action, explain)?,
        };
        step.state.nodes.wanted = self.wanted(&step.state.sinks);
        Some(step)
    }

    fn at_sinks(&self, state: &State, action: migration::Action, explain: bool) -> Option<Step> {
        let migration::Stepped { state: sinks, said, broken, violations, marks } =
            self.sinks.take(&state.sinks, action, explain)?;
        let state = State { sinks, nodes: state.nodes.clone() };
        Some(Step { state, said, violations, broken, marks: of_sinks(marks) })
    }

    fn at_nodes(&self, state: &State, action: consensus::Action, explain: bool) -> Option<Step> {
        let stepped = self.nodes.take(&state.nodes, action, explain)?;
        let (marks, broken) = (of_nodes(stepped.marks), stepped.broken);
        let next = State { nodes: stepped.state, sinks: state.sinks.clone() };
        let (said, violations) = (stepped.said, stepped.violations);
        let mut step = Step { state: next, said, violations, broken, marks };
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
            if effect.told.iter().any(|told| matches!(told, Told::Read(_, Ok(_)))) {
                self.shown(&mut step, *node);
            }
            self.agrees(&mut step, *node, through, explain);
        }
        Some(step)
    }

    /// The first node applies an entry: those outside can know of it from now on.
    fn applied(
        &self,
        step: &mut Step,
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

    /// A read of a gateway was served: it sees what the node has applied.
    fn shown(&self, step: &mut Step, node: u8) {
        let Some(host) = step.state.nodes.host(node) else { return };
        let record = host.engine.state().table().record(PARTITION);
        let history = &step.state.sinks.log.history;
        let revision = history.iter().rposition(|known| known.as_deref() == record);
        if let Some(shown) = revision.and_then(|revision| self.sinks.show(&step.state.sinks, revision)) {
            step.take(shown);
        }
    }

    /// What the table says follows from the log, and from nothing else.
    fn agrees(&self, step: &mut Step, node: u8, through: Index, explain: bool) {
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
                | ControlPlaneEntry::CreatePartition { .. }
                | ControlPlaneEntry::LeaderConfiguration { .. },
            ..
        }
        | Content::OpenSession
        | Content::CloseSession(_) => None,
    }
}

/// The term of the leader that took the beginning of the latest migration, as far as a node's log shows it.
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
        // The nodes commit.
        let here = sinks.into_iter().filter(|action| !matches!(action, migration::Action::Commit { .. }));
        into.extend(here.map(Action::Sinks));
    }

    fn step(&self, state: &State, action: &Action, notes: &mut Notes) -> Option<State> {
        let step = self.take(state, *action, notes.explains())?;
        super::tell(notes, step.broken, &step.violations, step.marks, step.said);
        Some(step.state)
    }

    fn choice(&self, state: &State, action: &Action) -> Option<Choice> {
        match action {
            Action::Nodes(action) => self.nodes.choice(&state.nodes, action),
            Action::Sinks(action) => self.sinks.choice(&state.sinks, action),
        }
    }

    /// No name of one world stands in the other, so each can be renamed by itself.
    fn representative(state: &State) -> State {
        State {
            nodes: Consensus::representative(&state.nodes),
            sinks: Migration::representative(&state.sinks),
        }
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
