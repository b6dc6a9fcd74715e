//! A migration in flight while histories change: two stores, and what controllers and an operator send.
//!
//! Controllers read the watcher's table, so they act on a record of an earlier history until the watcher is told of the next one.
//! Everything that they have sent stays deliverable for ever, as every answer of a store does.

use super::cluster::{Change, Cluster};
use super::watcher::Watcher;
use super::{COMMANDS, HELD, HELD_AFTER_LOSS, LOST, RELEASED, RESUMED};
use crate::protocol::Notes;
use cutover::core::control_plane::{ControlPlaneEntry, PartitionName};
use cutover::core::fence::{
    Body, Chunk, Config, Contents, Enforcement, Export, Fence, FenceLimits, Frontier, Input, Output as Pull,
    Reply, Request, Rows, Source,
};
use cutover::core::ids::{HistoryId, Incarnation, MigrationId, PartitionId, Placement, Position};
use cutover::core::migration::{
    AbortReason, Command, Controller, Event, Operator, Output, Owner, PartitionRecord, Policy, Reason,
    Release, Said, Timer, Transition, TransitionKind,
};
use cutover::core::placement::Guarantee;

/// The partition that moves.
pub(super) const PARTITION: PartitionId = PartitionId(1);
/// The stores. The partition is created at the first one.
const STORES: [Placement; 2] = [Placement(0), TARGET];
/// The store to which it moves.
pub(super) const TARGET: Placement = Placement(1);

/// What an operator does about a held migration, on the record that was read.
pub(super) const DECISIONS: [Decision; 4] =
    [Decision::Resume, Decision::KeepSource, Decision::AcceptTarget, Decision::Abort];

/// A decision of an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    Resume,
    KeepSource,
    AcceptTarget,
    /// Not one of those that release it: an abort.
    Abort,
}

/// The stores, and what was sent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Moves {
    fences: [Fence; 2],
    /// All statements of the stores, sorted. A refusal is not kept: it is answered by whoever reads the watcher's table when it comes.
    replies: Vec<Reply>,
    /// All requests that controllers have sent, sorted.
    requests: Vec<Request>,
    /// All commands that controllers have proposed, sorted, each with the history of the record that it was made from.
    proposals: Vec<(HistoryId, Command)>,
    /// The held record that the operator has read.
    looked: Option<(HistoryId, PartitionRecord)>,
    /// The store that owned the partition when the first history ended that the present one has forgotten the end of.
    owner: Placement,
}

fn controller() -> Controller {
    Controller::new(Policy { lag_writes_max: None, ..Policy::PRODUCTION })
}

fn fence(store: Placement) -> Fence {
    let (enforcement, limits) = (Enforcement::Tokens, FenceLimits::PRODUCTION);
    Fence::unknown(Config { store, partition: PARTITION, incarnation: Incarnation(1), enforcement, limits })
}

fn add<T: Ord>(sorted: &mut Vec<T>, value: T) {
    if let Err(at) = sorted.binary_search(&value) {
        sorted.insert(at, value);
    }
}

impl Moves {
    /// Creates the partition and opens it at its first store, with the production transitions.
    pub(super) fn begun(cluster: &mut Cluster, notes: &mut Notes) -> Option<Self> {
        let name = PartitionName::try_from("moved".to_owned()).ok()?;
        let (placement, guarantee) = (STORES[0], Guarantee::Sealed);
        let transition = Transition::Create { placement, guarantee };
        cluster.propose(None, ControlPlaneEntry::NamedTransition { name, transition })?;
        let mut moves = Self {
            fences: STORES.map(fence),
            replies: Vec::new(),
            requests: Vec::new(),
            proposals: Vec::new(),
            looked: None,
            owner: placement,
        };
        let record = cluster.record(PARTITION)?.clone();
        let _none_is_held = moves.controllers(&record, cluster.history());
        moves.deliver(0, &Watcher::default(), notes)?;
        let _none_is_held = moves.controllers(&record, cluster.history());
        let (_, open) = moves.proposals.first()?.clone();
        cluster.propose(None, ControlPlaneEntry::OwnershipTransition(open))?;
        cluster.forget_changes();
        (moves.requests, moves.proposals, moves.replies) = Default::default();
        Some(moves)
    }

    /// What controllers send that read this record. Returns what would drive a held migration on.
    fn controllers(&mut self, record: &PartitionRecord, history: HistoryId) -> Option<String> {
        let overdue = Event::TimerFired(Timer::Overdue { migration: record.migration });
        let replies = self.replies.iter().cloned().map(Event::Replied);
        let events: Vec<_> = [Event::Observed, overdue].into_iter().chain(replies).collect();
        events.iter().fold(None, |wrong, event| self.controller(record, history, event).or(wrong))
    }

