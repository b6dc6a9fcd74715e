//! The clients' side: gateways that write, strong readers, and readers from a cache.

use super::contents::key;
use super::effect::{Delivery, write_of};
use super::mark::Mark;
use super::parts::add;
use super::step::{Done, NextState, feed};
use super::{
    Clients, Fresh, Gateway, Held, Leaving, Manager, Message, Migration, MigrationBounds, PARTITION, Reader,
    SINKS, id,
};
use cutover::core::fence::{
    Body, Fence, Input, Output as SinkOutput, Read, Refusal, Reply, Request, Rows, Write,
};
use cutover::core::gate::{
    Consistency, Event, Freshness, Operation, Outcome, Output, Timer, Work, WriteAdmission,
    admit_cached_write,
};
use cutover::core::ids::{Placement, WriteId};
use cutover::core::invariant::Fact;
use cutover::core::migration::Controller;

/// The events at which an operation resolves the partition: its start, and the timers after which it tries again.
const ATTEMPTS: [Event; 3] =
    [Event::Start, Event::TimerFired(Timer::Attempt), Event::TimerFired(Timer::Backoff)];

impl NextState<'_> {
    /// Makes an operation's next attempt, with the partition resolved at `revision`. `fresh`: the revision that a
    /// fresh read of the control plane shows, if there was one. `None` if the operation sends nothing: it then only
    /// waits, and not having tried makes no difference.
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
        // According to the view, the store cannot refuse late writes, so the operation needs a fresh resolution;
        // this one is fresh.
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
        // A request that equals an earlier one is a repetition, which the network can do by itself.
        let message = Message::new(request.clone());
        if !add(&mut self.net.edit().writes, (message, 0)) {
            return None;
        }
        if busy.operation.is_idle()
            && let Work::Write(id, _) = busy.operation.work()
        {
            feed(&mut self.monitor, &mut self.findings, &Fact::WriteInvoked(*id));
        }
        self.say(|| format!("sends {}", super::text::request(&request)));
        let attempts = busy.attempts + 1;
        *self.clients.edit().gateways.get_mut(gateway)? = Gateway { operation, attempts, ..busy };
        Some(())
    }

    /// A client asks the gate over a watched table to admit a write, with the partition as in the table. No client
    /// waits for the answer.
    pub(super) fn gate(&mut self, revision: usize) -> Done {
        let (record, view) = self.log.resolution(revision)?;
        feed(&mut self.monitor, &mut self.findings, &Fact::Resolved(record, &view));
        let token = view.epoch;
        let WriteAdmission::Admit(store) = admit_cached_write(&view, token) else {
            self.env.reached.add(1 << (Mark::GateRefused as u8));
            return None;
        };
        feed(&mut self.monitor, &mut self.findings, &Fact::Admitted { view: &view, token, store });
        let id = self.env.gated_id(&self.clients);
        feed(&mut self.monitor, &mut self.findings, &Fact::WriteInvoked(id));
        let mutation = self.env.mutation(u8::try_from(id.session.0).ok()?, u8::try_from(id.serial.0).ok()?);
        let body = Body::Write(Write { id, token, mutation });
        let request = Request { store, partition: PARTITION, body };
        self.say(|| format!("sends {}", super::text::request(&request)));
        add(&mut self.net.edit().writes, (Message::new(request), 0));
        self.clients.edit().gated += 1;
        self.mark(Mark::GateSent);
        Some(())
    }

    pub(super) fn write(&mut self, message: usize) -> Done {
        let (message, _) = self.net.writes.get(message)?.clone();
        self.deliver(sink_of(message.store)?, &message, self.env.arrival())
    }

    /// A client's write, or a chunk, arrives at the wrong sink.
    pub(super) fn misroute(&mut self, message: &Message, delivery: Delivery) -> Done {
        self.deliver(1 - sink_of(message.store)?, message, delivery)
    }

    pub(super) fn apply(&mut self, at: usize, index: usize) -> Done {
        let write = self.sinks.get(at)?.fence.admitted().get(index)?.clone();
        let body = Body::Write(write);
        let message = Message::new(Request { store: SINKS[at], partition: PARTITION, body });
        let effect = self.env.effect(self.before.sinks.get(at)?, &message, Delivery::Applies, None);
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
        // The acknowledged write is the one that the client asked for, whichever write the reply is about.
        if outputs.contains(&Output::Finish(Outcome::Acknowledged))
            && let Work::Write(id, _) = busy.operation.work()
        {
            let id = *id;
            feed(&mut self.monitor, &mut self.findings, &Fact::Acknowledged(id));
            self.say(|| format!("{id} is acknowledged"));
        }
        let next = if operation.is_done() && busy.serial < self.env.bounds.writes_each {
            let session = u8::try_from(write.id.session.0).ok()?;
            self.env.gateway(session, busy.serial + 1)
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
        let work = busy.operation.work().clone();
        let operation = self.env.operation(work);
        self.spent.restarts += 1;
        self.mark(Mark::Restarted);
        self.say(|| "forgets what it was doing; its client asks again".to_owned());
        *self.clients.edit().gateways.get_mut(gateway)? = Gateway { operation, ..busy };
        Some(())
    }

    pub(super) fn resolve(&mut self, reader: usize, revision: usize) -> Done {
        let (busy, like) = (self.clients.readers.get(reader)?.clone(), self.log.like(revision));
        if busy.sent.as_ref().is_some_and(|(seen, _)| *seen == like) {
            return None;
        }
        let fresh = self.fresh(&busy);
        let (operation, request) = self.attempt(&busy.operation, revision, fresh)?;
        if busy.operation.is_idle() && busy.fresh == Fresh::Unasked {
            let name = u8::try_from(reader).ok()?;
            feed(&mut self.monitor, &mut self.findings, &Fact::ReadInvoked(name));
        }
        self.say(|| format!("sends {}", super::text::request(&request)));
        let sent = Some((like, request));
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

    /// Serves a read from a cache. It does not change the state, so it is only judged.
    pub(super) fn stale(&mut self, revision: usize) -> Done {
        let (record, resolution) = self.log.resolution(revision)?;
        let key = key(0);
        let operation = self.env.operation(Work::Read(Consistency::StaleOk, key.clone()));
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
                value: sink.data.rows().get(&key),
                key: &key,
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

/// An operation's next attempt, up to the point where it resolves the partition, and how fresh the result must be.
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

/// Whether a reply can do more than start another wait of the operation. Both of its waits end in another attempt,
/// which is enabled at any time.
pub(super) fn matters(clients: &Clients, reply: &Reply) -> bool {
    let Some(write) = write_of(reply) else { return false };
    let gateway = usize::try_from(write.id.session.0).unwrap_or(0).wrapping_sub(1);
    let Some(busy) = clients.gateways.get(gateway) else { return false };
    let outputs = busy.operation.clone().handle(&Event::Replied(reply.clone()));
    outputs.iter().any(|output| !matches!(output, Output::SetTimer(Timer::Backoff | Timer::Attempt)))
}

impl Migration {
    pub(super) fn clients(&self) -> Clients {
        let gateways = (1..=self.bounds.gateways).map(|session| self.gateway(session, 1)).collect();
        let readers = (0..self.bounds.readers).map(|_| self.reader(0)).collect();
        Clients { gateways, readers, gated: 0 }
    }

    pub(crate) fn gateway(&self, session: u8, serial: u8) -> Gateway {
        let work = Work::Write(id(session, serial), self.mutation(session, serial));
        Gateway { operation: self.operation(work), serial, attempts: 0 }
    }

    /// A new operation of a gateway that knows the partition since its creation.
    pub(crate) const fn operation(&self, work: Work) -> Operation {
        Operation::new(PARTITION, work, self.bounds.sinks[0].guarantee)
    }

    /// The id of the next write through the gate over a watched table.
    pub(super) fn gated_id(&self, clients: &Clients) -> WriteId {
        let MigrationBounds { gateways, writes_each, gated, shared_session, .. } = self.bounds;
        let next = clients.gated + 1;
        if shared_session && next == gated { id(1, writes_each + 1) } else { id(gateways + next, 1) }
    }

    pub(crate) const fn controller(&self) -> Manager {
        Manager { machine: Controller::new(self.bounds.policy), seen: 0, timers: Vec::new() }
    }

    pub(crate) fn reader(&self, done: u8) -> Reader {
        let operation = self.operation(Work::Read(Consistency::Strong, key(0)));
        Reader { operation, sent: None, done, fresh: Fresh::Unasked }
    }

    /// How a client's write is delivered: admitted only, or admitted and applied in one step.
    pub(super) const fn arrival(&self) -> Delivery {
        if self.bounds.admission { Delivery::Arrives } else { Delivery::ArrivesAndApplies }
    }
}

const fn is_refusal(held: &Held) -> bool {
    matches!(held.output, Leaving::Reply(Reply::Refused { .. }))
}

fn serves(fence: &Fence, request: &Request) -> bool {
    let outputs = fence.clone().handle(&Input::Request(request.clone()), &Rows::new());
    outputs.iter().any(|output| matches!(output, SinkOutput::Serve(Read { .. })))
}

pub(super) fn sink_of(store: Placement) -> Option<usize> {
    SINKS.iter().position(|sink| *sink == store)
}

/// Whether a sink's fence, and not a limit, refused a request.
pub(super) const fn by_fence(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Sealed { .. } | Refusal::Closed { .. } | Refusal::UnknownPartition { .. })
}
