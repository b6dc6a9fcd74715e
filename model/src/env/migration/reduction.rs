//! Partial-order reduction: deliveries that would change nothing are not enabled; what the mover could read is read
//! at once.

use super::client::{matters, sink_of};
use super::contents::key;
use super::effect::Delivery;
use super::parts::add;
use super::refused::refusal_marks;
use super::{Action, Held, Leaving, Log, Message, Migration, PARTITION, Shared, Sink, State};
use crate::shared::{Memory, hasher, memory, remembered};
use cutover::core::fence::{
    Body, Chunk, Config, CutError, End, Ended, Export, Frontier, Input, Output, Prepared, Refusal, Reply,
    Request, Source, Stuck,
};
use cutover::core::ids::{MigrationId, Placement, Position};
use cutover::core::migration::{Event, Expected, Output as ControllerOutput};
use cutover::core::placement::PartitionState;
use std::sync::Arc;

impl Migration {
    /// Whether a delivery would change no machine and send nothing new. Such a delivery is not enabled, but the
    /// marks that it would reach are counted.
    ///
    /// The actions of a state must be the same whenever they are listed, because runs are stored by position. So
    /// nothing here may depend on which marks were reached before.
    pub(super) fn is_idle(&self, state: &State, at: usize, message: &Message, delivery: Delivery) -> bool {
        let Some(sink) = state.sinks.get(at) else { return true };
        let effect = self.effect(sink, message, delivery, None);
        if effect.changed || effect.wrote.is_some() || !effect.halts.is_empty() || effect.disagrees.is_some()
        {
            return false;
        }
        let known = |held: &Held| match &held.output {
            Leaving::Value { .. } | Leaving::Chunk(_) => false,
            Leaving::Reply(reply) => match reply {
                Reply::ChunkTaken(_) => true,
                Reply::Refused { .. } if self.concerns_controllers(state, reply) => {
                    state.control.replies.binary_search(reply).is_ok()
                }
                Reply::Refused { request, refusal } => {
                    self.reached.add(refusal_marks(state.log.current().map(AsRef::as_ref), request, refusal));
                    !matters(&state.clients, reply)
                }
                Reply::Applied { .. } => {
                    state.net.answers.binary_search(reply).is_ok() || !matters(&state.clients, reply)
                }
                Reply::Prepared(prepared) if self.says_nothing_new(state, prepared) => true,
                Reply::Ended(ended) if self.is_of_no_use(state, ended) => true,
                Reply::Prepared(_)
                | Reply::Sealed(_)
                | Reply::Evidence(_)
                | Reply::Watermark(_)
                | Reply::Ended(_)
                | Reply::Dropped(_) => state.control.replies.binary_search(reply).is_ok(),
            },
        };
        effect.released.iter().all(known)
    }

    /// Whether a read from a cache at this revision violates nothing. Such a read does not change the state, so it
    /// need not be an action.
    pub(super) fn is_harmless(&self, state: &State, revision: u8) -> bool {
        let sinks = (state.sinks[0].hash(0), state.sinks[1].hash(0));
        let key = hasher().hash_one((self.key, state.log.hash(0), sinks, revision));
        remembered(&HARMLESS, key, || self.glance(state, Action::Stale { revision }) == 0)
    }

    /// Whether a refusal makes a controller, acting on any committed record, send something that is not deliverable
    /// already.
    pub(super) fn concerns_controllers(&self, state: &State, reply: &Reply) -> bool {
        let Reply::Refused { request, .. } = reply else { return true };
        if matches!(request.body, Body::Write(_) | Body::Read(_) | Body::Chunk(_) | Body::End(_)) {
            return false;
        }
        let key = hasher().hash_one((self.key, state.log.hash(0), reply));
        let outputs = remembered(&CONCERNS, key, || {
            let event = Event::Replied(reply.clone());
            let fresh = self.controller().machine;
            let records = state.log.history.iter().flatten();
            Arc::new(records.flat_map(|record| fresh.clone().handle(record, &event)).collect())
        });
        let current = state.log.current().map(|record| record.migration);
        // No later record takes a command that expects an earlier migration.
        let past = |output: &ControllerOutput| {
            let ControllerOutput::Propose(command) = output else { return false };
            command.transition.expected().is_some_and(|expected| Some(expected.migration) < current)
        };
        outputs.iter().any(|output| !state.enabled.has(output) && !past(output))
    }

    /// Every chunk that a source exports in its present state.
    pub(super) fn exports(
        &self,
        sink: &Shared<Sink>,
        migration: MigrationId,
        to: Placement,
    ) -> Arc<Vec<Message>> {
        let key = hasher().hash_one((self.key, sink.hash(0), migration, to));
        remembered(&EXPORTS, key, || Arc::new(self.compute_exports(sink, migration, to)))
    }

