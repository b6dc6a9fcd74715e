//! The clients' side: gateways with writes, strong readers, readers from a cache.

use super::effect::{Delivery, write_of};
use super::mark::Mark;
use super::parts::add;
use super::step::{Done, Next, feed};
use super::{Clients, Fresh, Gateway, Held, Leaving, Message, Migration, Reader, SINKS};
use cutover::core::fence::{Body, Fence, Input, Output as SinkOutput, Read, Refusal, Reply, Request, Write};
use cutover::core::gate::{
    Consistency, Event, Freshness, Operation, Outcome, Output, Timer, Work, WriteAdmission,
    admit_cached_write,
};
use cutover::core::ids::Placement;
use cutover::core::invariant::Fact;

/// What makes an operation resolve: its start, or either of the waits that end in another attempt.
const ATTEMPTS: [Event; 3] =
    [Event::Start, Event::TimerFired(Timer::Attempt), Event::TimerFired(Timer::Backoff)];

impl Next<'_> {
    /// Starts or repeats an operation with what the control plane, or the cache, shows. `fresh`: what the control plane
    /// shows to one who asks it afresh, if it was asked. `None` if it sends nothing: then it only waits, and may try again
    /// just as well without having tried.
    fn attempt(
        &mut self,
        operation: &Operation,
        revision: usize,
        fresh: Option<usize>,
    ) -> Option<(Operation, Request)> {
        let (mut next, freshness) = resolves(operation)?;
        if freshness == Freshness::Fresh && Some(revision) != fresh {
            return None;
        }
        let (record, resolution) = self.log.resolution(revision)?;
        feed(&mut self.monitor, &mut self.findings, &Fact::Resolved(record, &resolution));
        let mut sent = None;
        let mut admitted = None;
        let mut outputs = next.handle(&Event::Resolved(Some(resolution)));
        // The view shows a store that it takes a fresh one for.
        if outputs.contains(&Output::Resolve(Freshness::Fresh)) && Some(revision) == fresh {
            outputs = next.handle(&Event::Resolved(Some(resolution)));
        }
        for output in outputs {
            match output {
                Output::Admitted { view, token } => admitted = Some((view, token)),
                Output::Send(request) => sent = Some(request),
                Output::Resolve(_) | Output::SetTimer(_) | Output::Finish(_) => {}
            }
        }
        let request = sent?;
        if let Some((view, token)) = admitted {
            let fact = Fact::Admitted { view: &view, token, store: request.store };
            feed(&mut self.monitor, &mut self.findings, &fact);
        }
        Some((next, request))
    }

    pub(super) fn send(&mut self, gateway: usize, revision: usize) -> Done {
        let busy = self.clients.gateways.get(gateway)?.clone();
        let (operation, request) = self.attempt(&busy.operation, revision, Some(self.log.revision()))?;
        // An attempt that says nothing new is a repetition of the earlier one.
        let message = Message::new(request.clone());
        if !add(&mut self.net.edit().writes, (message, 0)) {
            return None;
        }
        if busy.operation.is_idle()
            && let Work::Write(id) = busy.operation.work()
        {
            feed(&mut self.monitor, &mut self.findings, &Fact::WriteInvoked(id));
        }
        self.say(|| format!("sends {}", super::text::request(&request)));
        let attempts = busy.attempts + 1;
        *self.clients.edit().gateways.get_mut(gateway)? = Gateway { operation, attempts, ..busy };
        Some(())
    }

    /// The gate over a watched table is asked for a write, with what the table shows. Nobody waits for the answer.
    pub(super) fn gate(&mut self, revision: usize) -> Done {
        let (record, view) = self.log.resolution(revision)?;
        feed(&mut self.monitor, &mut self.findings, &Fact::Resolved(record, &view));
        let token = view.epoch;
        let WriteAdmission::Admit(store) = admit_cached_write(&view, token) else {
            self.world.reached.add(1 << (Mark::GateRefused as u8));
            return None;
        };
        feed(&mut self.monitor, &mut self.findings, &Fact::Admitted { view: &view, token, store });
        let id = self.world.gated_id(&self.clients);
        feed(&mut self.monitor, &mut self.findings, &Fact::WriteInvoked(id));
        let body = Body::Write(Write { id, token });
        let request = Request { store, partition: super::PARTITION, body };
        self.say(|| format!("sends {}", super::text::request(&request)));
        add(&mut self.net.edit().writes, (Message::new(request), 0));
        self.clients.edit().gated += 1;
        self.mark(Mark::GateSent);
        Some(())
    }

    pub(super) fn write(&mut self, message: usize) -> Done {
        let (message, _) = self.net.writes.get(message)?.clone();
        self.deliver(sink_of(message.store)?, &message, self.world.arrival())
    }

    /// A client's write, or a chunk, arrives at the store that it is not meant for.
    pub(super) fn misroute(&mut self, message: &Message, delivery: Delivery) -> Done {
        self.deliver(1 - sink_of(message.store)?, message, delivery)
    }

    pub(super) fn apply(&mut self, at: usize, index: usize) -> Done {
        let write = *self.sinks.get(at)?.fence.admitted().get(index)?;
        let body = Body::Write(write);
        let message = Message::new(Request { store: SINKS[at], partition: super::PARTITION, body });
        let effect = self.world.effect(self.before.sinks.get(at)?, &message, Delivery::Applies, None);
        if effect.wrote.is_none() && effect.released.iter().any(is_refusal) {
            self.mark(Mark::RefusedAtApply);
        }
        self.deliver(at, &message, Delivery::Applies)
    }

    pub(super) fn answer(&mut self, message: usize) -> Done {
        let reply = self.net.answers.get(message)?.clone();
        let write = write_of(&reply)?;
        let gateway = usize::try_from(write.id.session.0).ok()?.checked_sub(1)?;
        let busy = self.clients.gateways.get(gateway)?.clone();
        let mut operation = busy.operation.clone();
        let outputs = operation.handle(&Event::Replied(reply));
        if operation == busy.operation {
            return None;
        }
        // What the client is told is about the write it asked for, whatever the answer was about.
        if outputs.contains(&Output::Finish(Outcome::Acknowledged))
            && let Work::Write(id) = busy.operation.work()
        {
            feed(&mut self.monitor, &mut self.findings, &Fact::Acknowledged(id));
            self.say(|| format!("{id} is acknowledged"));
        }
        let next = if operation.is_done() && busy.serial < self.world.bounds.writes_each {
            let session = u8::try_from(write.id.session.0).ok()?;
            self.world.gateway(session, busy.serial + 1)
        } else {
            Gateway { operation, ..busy }
        };
        *self.clients.edit().gateways.get_mut(gateway)? = next;
        Some(())
    }

    pub(super) fn restart(&mut self, gateway: usize) -> Done {
        let busy = self.clients.gateways.get(gateway)?.clone();
        if busy.operation.is_idle() || busy.operation.is_done() {
            return None;
        }
        let work = busy.operation.work();
        let operation = self.world.operation(work);
        self.spent.restarts += 1;
        self.mark(Mark::Restarted);
        self.say(|| "forgets what it was doing; its client asks again".to_owned());
        *self.clients.edit().gateways.get_mut(gateway)? = Gateway { operation, ..busy };
        Some(())
    }

    pub(super) fn resolve(&mut self, reader: usize, revision: usize) -> Done {
        let busy = self.clients.readers.get(reader)?.clone();
        if busy.sent.as_ref().is_some_and(|(seen, _)| *seen == revision) {
            return None;
        }
        let fresh = self.fresh(&busy);
        let (operation, request) = self.attempt(&busy.operation, revision, fresh)?;
        if busy.operation.is_idle() && busy.fresh == Fresh::Unasked {
            let name = u8::try_from(reader).ok()?;
            feed(&mut self.monitor, &mut self.findings, &Fact::ReadInvoked(name));
        }
        self.say(|| format!("sends {}", super::text::request(&request)));
        let sent = Some((revision, request));
        *self.clients.edit().readers.get_mut(reader)? =
            Reader { operation, sent, fresh: Fresh::Unasked, ..busy };
        Some(())
    }

    pub(super) fn serve(&mut self, reader: usize) -> Done {
        let (_, request) = self.clients.readers.get(reader)?.sent.clone()?;
        let at = sink_of(request.store)?;
        self.reading = Some(u8::try_from(reader).ok()?);
        self.deliver(at, &Message::new(request), Delivery::Arrives)
    }

    /// A read from a cache leaves no trace: it is judged and forgotten.
    pub(super) fn stale(&mut self, revision: usize) -> Done {
        let (record, resolution) = self.log.resolution(revision)?;
        let operation = self.world.operation(Work::Read(Consistency::StaleOk));
        let record = record.clone();
        let (_, request) = self.attempt(&operation, revision, Some(self.log.revision()))?;
        let at = sink_of(request.store)?;
        let sink = self.sinks.get(at)?;
        let token = resolution.epoch;
        let served = serves(&sink.fence, &request);
        if served {
            let fact = Fact::ReadServed(cutover::core::invariant::ReadServed {
                reader: u8::MAX,
                consistency: Consistency::StaleOk,
                resolved: &record,
                token,
                store: request.store,
                copy: sink.fence.durable().newest(),
                fences: sink.fence.durable(),
                value: sink.data.last().copied(),
            });
            self.monitor.judge(&fact, &mut self.findings);
        }
        self.mark(if served { Mark::StaleReadServed } else { Mark::StaleReadRefused });
        self.say(|| {
            format!("{} {}", if served { "serves" } else { "refuses" }, super::text::request(&request))
        });
        Some(())
    }
}

