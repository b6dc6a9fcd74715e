//! The clients' side: operations, from the invocation to the outcome.

use super::gateway::Op;
use super::net::{Asker, Sent, add};
use super::truth::Beside;
use super::turn::Turn;
use super::{FRESH, NOT_SENT, OPERATIONS};
use cutover::core::fence::{Body, Cell, Key, Mutation, Reply, Request, Value, Write};
use cutover::core::gate::{
    Consistency, Event, Freshness, Operation, Outcome, Output, Timer, Work, WriteAdmission,
    admit_cached_write,
};
use cutover::core::ids::{Epoch, PartitionId, Placement, Serial, SessionId, WriteId};
use cutover::core::placement::Guarantee;
use cutover_reference::beside::gateway::{OperationBeside, admitted};
use std::sync::Arc;

/// Writes that a copy may have before clients write no more to it: walks stay fast.
pub(super) const WRITES: usize = 40;

/// What a client wants.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Wish {
    /// A new write; in a new session, if true.
    Write(PartitionId, bool),
    /// A write of which the outcome is unknown, by its place, once more.
    Again(usize),
    /// A write that the gate lets out by the gateway's table alone. Nobody waits for its answer.
    Gate(PartitionId),
    /// A read.
    Read(PartitionId, Consistency),
}