    /// What a controller sends that reads this record, after an event. Returns what would drive a held migration on.
    fn controller(&mut self, record: &PartitionRecord, history: HistoryId, event: &Event) -> Option<String> {
        let (mut wrong, held) = (None, record.held().is_some());
        for output in controller().handle(record, event) {
            match output {
                Output::Send(request) => {
                    if held && request.body.migration() == Some(record.migration) {
                        wrong = Some(format!("{} is asked: {request}", request.store));
                    }
                    add(&mut self.requests, request);
                }
                Output::Propose(command) => {
                    if held && command.transition.expected().is_some() {
                        wrong = Some(format!("{command} is proposed"));
                    }
                    add(&mut self.proposals, (history, command));
                }
                // Each may fire at any time.
                Output::SetTimer(_) => {}
            }
        }
        wrong
    }

    /// Controllers act on the watcher's table.
    pub(super) fn act(&mut self, watcher: &Watcher, notes: &mut Notes) {
        let Some(record) = watcher.record(PARTITION) else { return };
        let wrong = self.controllers(record, watcher.told().0);
        judge_controller(wrong, record, notes);
    }

    /// The requests that may be delivered.
    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// The commands that may be committed.
    pub(super) fn proposals(&self) -> &[(HistoryId, Command)] {
        &self.proposals
    }

    /// Delivers a request. `None` if it changes nothing.
    pub(super) fn deliver(&mut self, at: usize, watcher: &Watcher, notes: &mut Notes) -> Option<()> {
        let request = self.requests.get(at)?.clone();
        let counts = |moves: &Self| (moves.replies.len(), moves.requests.len(), moves.proposals.len());
        let before = (counts(self), self.fences.clone());
        let fence = self.fences.iter_mut().find(|fence| fence.config().store == request.store)?;
        let outputs = fence.handle(&Input::Request(request), &Rows::new());
        for output in &outputs {
            if let Pull::Pull { migration, source } = output {
                self.pull(*migration, *source);
            }
        }
        let replies = outputs.iter().filter_map(|output| output.reply());
        for reply in replies.clone() {
            notes.say(|| reply.to_string());
        }
        for reply in replies {
            match (reply, watcher.record(PARTITION)) {
                (Reply::Refused { .. }, Some(record)) => {
                    let event = Event::Replied(reply.clone());
                    judge_controller(self.controller(record, watcher.told().0, &event), record, notes);
                }
                (Reply::Refused { .. }, None) => {}
                (
                    Reply::Prepared(_)
                    | Reply::Sealed(_)
                    | Reply::Evidence(_)
                    | Reply::Watermark(_)
                    | Reply::ChunkTaken(_)
                    | Reply::Ended(_)
                    | Reply::Dropped(_)
                    | Reply::Applied { .. },
                    _,
                ) => add(&mut self.replies, reply.clone()),
            }
        }
        ((counts(self), &self.fences) != (before.0, &before.1)).then_some(())
    }

    /// The mover has the only chunk that there is: no client writes here, so no store has a row.
    fn pull(&mut self, migration: MigrationId, source: Placement) {
        let Some(fence) = self.fences.iter().find(|fence| fence.config().store == source) else { return };
        let export = Export { migration, after: Frontier::Nothing, position: Position::ZERO, limit: 1 };
        let &Config { store, incarnation, limits, .. } = fence.config();
        let of = Source { store, incarnation, durable: fence.durable(), limits };
        let Ok(chunk) = Chunk::cut(of, &export, &Contents::default()) else { return };
        let to = STORES.into_iter().find(|store| *store != source);
        let body = Body::Chunk(chunk);
        if let Some(store) = to {
            add(&mut self.requests, Request { store, partition: PARTITION, body });
        }
    }

    /// The operator reads the record of a held migration.
    pub(super) fn look(&mut self, cluster: &Cluster) -> Option<()> {
        let record = cluster.record(PARTITION).filter(|record| record.held().is_some())?;
        let looked = Some((cluster.history(), record.clone()));
        let again = self.looked == looked;
        self.looked = looked;
        (!again).then_some(())
    }

