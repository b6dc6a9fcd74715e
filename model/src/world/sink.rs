//! Sinks: delivering to them, performing what they do, and what crashes take away.

use super::client::{by_fence, sink_of, write_of};
use super::mark::Mark;
use super::offers::is_stale;
use super::parts::add;
use super::step::{Done, Next, feed, now};
use super::{Held, Reader, SINKS, Shared, Sink, text};
use cutover::fence::{Body, Chunk, Config, Export, Fence, Input, Output, Refusal, Reply, Request, Write};
use cutover::gate::{self, Consistency};
use cutover::ids::{Epoch, Halt, Position, WriteId};
use cutover::invariant::{Fact, Id, ReadServed, SinkStep, Statement};
use cutover::migration::PartitionRecord;
use cutover::placement::PartitionState;
use std::sync::Arc;

impl Next<'_> {
    pub(super) fn request(&mut self, offer: usize, misroute: bool) -> Done {
        let request = self.before.offers.requests.get(offer)?.clone();
        let at = sink_of(request.store)?;
        let at = if misroute { 1 - at } else { at };
        self.sink_inputs(at, &[Input::Request(request.clone())], &request)
    }

    pub(super) fn chunk(&mut self, message: usize) -> Done {
        let (store, chunk) = self.net.chunks.get(message)?.clone();
        let request = Request { store, partition: super::PARTITION, body: Body::Chunk(chunk) };
        self.sink_inputs(sink_of(store)?, &[Input::Request(request.clone())], &request)
    }

    /// Gives inputs to a sink, one after the other, and performs what it does.
    pub(super) fn sink_inputs(&mut self, at: usize, inputs: &[Input], request: &Request) -> Done {
        let before: Shared<Sink> = self.sinks.get(at)?.shared.clone();
        let mut sink = (*before).clone();
        let mut released = Vec::new();
        for input in inputs {
            let mut persisted = false;
            for output in sink.fence.handle(input) {
                self.perform(&mut sink, request, output, &mut persisted, &mut released);
            }
        }
        let record = self.log.current().cloned();
        let record = record.as_deref();
        let step = SinkStep { request: Some(request), before: now(&before), after: now(&sink), record };
        self.monitor.judge(&Fact::SinkStepped(step), &mut self.findings);
        if sink != *before {
            self.sinks.get_mut(at)?.replace(sink);
        }
        for held in released {
            self.release(at, &held);
        }
        Some(())
    }

    /// Performs one output. What stands behind a `Persist` waits until everything in front of it is durable.
    fn perform(
        &mut self,
        sink: &mut Sink,
        request: &Request,
        output: Output,
        persisted: &mut bool,
        released: &mut Vec<Held>,
    ) {
        let held = match output {
            Output::Append { position, id } => {
                if let Some(write) = write_at(request) {
                    self.judge_write(sink, write);
                }
                place(&mut sink.data, position, &[id]);
                self.say(|| format!("applies {id} at position {position}"));
                return;
            }
            Output::Import { first, writes } => {
                place(&mut sink.data, first, &writes);
                self.say(|| format!("takes {} from position {first}", text::ids(&writes)));
                return;
            }
            Output::Erase => {
                sink.data.clear();
                self.say(|| "erases its copy".to_owned());
                return;
            }
            Output::Persist => {
                *persisted = true;
                if !self.world.scope.unsynced {
                    sink.sync();
                }
                return;
            }
            Output::Admitted(write) => {
                self.say(|| format!("admits {}", write.id));
                return;
            }
            Output::Halt(halt) => {
                self.halted(&halt);
                return;
            }
            Output::Serve(read) => {
                let Some(reader) = self.reading else { return };
                let value = sink.data.last().copied();
                self.judge_read(reader, sink);
                Held::Value(reader, read.token, value)
            }
            Output::Hand { .. } => return,
            Output::Reply(reply) => Held::Reply(reply),
        };
        if *persisted && !sink.is_synced() {
            add(&mut sink.held, held);
        } else {
            released.push(held);
        }
    }

    /// A client write that takes effect is judged at that moment.
    fn judge_write(&mut self, sink: &Sink, write: Write) {
        let record = self.log.current().cloned();
        let (store, fences) = (sink.fence.config().store, sink.fence.durable());
        let fact = Fact::Wrote { store, write, fences, record: record.as_deref() };
        if self.monitor.remembers(&fact) {
            self.mark(Mark::LeftBehind);
        }
        feed(&mut self.monitor, &mut self.findings, &fact);
    }

    /// A read is judged where it is served; what it returns, once it has left the sink.
    fn judge_read(&mut self, reader: u8, sink: &Sink) {
        let Some((resolved, token)) = self.reading_of(reader) else { return };
        let fact = ReadServed {
            reader,
            consistency: Consistency::Strong,
            resolved: &resolved,
            token,
            store: sink.fence.config().store,
            copy: sink.fence.durable().newest(),
            fences: sink.fence.durable(),
            value: sink.data.last().copied(),
        };
        self.monitor.judge(&Fact::ReadServed(fact), &mut self.findings);
    }

    /// The record that a reader resolved last, and the token that its read carries.
    fn reading_of(&self, reader: u8) -> Option<(Arc<PartitionRecord>, Epoch)> {
        let (revision, request) = self.clients.readers.get(usize::from(reader))?.sent.as_ref()?;
        let Body::Read(read) = request.body else { return None };
        Some((self.log.history.get(*revision)?.clone()?, read.token))
    }

    fn read_done(&mut self, at: usize, reader: u8, token: Epoch, value: Option<WriteId>) -> Done {
        let busy = self.clients.readers.get(usize::from(reader))?.clone();
        let mut operation = busy.operation.clone();
        let outputs = operation.handle(&gate::Event::Served { store: SINKS[at], token });
        if !outputs.contains(&gate::Output::Finish(gate::Outcome::Served(Consistency::Strong))) {
            return None;
        }
        let (resolved, _) = self.reading_of(reader)?;
        let fences = self.sinks[at].fence.durable().clone();
        let fact = Fact::ReadServed(ReadServed {
            reader,
            consistency: Consistency::Strong,
            resolved: &resolved,
            token,
            store: SINKS[at],
            copy: fences.newest(),
            fences: &fences,
            value,
        });
        if self.monitor.remembers(&fact) {
            self.monitor.edit().remember(&fact, &mut self.findings);
        }
        if SINKS[at] != SINKS[0] {
            self.mark(Mark::ReadAtTarget);
        }
        self.say(|| format!("serves the read: {}", value.map_or("nothing".to_owned(), |id| id.to_string())));
        let done = busy.done + 1;
        let next = if done < self.world.scope.reads_each {
            self.world.reader(done)
        } else {
            Reader { operation, sent: None, done }
        };
        *self.clients.edit().readers.get_mut(usize::from(reader))? = next;
        Some(())
    }

    fn halted(&mut self, halt: &Halt) {
        self.say(|| format!("halts: {}", halt.facts));
        if let Some(id) = Id::named(halt.invariant) {
            self.findings.expect(false, id, || (halt.facts.clone(), "the machine halted".to_owned()));
        }
    }

    /// Lets an output leave its sink.
    pub(super) fn release(&mut self, at: usize, held: &Held) {
        match held {
            Held::Reply(reply) => {
                self.state(at, reply);
                self.route(at, reply);
            }
            Held::Chunk(chunk, to) => {
                let fact = Fact::Stated(Statement::Handed(chunk), now(&self.sinks[at]));
                self.monitor.judge(&fact, &mut self.findings);
                add(&mut self.net.edit().chunks, (*to, chunk.clone()));
            }
            Held::Value(reader, token, value) => {
                let fact = Fact::Stated(Statement::Read(*value), now(&self.sinks[at]));
                self.monitor.judge(&fact, &mut self.findings);
                let _ = self.read_done(at, *reader, *token, *value);
            }
        }
    }

    /// A statement is judged when it leaves.
    fn state(&mut self, at: usize, reply: &Reply) {
        let statement = match reply {
            Reply::Prepared(said) => Statement::Prepared(said),
            Reply::Sealed(said) => Statement::Sealed(said),
            Reply::Evidence(said) => Statement::Evidence(said),
            Reply::Watermark(said) => Statement::Watermark(said),
            Reply::Dropped(said) => Statement::Dropped(said),
            Reply::Applied { write, .. } => Statement::Applied(*write),
            Reply::ChunkTaken(_) | Reply::Refused { .. } => return,
        };
        let fact = Fact::Stated(statement, now(&self.sinks[at]));
        self.monitor.judge(&fact, &mut self.findings);
    }

    fn route(&mut self, at: usize, reply: &Reply) {
        self.say(|| text::reply(reply));
        match reply {
            Reply::Applied { write, .. } => {
                self.mark_repeated(at, *write);
                if self.matters(reply) {
                    add(&mut self.net.edit().answers, reply.clone());
                }
            }
            Reply::Refused { request, refusal } => {
                self.mark_refused(request, refusal);
                if self.matters(reply) {
                    add(&mut self.net.edit().answers, reply.clone());
                }
            }
            Reply::ChunkTaken(_) => {}
            Reply::Dropped(_) => {
                self.mark(Mark::Dropped);
                add(&mut self.said.edit().replies, reply.clone());
            }
            Reply::Prepared(_) | Reply::Sealed(_) | Reply::Evidence(_) | Reply::Watermark(_) => {
                if self.said.replies.binary_search(reply).is_err() {
                    add(&mut self.said.edit().replies, reply.clone());
                }
            }
        }
    }

    /// The mover has read whatever each source would hand out, for every migration so far.
    pub(super) fn mover(&mut self) {
        if !self.log.is_edited() && self.sinks.iter().all(|sink| !sink.is_edited()) {
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
            let Some(at) = sink_of(from) else { continue };
            for chunk in self.exported(at, migration) {
                if self.net.chunks.binary_search(&(to, chunk.clone())).is_err() {
                    self.release(at, &Held::Chunk(chunk, to));
                }
            }
        }
    }

    /// Every chunk that a source hands out at this moment.
    fn exported(&self, at: usize, migration: cutover::ids::MigrationId) -> Vec<Chunk> {
        let Some(sink) = self.sinks.get(at) else { return Vec::new() };
        let mut fence = sink.fence.clone();
        let mut chunks = Vec::new();
        let len = u64::try_from(sink.data.len()).unwrap_or(0);
        for first in 1..=len {
            for count in 1..=u64::from(self.world.scope.chunk_writes).min(len - first + 1) {
                let body = Body::Export(Export { migration, first: Position(first), count });
                let request = Request { store: SINKS[at], partition: super::PARTITION, body };
                let mut persisted = false;
                for output in fence.handle(&Input::Request(request)) {
                    match output {
                        Output::Persist => persisted = true,
                        Output::Hand { migration, first, last } if !persisted || sink.is_synced() => {
                            chunks.push(cut(sink, migration, first, last));
                        }
                        Output::Hand { .. }
                        | Output::Append { .. }
                        | Output::Import { .. }
                        | Output::Erase
                        | Output::Admitted(_)
                        | Output::Serve(_)
                        | Output::Reply(_)
                        | Output::Halt(_) => {}
                    }
                }
            }
        }
        chunks
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
        let before = self.sinks.get(at)?.shared.clone();
        if before.is_synced() && before.held.is_empty() && before.fence.admitted().is_empty() {
            return None;
        }
        let fence = Fence::recover(*before.fence.config(), before.disk.clone());
        let (disk, disk_data) = (before.disk.clone(), before.disk_data.clone());
        let lost = before.data.len().saturating_sub(disk_data.len());
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

    /// Outside the fault model: the owner, whose data nobody else has, and a target whose evidence for the cutover in
    /// flight has been given; a statement is durable wherever the store could fail over to.
    pub(super) fn wipe(&mut self, at: usize) -> Done {
        let store = *SINKS.get(at)?;
        let before = self.sinks.get(at)?.shared.clone();
        let record = self.log.current()?;
        if record.placed.is_some_and(|placed| placed.state.read_placement() == store) {
            return None;
        }
        let vouched = |reply: &Reply| match reply {
            Reply::Evidence(said) => said.migration() == record.migration && said.epoch() == record.epoch,
            Reply::Prepared(_)
            | Reply::Sealed(_)
            | Reply::Watermark(_)
            | Reply::Dropped(_)
            | Reply::ChunkTaken(_)
            | Reply::Applied { .. }
            | Reply::Refused { .. } => false,
        };
        if self.said.replies.iter().any(vouched) || before.fence.durable().copy().is_none() {
            return None;
        }
        let Config { incarnation, .. } = *before.fence.config();
        let sink = self.world.empty_sink(store, incarnation.next());
        self.sinks.get_mut(at)?.replace(sink);
        self.spent.wipes += 1;
        self.mark(Mark::Wiped);
        self.say(|| "comes back empty, with a new incarnation".to_owned());
        Some(())
    }

    fn step_without_request(&mut self, before: &Sink, after: &Sink) {
        let record = self.log.current().cloned();
        let step = SinkStep { request: None, before: now(before), after: now(after), record: record.as_deref() };
        self.monitor.judge(&Fact::SinkStepped(step), &mut self.findings);
    }

    fn mark_repeated(&mut self, at: usize, write: Write) {
        let applied_now = self.sinks[at].data.len() > self.before.sinks[at].data.len();
        if applied_now {
            let elsewhere = self.net.writes.iter().find(|(request, _)| {
                write_at(request).is_some_and(|other| other.id == write.id) && request.store != SINKS[at]
            });
            let elsewhere = elsewhere.and_then(|(request, _)| Some((sink_of(request.store)?, request.clone())));
            if let Some((other, request)) = elsewhere {
                let outputs = self.sinks[other].fence.clone().handle(&Input::Request(request));
                let sealed = |output: &Output| {
                    matches!(output, Output::Reply(Reply::Refused { refusal: Refusal::Sealed { .. }, .. }))
                };
                if outputs.iter().any(sealed) {
                    self.mark(Mark::SealRefusedThenApplied);
                }
            }
            return;
        }
        self.mark(Mark::DuplicateAcknowledged);
        let moved = self.net.writes.iter().any(|(request, _)| {
            write_at(request).is_some_and(|other| other.id == write.id) && request.store != SINKS[at]
        });
        if moved && self.net.writes.iter().any(|(request, _)| request.store == SINKS[at]) {
            self.mark(Mark::RetryOnceAcross);
        }
    }

    fn mark_refused(&mut self, request: &Request, refusal: &Refusal) {
        let record = self.log.current().cloned();
        match &request.body {
            Body::Write(write) => {
                if by_fence(refusal) && record.as_ref().is_some_and(|record| write.token < record.epoch) {
                    self.mark(Mark::StaleCacheRefused);
                }
                if matches!(refusal, Refusal::Forgotten { .. }) {
                    self.mark(Mark::WriteForgotten);
                }
            }
            Body::Chunk(_) => {
                if matches!(refusal, Refusal::Gap { .. }) {
                    self.mark(Mark::GapRefused);
                }
                if is_stale(request, record.as_deref()) {
                    self.mark(Mark::LateMoverRefused);
                }
            }
            Body::Prepare(_) | Body::Seal(_) | Body::Drop(_) | Body::Evidence(_) | Body::Watermark(_) => {
                if matches!(refusal, Refusal::WrongStore { .. }) {
                    self.mark(Mark::WrongStoreRefused);
                } else if is_stale(request, record.as_deref()) {
                    self.mark(Mark::StaleControllerRefused);
                }
            }
            Body::Export(_) | Body::Read(_) => {}
        }
    }
}

fn write_at(request: &Request) -> Option<Write> {
    write_of(&Reply::Refused { request: request.clone(), refusal: Refusal::Halted { store: request.store } })
}

/// Puts writes at a position, over whatever lies there.
fn place(data: &mut Vec<WriteId>, first: Position, writes: &[WriteId]) {
    for (offset, id) in writes.iter().enumerate() {
        let at = usize::try_from(first.0).unwrap_or(1).saturating_sub(1) + offset;
        match data.get_mut(at) {
            Some(slot) => *slot = *id,
            None => data.push(*id),
        }
    }
}

fn cut(sink: &Sink, migration: cutover::ids::MigrationId, first: Position, last: Position) -> Chunk {
    let from = usize::try_from(first.0).unwrap_or(1).saturating_sub(1);
    let to = usize::try_from(last.0).unwrap_or(0).min(sink.data.len());
    let writes = sink.data.get(from..to).unwrap_or_default().to_vec();
    Chunk { migration, source: sink.fence.config().incarnation, first, writes }
}
