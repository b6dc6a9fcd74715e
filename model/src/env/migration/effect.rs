//! What inputs do to a sink, apart from everything else: a function of the sink and the inputs, so it is computed once
//! for all states that share the sink.

use super::parts::add;
use super::{Held, Leaving, Message, Migration, Sink};
use crate::shared::{Memory, Shared, hasher, memory, remembered};
use cutover::core::fence::{Body, Input, Output, Reply, Request, Write};
use cutover::core::ids::{Halt, Position, WriteId};
use std::sync::Arc;

/// What inputs did to a sink.
#[derive(Debug)]
pub struct Effect {
    /// The sink after them.
    pub sink: Shared<Sink>,
    /// Whether it differs from the sink before.
    pub changed: bool,
    /// The client write that took effect.
    pub wrote: Option<Write>,
    /// Whether a read was served.
    pub served: bool,
    /// What left the sink at once.
    pub released: Vec<Held>,
    /// Invariants that the machine itself found broken.
    pub halts: Vec<Halt>,
    /// What happened, in words.
    pub said: Vec<String>,
}

/// What the environment does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Delivery {
    /// It arrives.
    Arrives,
    /// It arrives, and the store gets to it at once.
    ArrivesAndApplies,
    /// It was admitted earlier, and the store gets to it.
    Applies,
}

thread_local! {
    static KNOWN: Memory<Arc<Effect>> = const { memory() };
}

impl Migration {
    /// What a delivery does to a sink. `reader`: who is told of the value that is read.
    pub(super) fn effect(
        &self,
        sink: &Shared<Sink>,
        message: &Message,
        delivery: Delivery,
        reader: Option<u8>,
    ) -> Arc<Effect> {
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
    ) -> Effect {
        let write = write_in(request);
        let apply = write.map(Input::Apply);
        let inputs: Vec<Input> = match delivery {
            Delivery::Arrives => vec![Input::Request(request.clone())],
            Delivery::Applies => apply.into_iter().collect(),
            Delivery::ArrivesAndApplies => {
                std::iter::once(Input::Request(request.clone())).chain(apply).collect()
            }
        };
        let mut work = Work::on(before, write, reader);
        for input in &inputs {
            work.persisted = false;
            for output in work.sink.fence.handle(input) {
                work.perform(output, self.bounds.unsynced);
            }
        }
        let changed = work.sink != **before;
        let sink = if changed { self.share(work.sink) } else { before.clone() };
        let Work { wrote, served, released, halts, said, .. } = work;
        Effect { sink, changed, wrote, served, released, halts, said }
    }
}

struct Work {
    sink: Sink,
    write: Option<Write>,
    reader: Option<u8>,
    persisted: bool,
    wrote: Option<Write>,
    served: bool,
    released: Vec<Held>,
    halts: Vec<Halt>,
    said: Vec<String>,
}

impl Work {
    fn on(before: &Sink, write: Option<Write>, reader: Option<u8>) -> Self {
        Self {
            sink: before.clone(),
            write,
            reader,
            persisted: false,
            wrote: None,
            served: false,
            released: Vec::new(),
            halts: Vec::new(),
            said: Vec::new(),
        }
    }

    /// Performs one output. What stands behind a `Persist` waits until everything in front of it is durable.
    fn perform(&mut self, output: Output, unsynced: bool) {
        let leaving = match output {
            Output::Append { position, id } => {
                self.wrote = self.write;
                place(&mut self.sink.data, position, &[id]);
                return self.said.push(format!("applies {id} at position {position}"));
            }
            Output::Import { first, writes } => {
                place(&mut self.sink.data, first, &writes);
                return self.said.push(format!(
                    "takes {} from position {first}",
                    cutover::core::fence::format_write_ids(&writes)
                ));
            }
            Output::Erase => {
                self.sink.data.clear();
                return self.said.push("erases its copy".to_owned());
            }
            Output::Persist => {
                self.persisted = true;
                if !unsynced {
                    self.sink.sync();
                }
                return;
            }
            Output::Admitted(write) => return self.said.push(format!("admits {}", write.id)),
            Output::Halt(halt) => return self.halts.push(halt),
            Output::Serve(read) => {
                self.served = true;
                let Some(reader) = self.reader else { return };
                let value = self.sink.data.last().copied();
                Leaving::Value { reader, token: read.token, value }
            }
            Output::Hand { .. } => return,
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

/// The client's write in a request.
pub(super) const fn write_in(request: &Request) -> Option<Write> {
    if let Body::Write(write) = &request.body { Some(*write) } else { None }
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

/// The attempt that an answer is about.
pub(super) const fn write_of(reply: &Reply) -> Option<Write> {
    if let Reply::Refused { request, .. } = reply {
        return write_in(request);
    }
    if let Reply::Applied { write, .. } = reply { Some(*write) } else { None }
}