    fn compute_exports(&self, sink: &Sink, migration: MigrationId, to: Placement) -> Vec<Message> {
        let Some(copy) = sink.fence.durable().copy() else { return Vec::new() };
        let (smallest, rows) = (self.bounds.chunk_limits.iter().min(), sink.data.rows());
        // A copy stops at a key only if a chunk may have no room for all rows.
        let stops = smallest.is_some_and(|limit| usize::try_from(*limit).is_ok_and(|limit| limit < 2));
        let keys = (0..2).filter(|_| stops).map(|number| Frontier::Through(key(number)));
        let after = keys.chain([Frontier::Everything]);
        let positions = (0..=copy.position().0).map(Position);
        let asked = after.flat_map(|after| positions.clone().map(move |position| (after.clone(), position)));
        let mut chunks: Vec<Message> = Vec::new();
        for (after, position) in std::iter::once((Frontier::Nothing, Position::ZERO)).chain(asked) {
            for limit in self.bounds.chunk_limits.iter().copied() {
                let export = Export { migration, after: after.clone(), position, limit };
                if let Some(Ok(chunk)) = self.exported(sink, &export) {
                    let body = Body::Chunk(chunk);
                    add(&mut chunks, Message::new(Request { store: to, partition: super::PARTITION, body }));
                }
            }
        }
        debug_assert!(rows.len() <= 2, "there are two keys");
        chunks
    }

    /// Whether a statement says only that a copy takes no more chunks, of a migration that is over: such a migration has nothing left
    /// to abort, and what else the statement says was said before.
    pub(super) fn says_nothing_new(&self, state: &State, prepared: &Prepared) -> bool {
        let over = state.log.current().is_none_or(|record| {
            record.migration != prepared.migration() || record.draining_epoch().is_none()
        });
        over && prepared.finished()
            && state.control.replies.iter().any(|reply| {
                matches!(reply, Reply::Prepared(before) if before.migration() == prepared.migration()
                    && before.origin() == prepared.origin()
                    && before.closed_through() == prepared.closed_through())
            })
    }

    /// What an operator who means to force a move asks its target. Of the records of one migration the last one is enough: the answer
    /// is of use in its own epoch only, and a copy is ended by any of them.
    pub(super) fn ends(&self, log: &Log) -> Vec<Request> {
        let mut ends: Vec<Request> = Vec::new();
        for record in log.history.iter().flatten().filter(|_| self.bounds.forces > 0) {
            let Some(placed) = record.placed else { continue };
            let PartitionState::Migrating { to, .. } = placed.state else { continue };
            let end = End { migration: record.migration, epoch: record.epoch };
            ends.retain(|earlier| earlier.body.migration() != Some(record.migration));
            ends.push(Request { store: to, partition: PARTITION, body: Body::End(end) });
        }
        ends
    }

    /// Whether no record takes this statement: it is of an epoch that is over, or of a part of a copy, to which nobody forces here.
    pub(super) fn is_of_no_use(&self, state: &State, ended: &Ended) -> bool {
        let asked = Expected { migration: ended.migration(), epoch: ended.epoch() };
        let over = state.log.current().is_none_or(|record| record.expected() != asked);
        over || !(ended.complete() || self.bounds.partial)
    }

    /// What a source answers to an export in its present state. `None`: nothing yet, since it waits for its disk.
    pub(super) fn exported(&self, sink: &Sink, export: &Export) -> Option<Result<Chunk, Refusal>> {
        let mut fence = sink.fence.clone();
        let (store, partition) = (fence.config().store, super::PARTITION);
        let request = Request { store, partition, body: Body::Export(export.clone()) };
        let mut persisted = false;
        for output in fence.handle(&Input::Request(request), sink.data.rows()) {
            persisted |= output == Output::Persist;
            if let Output::Reply(Reply::Refused { refusal, .. }) = output {
                return Some(Err(refusal));
            }
            if let Output::Hand(export) = output
                && (!persisted || sink.is_synced())
            {
                let &Config { incarnation, limits, .. } = fence.config();
                let source = Source { store, incarnation, durable: fence.durable(), limits };
                return Some(match Chunk::cut(source, &export, &sink.data) {
                    Ok(chunk) => Ok(chunk),
                    Err(CutError::Refused(refusal)) => Err(refusal),
                    Err(CutError::Failed(never)) => match never {},
                });
            }
        }
        None
    }

    /// What the mover beside a target finds, if the copy of the migration in flight cannot go on there.
    pub(super) fn stuck(&self, state: &State, at: usize) -> Option<Input> {
        let record = state.log.current()?;
        let PartitionState::Migrating { from, to, .. } = record.placed?.state else { return None };
        let sink = state.sinks.get(sink_of(to).filter(|target| *target == at)?)?;
        self.stuck_at(sink, state.sinks.get(sink_of(from)?)?, record.migration)
    }

    /// What the mover beside a target finds, and has not told it yet, if the copy of a migration cannot go on from this source.
    pub(super) fn stuck_at(&self, target: &Sink, source: &Sink, migration: MigrationId) -> Option<Input> {
        let why = self.cannot_go_on(target, source, migration)?;
        let input = Input::Stuck { migration, why };
        self.told(target, &input).map(|_| input)
    }

    /// Why the copy of a migration cannot go on from this source.
    pub(super) fn cannot_go_on(&self, target: &Sink, source: &Sink, migration: MigrationId) -> Option<Stuck> {
        let durable = target.fence.durable();
        let export = Export::next(durable, migration, 8)?;
        let copied_from = durable.copy().and_then(|copy| copy.source());
        match self.exported(source, &export)? {
            Err(refusal) => Stuck::found(&Body::Export(export), &refusal),
            Ok(chunk) if copied_from.is_some_and(|source| source != chunk.source) => Some(Stuck::OtherSource),
            Ok(_) => None,
        }
    }
}

thread_local! {
    static HARMLESS: Memory<bool> = const { memory() };
    static CONCERNS: Memory<Arc<Vec<ControllerOutput>>> = const { memory() };
    static EXPORTS: Memory<Arc<Vec<Message>>> = const { memory() };
}
