//! Sinks: deliveries, outputs that leave them, crashes and lost disks.

use super::client::{matters, sink_of};
use super::effect::Delivery;
use super::mark::Mark;
use super::parts::add;
use super::step::{Done, NextState, feed, now};
use super::{Fresh, Held, Leaving, Message, Reader, SINKS, Sink, text};
use crate::env::agrees::STORES;
use cutover::core::fence::{Body, Config, Durable, Fence, Frontier, Key, Reply, Row, Write};
use cutover::core::gate::{self, Consistency};
use cutover::core::ids::{Epoch, Halt};
use cutover::core::invariant::{Fact, ReadServed, SinkStep, Statement};
use cutover::core::migration::PartitionRecord;
use cutover::core::placement::PartitionState;
use std::sync::Arc;

impl NextState<'_> {
    pub(super) fn request(&mut self, offer: usize, misroute: bool) -> Done {
        let message = self.before.enabled.requests.get(offer)?.clone();
        let at = sink_of(message.store)?;
        let at = if misroute { 1 - at } else { at };
        self.deliver(at, &message, Delivery::Arrives)
    }

    pub(super) fn chunk(&mut self, message: usize) -> Done {
        let message = self.net.chunks.get(message)?.clone();
        self.deliver(sink_of(message.store)?, &message, Delivery::Arrives)
    }

    /// Marks what a request made of a copy.
    fn mark_copied(&mut self, message: &Message, before: &Sink, after: &Sink) {
        match &message.body {
            Body::Chunk(chunk) => {
                if chunk.after != Frontier::Nothing && !chunk.rows.is_empty() {
                    self.mark(Mark::InParts);
                }
                let mut cells = chunk.changes.iter().flat_map(|change| change.effects.iter());
                if cells.any(|cell| chunk.after.covers(&cell.key)) {
                    self.mark(Mark::ChangedBelow);
                }
            }
            Body::Prepare(prepare) => {
                let newest = |sink: &Sink| sink.fence.durable().newest();
                let started = after.fence.durable().copy().is_some_and(|copy| copy.source().is_some());
                if prepare.keep == Some(newest(before)) && started && newest(before) < newest(after) {
                    self.mark(Mark::KeptCopy);
                }
            }
            Body::Seal(_)
            | Body::Evidence(_)
            | Body::Watermark(_)
            | Body::Drop(_)
            | Body::Export(_)
            | Body::End(_)
            | Body::Write(_)
            | Body::Read(_) => {}
        }
    }

    /// Delivers a request to a sink and releases the outputs that need not wait.
    pub(super) fn deliver(&mut self, at: usize, message: &Message, delivery: Delivery) -> Done {
        let before = self.before.sinks.get(at)?.clone();
        let effect = self.env.effect(&before, message, delivery, self.reading);
        for line in &effect.lines {
            self.say(|| line.clone());
        }
        if let Some(write) = &effect.wrote {
            self.judge_write(&before, write);
        }
        if let Some(reader) = self.reading.filter(|_| effect.served) {
            self.judge_read(reader, &before);
        }
        for halt in &effect.halts {
            self.halted(halt);
        }
        self.disagrees(&STORES, effect.disagrees.as_ref());
        if effect.changed {
            self.mark_copied(message, &before, &effect.sink);
            let record = self.log.current().cloned();
            let (before, after) = (now(&before), now(&effect.sink));
            let step = SinkStep { request: Some(message), before, after, record: record.as_deref() };
            feed(&mut self.monitor, &mut self.findings, &Fact::SinkStepped(step));
            self.sinks.get_mut(at)?.adopt(&effect.sink);
        }
        for held in &effect.released {
            self.release(at, held);
        }
        Some(())
    }

    /// Judges a client's write at the moment when it takes effect.
    fn judge_write(&mut self, sink: &Sink, write: &Write) {
        let record = self.log.current().cloned();
        let (store, fences) = (sink.fence.config().store, sink.fence.durable());
        let fact = Fact::Wrote { store, write, fences, record: record.as_deref() };
        if record.as_ref().is_some_and(|record| record.placed.is_some()) && self.monitor.remembers(&fact) {
            self.mark(Mark::LeftBehind);
        }
        feed(&mut self.monitor, &mut self.findings, &fact);
    }

    /// Judges a read at the moment when the sink serves it. The value is judged when it leaves the sink.
    fn judge_read(&mut self, reader: u8, sink: &Sink) {
        let Some((resolved, token, key)) = self.reading_of(reader) else { return };
        let fact = ReadServed {
            reader,
            consistency: Consistency::Strong,
            resolved: &resolved,
            token,
            store: sink.fence.config().store,
            copy: sink.fence.durable().newest(),
            fences: sink.fence.durable(),
            value: sink.data.rows().get(&key),
            key: &key,
        };
        self.monitor.judge(&Fact::ReadServed(fact), &mut self.findings);
    }

    /// The record at which a reader resolved last, and the token that its read carries.
    fn reading_of(&self, reader: u8) -> Option<(Arc<PartitionRecord>, Epoch, Key)> {
        let (revision, request) = self.clients.readers.get(usize::from(reader))?.sent.as_ref()?;
        let Body::Read(read) = &request.body else { return None };
        Some((self.log.history.get(*revision)?.clone()?, read.token, read.key.clone()))
    }

    fn read_done(&mut self, at: usize, held: &Held, reader: u8, token: Epoch, value: Option<&Row>) -> Done {
        let busy = self.clients.readers.get(usize::from(reader))?.clone();
        let mut operation = busy.operation.clone();
        let outputs = operation.handle(&gate::Event::Served { store: SINKS[at], token });
        if !outputs.contains(&gate::Output::Finish(gate::Outcome::Served(Consistency::Strong))) {
            return None;
        }
        let (resolved, _, key) = self.reading_of(reader)?;
        let fences = self.sinks[at].fence.durable().clone();
        let fact = Fact::ReadServed(ReadServed {
            reader,
            consistency: Consistency::Strong,
            resolved: &resolved,
            token,
            store: SINKS[at],
            copy: held.copy,
            fences: &fences,
            key: &key,
            value,
        });
        if self.monitor.remembers(&fact) {
            self.monitor.edit().remember(&fact, &mut self.findings);
        }
        if SINKS[at] != SINKS[0] {
            self.mark(Mark::ReadAtTarget);
        }
        self.say(|| {
            format!(
                "serves the read: {}",
                value.map_or("nothing".to_owned(), |row| format!("{}@{}", row.value, row.position))
            )
        });
        let done = busy.done + 1;
        let next = if done < self.env.bounds.reads_each {
            self.env.reader(done)
        } else {
            Reader { operation, sent: None, done, fresh: Fresh::Unasked }
        };
        *self.clients.edit().readers.get_mut(usize::from(reader))? = next;
        Some(())
    }

    /// Reports a violation that a machine itself detected.
    pub(super) fn halted(&mut self, halt: &Halt) {
        self.say(|| format!("halts: {}", halt.facts));
        let found = || (halt.facts.clone(), "the machine halted".to_owned());
        self.findings.demand(false, halt.invariant, found);
    }

    /// Lets an output leave its sink.
    pub(super) fn release(&mut self, at: usize, held: &Held) {
        self.state(at, held);
        match &held.output {
            Leaving::Reply(reply) => self.route(at, reply),
            Leaving::Chunk(chunk) => {
                add(&mut self.net.edit().chunks, chunk.clone());
            }
            Leaving::Value { reader, token, value, .. } => {
                let _ = self.read_done(at, held, *reader, *token, value.as_ref());
            }
        }
    }

    /// Judges a statement of a sink when it leaves the sink.
    fn state(&mut self, at: usize, held: &Held) {
        let statement = match &held.output {
            Leaving::Value { position, .. } => Statement::Read(*position),
            Leaving::Chunk(message) => {
                let Body::Chunk(chunk) = &message.body else { return };
                Statement::Handed(chunk)
            }
            Leaving::Reply(reply) => match reply {
                Reply::Prepared(statement) => Statement::Prepared(statement),
                Reply::Sealed(statement) => Statement::Sealed(statement),
                Reply::Evidence(statement) => Statement::Evidence(statement),
                Reply::Watermark(statement) => Statement::Watermark(statement),
                Reply::Dropped(statement) => Statement::Dropped(statement),
                Reply::Ended(statement) => Statement::Ended(statement),
                Reply::Applied { write, .. } => Statement::Applied(write),
                Reply::ChunkTaken(_) | Reply::Refused { .. } => return,
            },
        };
        let fact = Fact::Stated(statement, held.copy, now(&self.sinks[at]));
        self.monitor.judge(&fact, &mut self.findings);
    }

    fn route(&mut self, at: usize, reply: &Reply) {
        self.say(|| text::reply(reply));
        match reply {
            Reply::Applied { write, .. } => {
                self.mark_repeated(at, write);
                if matters(&self.clients, reply) {
                    add(&mut self.net.edit().answers, reply.clone());
                }
            }
            Reply::Refused { request, refusal } => {
                self.mark_refused(request, refusal);
                if self.env.concerns_controllers(self.before, reply) {
                    add(&mut self.control.edit().replies, reply.clone());
                }
                if matters(&self.clients, reply) {
                    add(&mut self.net.edit().answers, reply.clone());
                }
            }
            Reply::ChunkTaken(_) => {}
            Reply::Ended(ended) if self.env.is_of_no_use(self.before, ended) => {}
            Reply::Ended(_) => {
                self.mark(Mark::Ended);
                add(&mut self.control.edit().replies, reply.clone());
            }
            Reply::Dropped(_) => {
                self.mark(Mark::Dropped);
                add(&mut self.control.edit().replies, reply.clone());
            }
            Reply::Prepared(prepared) if self.env.says_nothing_new(self.before, prepared) => {}
            Reply::Prepared(_) | Reply::Sealed(_) | Reply::Evidence(_) | Reply::Watermark(_) => {
                if self.control.replies.binary_search(reply).is_err() {
                    add(&mut self.control.edit().replies, reply.clone());
                }
            }
        }
    }

    /// Adds every chunk that a source would export, for every migration so far: the mover may have read it.
    pub(super) fn mover(&mut self) {
        if !self.moved_sinks_or_log() {
            return;
        }
        let records = self.log.history.iter().flatten();
        let mut moves: Vec<_> = records
            .filter_map(|record| match record.placed?.state {
                PartitionState::Migrating { from, to, .. } => Some((record.migration, from, to)),
                PartitionState::Active(_) => None,
            })
            .collect();
        moves.dedup();
        for (migration, from, to) in moves {
            let Some((at, sink)) = sink_of(from).and_then(|at| Some((at, self.sinks.get(at)?))) else {
                continue;
            };
            let sink = sink.share(self.env);
            let copy = sink.fence.durable().newest();
            for message in self.env.exports(&sink, migration, to).iter() {
                if self.net.chunks.binary_search(message).is_err() {
                    self.release(at, &Held { copy, output: Leaving::Chunk(message.clone()) });
                }
            }
        }
    }

    pub(super) fn sync(&mut self, at: usize) -> Done {
        let sink = self.sinks.get_mut(at)?;
        if sink.is_synced() && sink.held.is_empty() {
            return None;
        }
        sink.edit().sync();
        let held = std::mem::take(&mut sink.edit().held);
        self.say(|| "makes everything durable".to_owned());
        for held in held {
            self.release(at, &held);
        }
        Some(())
    }

    pub(super) fn crash(&mut self, at: usize) -> Done {
        let before = self.before.sinks.get(at)?.clone();
        if before.is_synced() && before.held.is_empty() && before.fence.admitted().is_empty() {
            return None;
        }
        let fence = Fence::recover(*before.fence.config(), before.disk.clone());
        let (disk, disk_data) = (before.disk.clone(), before.disk_data.clone());
        let position = |durable: &Durable| durable.copy().map_or(0, |copy| copy.position().0);
        let lost = position(before.fence.durable()).saturating_sub(position(&disk));
        let sink = Sink { fence, data: disk_data.clone(), disk, disk_data, held: Vec::new() };
        self.step_without_request(&before, &sink);
        self.sinks.get_mut(at)?.replace(sink);
        self.spent.crashes += 1;
        if !before.is_synced() {
            self.mark(Mark::CrashLost);
        }
        self.say(|| format!("crashes and loses what was not durable ({lost} writes)"));
        Some(())
    }

    /// Replaces a sink by an empty one in a new incarnation. Three cases are outside the fault model: the owner,
    /// whose data exists nowhere else, and a target that has given evidence for the current cutover, or has said that it takes no
    /// more chunks where the partition may be forced to it, because a statement counts as durable on everything that a store
    /// could fail over to.
    pub(super) fn wipe(&mut self, at: usize) -> Done {
        let store = *SINKS.get(at)?;
        let before = self.before.sinks.get(at)?.clone();
        let record = self.log.current()?;
        if record.held().is_some() {
            return None;
        }
        if record.placed.is_some_and(|placed| placed.state.read_placement() == store) {
            return None;
        }
        let forces = self.env.bounds.forces > 0;
        let vouched = |reply: &Reply| match reply {
            Reply::Evidence(statement) => {
                statement.migration() == record.migration && statement.epoch() == record.epoch
            }
            Reply::Ended(statement) => {
                forces && statement.migration() == record.migration && statement.origin().store == store
            }
            Reply::Prepared(_)
            | Reply::Sealed(_)
            | Reply::Watermark(_)
            | Reply::Dropped(_)
            | Reply::ChunkTaken(_)
            | Reply::Applied { .. }
            | Reply::Refused { .. } => false,
        };
        if self.control.replies.iter().any(vouched) || before.fence.durable().copy().is_none() {
            return None;
        }
        let (epoch, migration) = self.log.table.returned(super::PARTITION);
        let Config { incarnation, .. } = *before.fence.config();
        let mut sink = self.env.empty_sink(store, incarnation.next());
        sink.fence = Fence::returned(*sink.fence.config(), epoch, migration);
        sink.sync();
        self.sinks.get_mut(at)?.replace(sink);
        self.spent.wipes += 1;
        self.mark(Mark::Wiped);
        self.say(|| "comes back empty, with a new incarnation".to_owned());
        Some(())
    }

    pub(super) fn step_without_request(&mut self, before: &Sink, after: &Sink) {
        let record = self.log.current().cloned();
        let step =
            SinkStep { request: None, before: now(before), after: now(after), record: record.as_deref() };
        feed(&mut self.monitor, &mut self.findings, &Fact::SinkStepped(step));
    }
}