impl Turn<'_> {
    pub(super) fn invoke(&mut self, name: u8, slot: u8, wish: &Wish) -> Option<()> {
        if *wish_is_new(wish) {
            self.next.session = SessionId(self.next.session.0 + 1);
        }
        let fresh = self.next.session;
        if let Wish::Gate(partition) = *wish {
            return self.gate(name, partition);
        }
        let gateway = self.gateway(name)?;
        if gateway.ops.get(usize::from(slot))?.is_some() {
            return None;
        }
        let (partition, work) = match *wish {
            Wish::Write(partition, anew) => {
                if anew {
                    (gateway.session, gateway.serial) = (fresh, 0);
                }
                gateway.serial += 1;
                let id = WriteId { session: gateway.session, serial: Serial(gateway.serial) };
                (partition, Work::Write(id, mutation(id)))
            }
            Wish::Again(at) => {
                let (partition, id) = *gateway.open.get(at)?;
                (partition, Work::Write(id, mutation(id)))
            }
            Wish::Read(partition, consistency) => {
                (partition, Work::Read(consistency, key(u64::from(gateway.nonces))))
            }
            Wish::Gate(_) => return None,
        };
        gateway.nonces += 1;
        let guarantee = gateway.cached(partition).map_or(Guarantee::Sealed, |view| view.guarantee);
        let op = Op {
            machine: Operation::new(partition, work.clone(), guarantee),
            beside: Beside(OperationBeside::new(partition, work.clone(), guarantee)),
            partition,
            nonce: gateway.nonces,
            again: matches!(wish, Wish::Again(_)),
            wants: None,
            read: None,
            timers: Vec::new(),
            before: Vec::new(),
        };
        *gateway.ops.get_mut(usize::from(slot))? = Some(op);
        if matches!(work, Work::Read(Consistency::Strong, _)) {
            let before =
                self.next.truth.acknowledged.get(&partition).into_iter().flatten().copied().collect();
            self.gateway(name)?.op_mut(slot)?.before = before;
        }
        self.operate(name, slot, &Event::Start)
    }

    /// The write gate over the gateway's table.
    fn gate(&mut self, name: u8, partition: PartitionId) -> Option<()> {
        let view = self.next.gateways.get(usize::from(name))?.cached(partition)?;
        let token = view.epoch;
        let admission = admit_cached_write(&view, token);
        // A write that was resolved before the view changed, too: the gate has to see that.
        for (resolved, answer) in
            [(token.previous(), admit_cached_write(&view, token.previous())), (token, admission)]
        {
            let agrees = admitted(&view, resolved, true, &answer);
            self.demand(agrees.is_ok(), &OPERATIONS, || super::stores::told(agrees.as_ref().err()));
        }
        let WriteAdmission::Admit(store) = admission else { return Some(()) };
        let gateway = self.gateway(name)?;
        gateway.serial += 1;
        let id = WriteId { session: gateway.session, serial: Serial(gateway.serial) };
        let body = Body::Write(Write { id, token, mutation: mutation(id) });
        self.send(Request { store, partition, body });
        Some(())
    }

    /// The control plane serves the operation's read. From the gateway's own table it is there at once.
    pub(super) fn read(&mut self, name: u8, slot: u8) -> Option<()> {
        let op = self.next.gateways.get(usize::from(name))?.op(slot)?;
        let (partition, freshness) = (op.partition, op.wants?);
        if op.read.is_some() {
            return None;
        }
        let view = match freshness {
            Freshness::Fresh => {
                let revision = self.log.revision();
                self.log.record(partition).and_then(|record| record.resolution(revision))
            }
            Freshness::Cached => self.next.gateways.get(usize::from(name))?.cached(partition),
        };
        let now = self.next.clock;
        self.gateway(name)?.op_mut(slot)?.read = Some((view, now));
        if freshness == Freshness::Cached { self.resolved(name, slot) } else { Some(()) }
    }

    pub(super) fn resolved(&mut self, name: u8, slot: u8) -> Option<()> {
        let op = self.gateway(name)?.op_mut(slot)?;
        let (view, _) = op.read?;
        self.operate(name, slot, &Event::Resolved(view))
    }

    pub(super) fn time(&mut self, name: u8, slot: u8, timer: Timer) -> Option<()> {
        let op = self.gateway(name)?.op_mut(slot)?;
        let set = op.timers.iter().position(|known| *known == timer)?;
        op.timers.remove(set);
        self.operate(name, slot, &Event::TimerFired(timer))
    }

    pub(super) fn replied(&mut self, asker: Asker, reply: Reply) -> Option<()> {
        self.next.gateways.get(usize::from(asker.gateway))?.op(asker.slot)?;
        self.operate(asker.gateway, asker.slot, &Event::Replied(reply))
    }

    pub(super) fn served(
        &mut self,
        asker: Asker,
        store: Placement,
        token: Epoch,
        value: &[WriteId],
    ) -> Option<()> {
        let op = self.next.gateways.get(usize::from(asker.gateway))?.op(asker.slot)?;
        if op.nonce != asker.nonce {
            return None;
        }
        let (before, partition) = (op.before.clone(), op.partition);
        self.operate(asker.gateway, asker.slot, &Event::Served { store, token })?;
        if self.next.gateways.get(usize::from(asker.gateway))?.op(asker.slot).is_some() {
            return Some(());
        }
        let owed = self.next.truth.acknowledged.get(&partition);
        let still = |id: &&WriteId| {
            owed.is_some_and(|owed| owed.contains(id)) && !self.next.truth.exempt.contains(id)
        };
        let missing = before.iter().filter(still).find(|id| !value.contains(id)).copied();
        self.demand(missing.is_none(), &FRESH, || {
            let missing = missing.map(|id| id.to_string()).unwrap_or_default();
            (
                format!("a strong read of {partition} at {store} under {token} does not see {missing}"),
                format!("it was acknowledged before; the read sees {value:?}"),
            )
        });
        Some(())
    }

    /// Gives an operation an event, and performs its outputs.
    pub(super) fn operate(&mut self, name: u8, slot: u8, event: &Event) -> Option<()> {
        let op = self.gateway(name)?.op_mut(slot)?;
        let (partition, nonce, read_at) =
            (op.partition, op.nonce, op.read.map(|(view, at)| (view.map(|view| view.guarantee), at)));
        if matches!(event, Event::Resolved(_)) {
            (op.wants, op.read) = (None, None);
        }
        let outputs = op.machine.handle(event);
        let work = op.machine.work().clone();
        let agrees = op.beside.0.handled(event, &outputs, &op.machine);
        self.demand(agrees.is_ok(), &OPERATIONS, || super::stores::told(agrees.as_ref().err()));
        for output in outputs {
            match output {
                Output::Resolve(freshness) => {
                    let op = self.gateway(name)?.op_mut(slot)?;
                    (op.wants, op.read) = (Some(freshness), None);
                }
                Output::Admitted { .. } => {}
                Output::SetTimer(timer) => {
                    let op = self.gateway(name)?.op_mut(slot)?;
                    if !op.timers.contains(&timer) {
                        op.timers.push(timer);
                    }
                }
                Output::Send(request) => {
                    self.say(|| format!("sends {request}"));
                    let asker = Some(Asker { gateway: name, slot, nonce });
                    // The write takes effect within the bound from the read of the record, or never.
                    let bound = self.env.bounds.policy.write_effect_ms_max;
                    let until = match (&request.body, read_at) {
                        (Body::Write(_), Some((Some(Guarantee::Timed), at))) => Some(at + bound),
                        _ => None,
                    };
                    if until.is_none_or(|until| until >= self.next.clock) {
                        add(&mut self.net().requests, Sent { request, made: None, asker, until });
                    }
                }
                Output::Finish(outcome) => self.finish(name, slot, partition, (work.clone(), outcome))?,
            }
        }
        Some(())
    }

    fn finish(
        &mut self,
        name: u8,
        slot: u8,
        partition: PartitionId,
        (work, outcome): (Work, Outcome),
    ) -> Option<()> {
        self.say(|| format!("ends: {outcome:?}"));
        let op = self.gateway(name)?.ops.get_mut(usize::from(slot))?.take()?;
        self.mark(match (&work, outcome) {
            (_, Outcome::Served(Consistency::Strong)) => "a strong read served",
            (_, Outcome::Served(Consistency::StaleOk)) => "a cached read served",
            (Work::Write(..), Outcome::Acknowledged) if op.again => "a write sent again and acknowledged",
            (Work::Write(..), Outcome::Acknowledged) => "a write acknowledged",
            (Work::Write(..), Outcome::Indeterminate) => "a write of unknown outcome",
            (Work::Write(..), Outcome::NotSent) => "a write not sent",
            (Work::Write(..), Outcome::Differs) => "a write that found another row",
            (
                Work::Read(..),
                Outcome::Acknowledged | Outcome::Indeterminate | Outcome::NotSent | Outcome::Differs,
            ) => "",
        });
        let Work::Write(id, _) = work else { return Some(()) };
        match outcome {
            Outcome::Acknowledged => {
                self.gateway(name)?.open.retain(|(_, open)| *open != id);
                self.truth().acknowledged.entry(partition).or_default().insert(id);
                self.judge_kept(partition);
            }
            Outcome::Indeterminate => self.gateway(name)?.reopen(partition, id),
            Outcome::NotSent => {
                let applied = self.next.sinks.values().any(|sink| sink.data().contains(&id));
                let way = self
                    .next
                    .net
                    .requests
                    .iter()
                    .any(|sent| matches!(&sent.request.body, Body::Write(write) if write.id == id));
                if !op.again {
                    self.demand(!applied && !way, &NOT_SENT, || {
                        (format!("the client is told that {id} was not sent"), "it was".to_owned())
                    });
                    self.truth().not_sent.insert(id);
                }
            }
            Outcome::Served(_) | Outcome::Differs => {}
        }
        Some(())
    }

    /// Whether a partition has room for another write.
    pub(super) fn has_room(sinks: &super::State, partition: PartitionId) -> bool {
        let of = sinks.sinks.iter().filter(|((_, known), _)| *known == partition);
        of.map(|(_, sink)| Arc::as_ref(sink).data().len()).max().unwrap_or(0) < WRITES
    }
}

