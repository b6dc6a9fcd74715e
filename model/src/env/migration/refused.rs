//! Marks for requests that sinks refuse.

use super::client::{by_fence, sink_of};
use super::effect::{Delivery, write_in};
use super::enabled::is_stale;
use super::mark::Mark;
use super::step::NextState;
use super::{Held, Leaving, Message, SINKS, Sink};
use cutover::core::fence::{self, Body, Refusal, Reply, Request, Write};
use cutover::core::migration::PartitionRecord;

impl NextState<'_> {
    pub(super) fn mark_repeated(&mut self, at: usize, write: &Write) {
        let position = |sink: &Sink| sink.fence.durable().copy().map(fence::Copy::position);
        let applied_now = position(&self.sinks[at]) > position(&self.before.sinks[at]);
        let same = |message: &&Message| write_in(message).is_some_and(|other| other.id == write.id);
        let attempts = self.net.writes.iter().map(|(message, _)| message);
        let elsewhere = attempts.filter(same).find(|message| message.store != SINKS[at]).cloned();
        if !applied_now {
            self.mark(Mark::DuplicateAcknowledged);
            if elsewhere.is_some() {
                self.mark(Mark::RetryOnceAcross);
            }
            return;
        }
        let Some((other, message)) = elsewhere.and_then(|message| Some((sink_of(message.store)?, message)))
        else {
            return;
        };
        let there = self.before.sinks[other].clone();
        let effect = self.env.effect(&there, &message, Delivery::Arrives, None);
        let sealed = |held: &Held| {
            let Leaving::Reply(Reply::Refused { refusal, .. }) = &held.output else { return false };
            matches!(refusal, Refusal::Sealed { .. })
        };
        if effect.released.iter().any(sealed) {
            self.mark(Mark::SealRefusedThenApplied);
        }
    }

    pub(super) fn mark_refused(&mut self, request: &Request, refusal: &Refusal) {
        let bits = refusal_marks(self.log.current().map(AsRef::as_ref), request, refusal);
        self.mark_all(bits);
    }
}

/// The marks that a refusal reaches, as a set of bits.
pub(super) fn refusal_marks(record: Option<&PartitionRecord>, request: &Request, refusal: &Refusal) -> u64 {
    let bit = |reached: bool, mark: Mark| if reached { 1 << (mark as u8) } else { 0 };
    match &request.body {
        Body::Write(write) => {
            let late = record.is_some_and(|record| write.token < record.epoch);
            bit(by_fence(refusal) && late, Mark::StaleCacheRefused)
                | bit(matches!(refusal, Refusal::Forgotten { .. }), Mark::WriteForgotten)
                | bit(matches!(refusal, Refusal::Differs { .. }), Mark::DiffersRefused)
        }
        Body::Chunk(_) => {
            bit(matches!(refusal, Refusal::Elsewhere { .. }), Mark::GapRefused)
                | bit(is_stale(request, record), Mark::LateMoverRefused)
        }
        Body::Prepare(_) | Body::Seal(_) | Body::Drop(_) | Body::Evidence(_) | Body::Watermark(_) => {
            let wrong = matches!(refusal, Refusal::WrongStore { .. });
            bit(wrong, Mark::WrongStoreRefused)
                | bit(!wrong && is_stale(request, record), Mark::StaleControllerRefused)
        }
        Body::Export(_) | Body::End(_) | Body::Read(_) => 0,
    }
}