    /// The command of the operator. `None` unless a held record was read, or where the stores show that it is the wrong one.
    pub(super) fn decided(&self, decision: Decision) -> Option<(HistoryId, Command)> {
        let (history, record) = self.looked.as_ref()?;
        let expected = record.expected();
        // What the stores say, where it is certain; else the operator knows it from elsewhere.
        let [source, target] =
            [0, 1].map(|at: usize| self.fences.get(at).map(|fence| Said::of(fence.durable())));
        let moved = match record.owner_by(source, target) {
            Some(Owner::Source) => false,
            Some(Owner::Target) => true,
            Some(Owner::Unclear(_)) | None => self.owner == TARGET,
        };
        let how = match decision {
            Decision::Resume if !moved => Release::Resume,
            Decision::KeepSource if !moved => Release::KeepSource,
            Decision::AcceptTarget if moved => Release::AcceptTarget { guarantee: Guarantee::Sealed },
            Decision::Resume | Decision::KeepSource | Decision::AcceptTarget => return None,
            Decision::Abort => {
                let transition = Transition::Abort { expected, why: AbortReason::Operator };
                return Some((*history, Command { partition: PARTITION, transition }));
            }
        };
        let operator = Operator::try_from("ann".to_owned()).ok()?;
        let reason = Reason::try_from("the log was restored".to_owned()).ok()?;
        let transition = Transition::Release { expected, how, operator, reason };
        Some((*history, Command { partition: PARTITION, transition }))
    }

    /// A history ends. Whose the partition is then, the stores go on knowing.
    pub(super) fn ends(&mut self, cluster: &Cluster) {
        let record = cluster.record(PARTITION).filter(|record| record.held().is_none());
        if let Some(placed) = record.and_then(|record| record.placed) {
            self.owner = placed.state.read_placement();
        }
    }

    /// Judges the first record of a history. `before`: the last one of the history before, and all that was given out by then.
    pub(super) fn judge_first(
        cluster: &Cluster,
        before: (Option<PartitionRecord>, (cutover::core::ids::Epoch, cutover::core::ids::MigrationId)),
        notes: &mut Notes,
    ) {
        let Some(record) = cluster.record(PARTITION) else { return };
        notes.say(|| format!("the record is {record}"));
        let moving =
            |record: &PartitionRecord| record.placed.is_some_and(|placed| placed.state.is_migrating());
        if !moving(record) {
            return;
        }
        let (last, (epoch, migration)) = before;
        notes.mark(true, HELD_AFTER_LOSS);
        notes.mark(!last.as_ref().is_some_and(moving), LOST);
        let fresh = record.epoch > epoch && record.migration > migration;
        notes.demand(record.held().is_some() && fresh, &HELD, || {
            (format!("the record is {record}"), format!("{migration} and {epoch} were given out before"))
        });
    }

    /// The stores in words.
    pub(super) fn facts(&self) -> impl Iterator<Item = (String, String)> {
        self.fences.iter().map(|fence| {
            let disk = fence.durable();
            let (newest, sealed, closed) = (disk.newest(), disk.sealed_through(), disk.closed_through());
            (
                fence.config().store.to_string(),
                format!("{newest}, sealed through {sealed}, closed through {closed}"),
            )
        })
    }
}

/// Judges what a controller sends that reads this record.
fn judge_controller(wrong: Option<String>, record: &PartitionRecord, notes: &mut Notes) {
    notes.demand(wrong.is_none(), &HELD, || (wrong.unwrap_or_default(), record.to_string()));
}

/// Commits a command that was made from a record of this history, and judges it. The table accepts it.
pub(super) fn decide(
    made_in: HistoryId,
    command: &Command,
    cluster: &mut Cluster,
    notes: &mut Notes,
) -> Option<Change> {
    let before = cluster.record(command.partition)?.clone();
    let (own, kind) = (cluster.history(), command.transition.kind());
    notes.demand(made_in == own, &COMMANDS, || {
        (
            format!("{command} is applied in history {own}"),
            format!("it was made from a record of history {made_in}"),
        )
    });
    let permitted = matches!(kind, TransitionKind::Release | TransitionKind::Settle);
    notes.demand(before.held().is_none() || permitted, &HELD, || {
        (format!("{command} is applied"), before.to_string())
    });
    notes.mark(kind == TransitionKind::Release, RELEASED);
    notes.mark(kind == TransitionKind::Complete && own != super::cluster::FIRST, RESUMED);
    let (_, change) = cluster.propose(None, ControlPlaneEntry::OwnershipTransition(command.clone()))?;
    let change = change?;
    notes.say(|| format!("the record is {}", change.record));
    Some(change)
}
