//! The effect of inputs on a sink. It depends on the sink and the inputs only, so it is computed once for all
//! states that share the sink.

use super::parts::add;
use super::{Held, Leaving, Message, Migration, Sink};
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::fence::{Body, Input, Key, Output, Reply, Request, Row, Write};
use cutover::core::ids::{Halt, MigrationId, Position};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::store::StoreBeside;
use std::sync::Arc;

/// The effect of a delivery on a sink.
#[derive(Debug)]
pub struct SinkEffect {
    /// The sink after the delivery.
    pub sink: Shared<Sink>,
    /// Whether the sink has changed.
    pub changed: bool,
    /// The client's write that was applied, if any.
    pub wrote: Option<Write>,
    /// Whether a read was served.
    pub served: bool,
    /// The copy that the mover beside the sink is told to pull.
    pub pulls: Option<MigrationId>,
    /// Outputs that leave the sink at once, because they need not wait for durability.
    pub released: Vec<Held>,
    /// Violations of invariants that the sink's own machine detected.
    pub halts: Vec<Halt>,
    /// What the sink's machine did, and its reference does not.
    pub disagrees: Option<Disagreement>,
    /// What happened, as lines of text.
    pub lines: Vec<String>,
}

/// How a request is given to a sink.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Delivery {
    /// The request arrives. A write is admitted, and applied in a later step.
    Arrives,
    /// The request arrives, and its write is applied in the same step.
    ArrivesAndApplies,
    /// A write that was admitted earlier is applied.
    Applies,
}

thread_local! {
    static KNOWN: Memory<Arc<SinkEffect>> = const { memory() };
}

impl Migration {
    /// The effect of a delivery on a sink. `reader`: the strong reader that receives the value of a read.
    pub(super) fn effect(
        &self,
        sink: &Shared<Sink>,
        message: &Message,
        delivery: Delivery,
        reader: Option<u8>,
    ) -> Arc<SinkEffect> {
        let key = (self.key, sink.hash(0), message.hash_once(), delivery, reader);
        remembered(&KNOWN, hasher().hash_one(key), || {
            Arc::new(self.compute_effect(sink, message, delivery, reader))
        })
    }

    fn compute_effect(
        &self,
        before: &Shared<Sink>,
        request: &Request,
        delivery: Delivery,
        reader: Option<u8>,
    ) -> SinkEffect {
        let write = write_in(request);
        let apply = write.clone().map(Input::Apply);
        let inputs: Vec<Input> = match delivery {
            Delivery::Arrives => vec![Input::Request(request.clone())],
            Delivery::Applies => apply.into_iter().collect(),
            Delivery::ArrivesAndApplies => {
                std::iter::once(Input::Request(request.clone())).chain(apply).collect()
            }
        };
        let mut work = SinkWork::on(before, write, reader);
        let mut agrees = Ok(());
        for input in &inputs {
            work.persisted = false;
            let mut beside = StoreBeside::of(&work.sink.fence, &work.sink.data);
            let outputs = work.sink.fence.handle(input, work.sink.data.rows());
            agrees = agrees
                .and_then(|()| beside.handled(input, &outputs))
                .and_then(|()| beside.compare(&work.sink.fence));
            for output in outputs {
                work.perform(output, self.bounds.unsynced);
            }
        }
        let changed = work.sink != **before;
        let sink = if changed { self.share(work.sink) } else { before.clone() };
        let SinkWork { wrote, served, pulls, released, halts, lines, .. } = work;
        let disagrees = agrees.err();
        SinkEffect { sink, changed, wrote, served, pulls, released, halts, disagrees, lines }
    }

    /// A sink after an input that is no request; `None`: it changes nothing.
    pub(super) fn told(&self, before: &Sink, input: &Input) -> Option<(Sink, Vec<String>)> {
        let mut work = SinkWork::on(before, None, None);
        for output in work.sink.fence.handle(input, work.sink.data.rows()) {
            work.perform(output, self.bounds.unsynced);
        }
        if !self.bounds.unsynced {
            work.sink.sync();
        }
        (work.sink != *before).then_some((work.sink, work.lines))
    }
}

struct SinkWork {
    sink: Sink,
    write: Option<Write>,
    reader: Option<u8>,
    persisted: bool,
    wrote: Option<Write>,
    served: bool,
    pulls: Option<MigrationId>,
    released: Vec<Held>,
    halts: Vec<Halt>,
    lines: Vec<String>,
}

impl SinkWork {
    fn on(before: &Sink, write: Option<Write>, reader: Option<u8>) -> Self {
        Self {
            sink: before.clone(),
            write,
            reader,
            persisted: false,
            wrote: None,
            served: false,
            pulls: None,
            released: Vec::new(),
            halts: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Performs one output of the machine. An output after a `Persist` waits until everything before it is durable.
    fn perform(&mut self, output: Output, unsynced: bool) {
        let leaving = match output {
            Output::Append(ref change) => {
                self.wrote = self.write.clone();
                self.sink.data.perform(&output);
                return self.lines.push(format!("applies {} at position {}", change.id, change.position));
            }
            Output::Import { ref rows } => {
                self.sink.data.perform(&output);
                let shown = |(key, row): &(Key, Option<Row>)| match row {
                    Some(row) => format!("{key}={}@{}", row.value, row.position),
                    None => format!("-{key}"),
                };
                let rows: Vec<_> = rows.iter().map(shown).collect();
                return self.lines.push(format!("takes {}", rows.join(" ")));
            }
            Output::Erase => {
                self.sink.data.perform(&output);
                return self.lines.push("erases its copy".to_owned());
            }
            Output::Trim { through } => {
                self.sink.data.perform(&output);
                return self.lines.push(format!("forgets changes up to position {through}"));
            }
            Output::Pull { migration, .. } => {
                self.pulls = Some(migration);
                return;
            }
            Output::Persist => {
                self.persisted = true;
                if !unsynced {
                    self.sink.sync();
                }
                return;
            }
            Output::Admitted(write) => return self.lines.push(format!("admits {}", write.id)),
            Output::Halt(halt) => return self.halts.push(halt),
            Output::Serve(read) => {
                self.served = true;
                let Some(reader) = self.reader else { return };
                let value = self.sink.data.rows().get(&read.key).cloned();
                let copy = self.sink.fence.durable().copy();
                let position = copy.map_or(Position::ZERO, cutover::core::fence::Copy::position);
                Leaving::Value { reader, token: read.token, value, position }
            }
            Output::Hand(_) => return,
            Output::Reply(reply) => Leaving::Reply(reply),
        };
        let held = Held { copy: self.sink.fence.durable().newest(), output: leaving };
        if self.persisted && !self.sink.is_synced() {
            add(&mut self.sink.held, held);
        } else {
            self.released.push(held);
        }
    }
}

/// The client's write that a request contains.
pub(super) fn write_in(request: &Request) -> Option<Write> {
    if let Body::Write(write) = &request.body { Some(write.clone()) } else { None }
}

/// The attempt at a write that a reply answers.
pub(super) fn write_of(reply: &Reply) -> Option<Write> {
    if let Reply::Refused { request, .. } = reply {
        return write_in(request);
    }
    if let Reply::Applied { write, .. } = reply { Some(write.clone()) } else { None }
}
