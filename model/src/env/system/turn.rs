//! One step of the world.

use super::log::Log;
use super::net::{Answered, Made, Net, Sent, add};
use super::sink::{Leaving, Sink};
use super::truth::{Beside, Truth};
use super::{Action, RUNS, State, System};
use crate::protocol::{Invariant, Notes};
use cutover::core::fence::{Body, Chunk, Input, Refusal, Reply, Request, Stuck};
use cutover::core::ids::{Halt, PartitionId, Placement};
use cutover::core::migration::PartitionRecord;
use cutover::core::placement::PartitionState;
use std::sync::Arc;

/// A store's copy of a partition.
pub(super) type At = (Placement, PartitionId);

/// A step that is being made.
pub(super) struct Turn<'a> {
    pub(super) env: &'a System,
    pub(super) next: State,
    pub(super) log: Arc<Log>,
    pub(super) notes: &'a mut Notes,
    /// Nothing is said: a quiet phase has thousands of lines.
    pub(super) mute: bool,
}

impl<'a> Turn<'a> {
    pub(super) fn new(env: &'a System, state: &State, notes: &'a mut Notes) -> Option<Self> {
        let next = state.clone();
        let log = Arc::clone(next.log.as_ref()?);
        Some(Self { env, next, log, notes, mute: false })
    }

    pub(super) fn take(mut self, action: &Action) -> Option<State> {
        self.act(action)?;
        self.next.log = Some(self.log);
        Some(self.next)
    }

    fn act(&mut self, action: &Action) -> Option<()> {
        match action {
            Action::Deliver(at, again) => {
                let sent = self.next.net.requests.get(*at)?.clone();
                if !again {
                    let arrived = self.net().requests.remove(*at);
                    super::net::keep(&mut self.net().past.requests, arrived);
                }
                self.deliver(&sent, (sent.request.store, sent.request.partition))
            }
            Action::Misroute(at, store) => {
                let sent = self.next.net.requests.get(*at)?.clone();
                self.deliver(&sent, (*store, sent.request.partition))
            }
            Action::Flush(store, partition) => self.flush((*store, *partition)),
            Action::Apply(store, partition, at) => self.apply((*store, *partition), *at),
            Action::Crash(store, partition) => self.crash((*store, *partition)),
            Action::Trim(store, partition) => self.trim((*store, *partition)),
            Action::Wipe(store, partition) => self.wipe((*store, *partition)),
            Action::Answer(at, name, again) => self.answer(*at, *name, *again),
            Action::Observe(partition, name) => self.observe(*partition, *name),
            Action::Fire(partition, name, timer) => self.fire(*partition, *name, *timer),
            Action::TakeOver(partition, name) => self.take_over(*partition, *name),
            Action::Export(partition, onward) => self.export(*partition, *onward),
            Action::Commit(at, heard, again) => self.commit(*at, *heard, *again),
            Action::Order(order) => self.order(order),
            Action::Invoke(gateway, slot, wish) => self.invoke(*gateway, *slot, wish),
            Action::Read(gateway, slot) => self.read(*gateway, *slot),
            Action::Resolved(gateway, slot) => self.resolved(*gateway, *slot),
            Action::Time(gateway, slot, timer) => self.time(*gateway, *slot, *timer),
            Action::Connect(gateway, behind) => {
                let log = Arc::clone(&self.log);
                self.gateway(*gateway)?.connect(&log, *behind)
            }
            Action::Break(gateway) => self.gateway(*gateway)?.end(),
            Action::Watch(gateway) => self.watch(*gateway),
            Action::Tick => self.tick(),
            Action::Cut(store) => {
                self.next.cut = *store;
                Some(())
            }
            Action::Late(late) => self.net().again(*late),
            Action::BackUp => {
                self.next.backup = Some(Arc::new((self.log.backup(), Beside::clone(&self.next.references))));
                Some(())
            }
            Action::Restart => {
                Arc::make_mut(&mut self.log).restart()?;
                self.next.gateways.iter_mut().for_each(|gateway| Arc::make_mut(gateway).cut());
                Some(())
            }
            Action::Lose(restored) => self.lose(*restored),
            Action::Rest(gone) => self.rest(*gone),
        }
    }

    pub(super) fn say(&mut self, line: impl FnOnce() -> String) {
        if !self.mute {
            self.notes.say(line);
        }
    }

    pub(super) fn mark(&mut self, mark: &str) {
        self.notes.mark(true, mark);
    }

    pub(super) fn demand(
        &mut self,
        holds: bool,
        invariant: &Invariant,
        facts: impl FnOnce() -> (String, String),
    ) {
        self.notes.demand(holds, invariant, facts);
    }

    pub(super) fn halted(&mut self, halt: &Halt) {
        self.demand(false, &RUNS, || (format!("{halt:?}"), "the machine goes on".to_owned()));
    }

    pub(super) fn net(&mut self) -> &mut Net {
        Arc::make_mut(&mut self.next.net)
    }

    pub(super) fn truth(&mut self) -> &mut Truth {
        Arc::make_mut(&mut self.next.truth)
    }

    pub(super) fn gateway(&mut self, at: u8) -> Option<&mut super::Gateway> {
        self.next.gateways.get_mut(usize::from(at)).map(Arc::make_mut)
    }