/// The next attempt of an operation, up to where it resolves the partition.
pub(super) fn resolves(operation: &Operation) -> Option<(Operation, Freshness)> {
    ATTEMPTS.iter().find_map(|event| {
        let mut next = operation.clone();
        let asked = next.handle(event).into_iter().find_map(|output| match output {
            Output::Resolve(freshness) => Some(freshness),
            Output::Admitted { .. } | Output::Send(_) | Output::SetTimer(_) | Output::Finish(_) => None,
        });
        asked.map(|freshness| (next, freshness))
    })
}

/// Judges, on a copy, whether an answer can do more than change which wait the operation is in. Both waits end in
/// another attempt, which may come at any time anyway.
pub(super) fn matters(clients: &Clients, reply: &Reply) -> bool {
    let Some(write) = write_of(reply) else { return false };
    let gateway = usize::try_from(write.id.session.0).unwrap_or(0).wrapping_sub(1);
    let Some(busy) = clients.gateways.get(gateway) else { return false };
    let outputs = busy.operation.clone().handle(&Event::Replied(reply.clone()));
    outputs.iter().any(|output| !matches!(output, Output::SetTimer(Timer::Backoff | Timer::Attempt)))
}

impl Migration {
    /// How a client's write gets to its sink.
    pub(super) const fn arrival(&self) -> Delivery {
        if self.bounds.admission { Delivery::Arrives } else { Delivery::ArrivesAndApplies }
    }
}

const fn is_refusal(held: &Held) -> bool {
    matches!(held.output, Leaving::Reply(Reply::Refused { .. }))
}

fn serves(fence: &Fence, request: &Request) -> bool {
    let outputs = fence.clone().handle(&Input::Request(request.clone()));
    outputs.iter().any(|output| matches!(output, SinkOutput::Serve(Read { .. })))
}

pub(super) fn sink_of(store: Placement) -> Option<usize> {
    SINKS.iter().position(|sink| *sink == store)
}

/// Whether a refusal is one by a fence.
pub(super) const fn by_fence(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Sealed { .. } | Refusal::Closed { .. } | Refusal::UnknownPartition { .. })
}
