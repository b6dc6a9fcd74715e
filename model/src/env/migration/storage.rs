//! What a sink's own storage and its mover do, and chunks that lose something on the way.

use super::Message;
use super::action::Damage;
use super::client::sink_of;
use super::effect::Delivery;
use super::mark::Mark;
use super::step::{Done, NextState};
use cutover::core::fence::{AppliedIds, Body, Input, Request};

impl NextState<'_> {
    /// A sink is told something by its own storage or mover.
    pub(super) fn told(&mut self, at: usize, input: &Input) -> Done {
        let before = self.before.sinks.get(at)?.clone();
        let (sink, lines) = self.env.told(&before, input)?;
        for line in lines {
            self.say(|| line);
        }
        self.step_without_request(&before, &sink);
        self.sinks.get_mut(at)?.replace(sink);
        Some(())
    }

    /// A sink forgets all its changes.
    pub(super) fn trim(&mut self, at: usize) -> Done {
        let position = self.before.sinks.get(at)?.fence.durable().copy()?.position();
        self.spent.trims += 1;
        self.told(at, &Input::Trim { through: position })
    }

    /// A chunk arrives with something missing.
    pub(super) fn damaged(&mut self, message: usize, what: Damage) -> Done {
        let message = damaged(self.before.net.chunks.get(message)?, what)?;
        self.spent.damages += 1;
        self.mark(Mark::Damaged);
        self.deliver(sink_of(message.store)?, &message, Delivery::Arrives)
    }
}

/// The chunk without a part of it; `None`: it has no such part.
pub(super) fn damaged(message: &Message, what: Damage) -> Option<Message> {
    let Body::Chunk(chunk) = &message.body else { return None };
    let mut chunk = chunk.clone();
    match what {
        Damage::Row => {
            chunk.rows.pop()?;
        }
        Damage::Change => {
            chunk.changes.pop()?;
        }
        Damage::Ids => {
            let had = chunk.applied.replace(AppliedIds::new())?;
            if had == AppliedIds::new() {
                return None;
            }
        }
    }
    let (store, partition) = (message.store, message.partition);
    Some(Message::new(Request { store, partition, body: Body::Chunk(chunk) }))
}
