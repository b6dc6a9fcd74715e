//! Partial-order reduction: deliveries that would change nothing are not enabled; what the mover could read is read
//! at once.

use super::client::matters;
use super::effect::Delivery;
use super::refused::refusal_marks;
use super::{Action, Held, Leaving, Message, Migration, Shared, Sink, State};
use crate::shared::{Memory, hasher, memory, remembered};
use cutover::core::fence::{Body, Chunk, Export, Input, Output, Reply, Request};
use cutover::core::ids::{MigrationId, Placement, Position};
use cutover::core::migration::{Event, Output as ControllerOutput};
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
                Reply::Prepared(_)
                | Reply::Sealed(_)
                | Reply::Evidence(_)
                | Reply::Watermark(_)
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
        if matches!(request.body, Body::Write(_) | Body::Read(_) | Body::Chunk(_)) {
            return false;
        }
        let key = hasher().hash_one((self.key, state.log.hash(0), reply));
        let outputs = remembered(&CONCERNS, key, || {
            let event = Event::Replied(reply.clone());
            let fresh = self.controller().machine;
            let records = state.log.history.iter().flatten();
            Arc::new(records.flat_map(|record| fresh.clone().handle(record, &event)).collect())
        });
        outputs.iter().any(|output| !state.enabled.has(output))
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
        let mut fence = sink.fence.clone();
        let (store, partition) = (fence.config().store, super::PARTITION);
        let mut chunks = Vec::new();
        let len = u64::try_from(sink.data.len()).unwrap_or(0);
        for first in 1..=len {
            for count in 1..=u64::from(self.bounds.chunk_writes).min(len - first + 1) {
                let body = Body::Export(Export { migration, first: Position(first), count });
                let mut persisted = false;
                for output in fence.handle(&Input::Request(Request { store, partition, body })) {
                    persisted |= output == Output::Persist;
                    if let Output::Hand { migration, first, last } = output
                        && (!persisted || sink.is_synced())
                    {
                        let body = Body::Chunk(cut(sink, migration, first, last));
                        chunks.push(Message::new(Request { store: to, partition, body }));
                    }
                }
            }
        }
        chunks
    }
}

thread_local! {
    static HARMLESS: Memory<bool> = const { memory() };
    static CONCERNS: Memory<Arc<Vec<ControllerOutput>>> = const { memory() };
    static EXPORTS: Memory<Arc<Vec<Message>>> = const { memory() };
}

fn cut(sink: &Sink, migration: MigrationId, first: Position, last: Position) -> Chunk {
    let from = usize::try_from(first.0).unwrap_or(1).saturating_sub(1);
    let to = usize::try_from(last.0).unwrap_or(0).min(sink.data.len());
    let writes = sink.data.get(from..to).unwrap_or_default().to_vec();
    Chunk { migration, source: sink.fence.config().incarnation, first, writes }
}