/// The key of a row: there are three.
fn key(number: u64) -> Key {
    let bytes = [b'k', b'0' + u8::try_from(number % 3).unwrap_or(0)];
    Key::try_from(bytes.as_slice()).unwrap_or_else(|_| unreachable!("two bytes"))
}

/// What a write does: each attempt at it the same.
fn mutation(id: WriteId) -> Mutation {
    let number = id.session.0.wrapping_mul(5).wrapping_add(id.serial.0.wrapping_mul(3));
    let value = |number: u64| {
        let bytes = [b'v', b'0' + u8::try_from(number % 2).unwrap_or(0)];
        Value::try_from(bytes.as_slice()).unwrap_or_else(|_| unreachable!("two bytes"))
    };
    let row = key(number / 8);
    match number % 8 {
        0..4 => Mutation::put(row, value(number)),
        4 => Mutation::delete(row),
        5 => Mutation::cas(row, None, Some(value(number))),
        6 => Mutation::cas(row, Some(value(number / 8)), Some(value(number / 8 + 1))),
        _ => {
            let cells = vec![
                Cell { key: row, value: None },
                Cell { key: key(number / 8 + 1), value: Some(value(number)) },
            ];
            Mutation::new(None, cells).unwrap_or_else(|_| unreachable!("two rows"))
        }
    }
}

const fn wish_is_new(wish: &Wish) -> &bool {
    match wish {
        Wish::Write(_, anew) => anew,
        Wish::Again(_) | Wish::Read(..) | Wish::Gate(_) => &false,
    }
}