    pub(super) fn sink(&mut self, at: At) -> Option<&mut Sink> {
        let config = self.env.sink_config(at, cutover::core::ids::Incarnation(1))?;
        let sink = self.next.sinks.entry(at).or_insert_with(|| Arc::new(Sink::unknown(config)));
        Some(Arc::make_mut(sink))
    }

    /// What leaves a store is on its way.
    pub(super) fn leaves(&mut self, at: At, leaving: Vec<Leaving>) {
        for one in leaving {
            match one {
                Leaving::Reply(reply, asker) => {
                    self.say(|| reply.to_string());
                    self.mark_reply(&reply);
                    self.judge_seal(&reply);
                    self.stuck(&reply);
                    add(&mut self.net().answers, Answered::Reply { reply, asker });
                }
                Leaving::Serve(read, Some(asker), value) => {
                    self.say(|| format!("serves {} writes", value.len()));
                    let served = Answered::Served { store: at.0, token: read.token, value, asker };
                    add(&mut self.net().answers, served);
                }
                Leaving::Serve(_, None, _) => {}
                Leaving::Hand(chunk, made) => self.hand(at, chunk, made),
            }
        }
    }

    /// Whoever takes over must know from the record that a source may be sealed.
    fn judge_seal(&mut self, reply: &Reply) {
        let Reply::Sealed(receipt) = reply else { return };
        let record = self.log.record(receipt.origin().partition).cloned();
        let Some(record) = record.filter(|record| record.migration == receipt.migration()) else { return };
        let frees = record.draining_epoch().is_some() && !record.may_block() && record.held().is_none();
        self.demand(!frees, &super::SEALED, || (reply.to_string(), format!("the record is {record}")));
    }

    fn mark_reply(&mut self, reply: &Reply) {
        match reply {
            Reply::ChunkTaken(_) => self.mark("a chunk taken"),
            Reply::Refused { refusal: Refusal::Forgotten { .. }, .. } => {
                self.mark("a write forgotten by the store")
            }
            Reply::Refused { refusal: Refusal::Differs { .. }, .. } => {
                self.mark("a conditional write refused")
            }
            Reply::Refused { refusal: Refusal::Stuck { .. }, .. } => self.mark("a copy that cannot go on"),
            Reply::Refused { refusal: Refusal::Elsewhere { .. }, .. } => {
                self.mark("a chunk that goes on elsewhere")
            }
            Reply::Refused { .. }
            | Reply::Prepared(_)
            | Reply::Sealed(_)
            | Reply::Evidence(_)
            | Reply::Watermark(_)
            | Reply::Dropped(_)
            | Reply::Applied { .. } => {}
            Reply::Ended(_) => self.mark("a copy ended"),
        }
    }

    /// The mover has a chunk of the source, and sends it to the target.
    fn hand(&mut self, at: At, chunk: Chunk, made: Made) {
        let migration = chunk.migration;
        let target = self.log.record(at.1).filter(|record| record.migration == migration).and_then(target);
        let Some(store) = target else { return };
        let request = Request { store, partition: at.1, body: Body::Chunk(chunk) };
        self.say(|| format!("hands {request}"));
        add(&mut self.net().requests, Sent { request, made: Some(made), asker: None, until: None });
    }

    /// The mover tells the target's store if the copy there cannot go on: the source, or the target itself, has said why.
    fn stuck(&mut self, reply: &Reply) {
        let Reply::Refused { request, refusal } = reply else { return };
        let partition = request.partition;
        let (Some(why), Some(migration)) = (Stuck::found(&request.body, refusal), request.body.migration())
        else {
            return;
        };
        let at = matches!(request.body, Body::Chunk(_)).then_some(request.store);
        // Where the mover runs.
        let pulls = |((_, of), sink): &(&At, &Arc<Sink>)| {
            *of == partition && sink.pulls.is_some_and(|(pulled, _)| pulled == migration)
        };
        let target = at
            .map(|store| (store, partition))
            .or_else(|| self.next.sinks.iter().find(pulls).map(|(at, _)| *at));
        let Some(target) = target else { return };
        let Some(sink) = self.sink(target) else { return };
        let did = sink.handle(&Input::Stuck { migration, why }, None, None, None);
        self.did(target, did);
    }

    pub(super) fn send(&mut self, request: Request) {
        add(&mut self.net().requests, Sent { request, made: None, asker: None, until: None });
    }

    /// What had to take effect by this tick does not any more.
    pub(super) fn expire(&mut self, at: u64) {
        let net = self.net();
        let in_time = |sent: &Sent| sent.until.is_none_or(|until| until > at);
        net.requests.retain(in_time);
        net.past.requests.retain(in_time);
    }

    fn tick(&mut self) -> Option<()> {
        let now = self.next.clock;
        // A store applies what it has admitted within the bound, or never.
        let due = |sink: &Arc<Sink>| {
            sink.admitted.iter().any(|(.., until)| until.is_some_and(|until| until <= now))
        };
        if self.next.sinks.values().any(due) {
            return None;
        }
        self.next.clock += 1;
        self.expire(now);
        Some(())
    }
}

/// The target of the migration in flight.
pub(super) fn target(record: &PartitionRecord) -> Option<Placement> {
    match record.placed?.state {
        PartitionState::Migrating { to, .. } => Some(to),
        PartitionState::Active(_) => None,
    }
}
