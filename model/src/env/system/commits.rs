//! The log's side: what is committed, and what controllers make of it.

use super::manager::Manager;
use super::net::{Answered, Proposed, add};
use super::turn::{Turn, target};
use super::{CONTROLLERS, SESSIONS, TABLE, TICKETS, UNCHANGED, WATCHED, WATCHERS};
use cutover::core::control_plane::{
    Answer, ControlPlaneConsensus as _, ControlPlaneEntry, ControlPlaneState,
};
use cutover::core::fence::Reply;
use cutover::core::ids::{HistoryId, Index, PartitionId, Revision, WriteId};
use cutover::core::migration::{
    Controller, Event, Output, PartitionRecord, Release, Timer, Transition, TransitionKind,
};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Content, Effect, Ticket};
use cutover_reference::beside::Disagreement;
use std::sync::Arc;

impl Turn<'_> {
    /// Commits a proposal, and judges what it changed.
    pub(super) fn commit(&mut self, at: usize, heard: bool, again: bool) -> Option<()> {
        let proposed = self.next.net.proposals.get(at)?.clone();
        if !again {
            let arrived = self.net().proposals.remove(at);
            super::net::keep(&mut self.net().past.proposals, arrived);
        }
        self.decide(&proposed, heard)
    }

    pub(super) fn decide(&mut self, proposed: &Proposed, heard: bool) -> Option<()> {
        let Proposed { history, ticket, entry } = proposed;
        // What a node refuses before it proposes.
        if ticket.is_some() && !self.log.engine().status().knows_sessions_of(*history) {
            return None;
        }
        let before = self.log.state().clone();
        let content = Content::Payload { ticket: *ticket, payload: entry.clone() };
        let (index, effect, change) = Arc::make_mut(&mut self.log).commit(content)?;
        self.say(|| format!("{effect:?}"));
        let halted = self.log.is_halted();
        self.demand(!halted, &super::RUNS, || ("the engine halts".to_owned(), super::facts::entry(entry)));
        let refused = !matches!(
            &effect,
            Effect::Answered {
                answer: Answer::Noted | Answer::Epoch(_) | Answer::Named { .. } | Answer::Store { .. },
                repeated: false
            }
        );
        if refused {
            let same = *self.log.state() == before;
            self.demand(same, &UNCHANGED, || (super::facts::entry(entry), format!("it had {before:?}")));
        }
        self.mark_effect(entry, &before, &effect);
        if let Effect::Answered { answer, repeated: false } = &effect {
            let log = Arc::clone(&self.log);
            let table = &mut Arc::make_mut(&mut self.next.references).0.table;
            let agrees = table.applied(index, entry, answer, log.state());
            self.table_agrees(agrees.err().as_ref());
        }
        let content = Content::Payload { ticket: *ticket, payload: entry.clone() };
        self.sessions_agree(index, &content, &effect);
        if let (Some(ticket), Effect::Answered { answer, repeated }) = (ticket, &effect) {
            self.judge_ticket(*ticket, answer, *repeated);
        }
        if let Some(ticket) = ticket.filter(|_| heard) {
            Arc::make_mut(&mut self.next.desk).hears(ticket, &effect);
        }
        let Some(change) = change else { return Some(()) };
        for gateway in &mut self.next.gateways {
            Arc::make_mut(gateway).publish(&change);
        }
        self.say(|| change.record.as_ref().map_or_else(|| "no record".to_owned(), ToString::to_string));
        self.gives_up(change.partition, before.table().record(change.partition), entry);
        self.judge_kept(change.partition);
        Some(())
    }

    fn mark_effect(
        &mut self,
        entry: &ControlPlaneEntry,
        before: &ControlPlaneState,
        effect: &Effect<Answer>,
    ) {
        match effect {
            Effect::SessionRefused(_) => self.mark("refused for the session"),
            Effect::Answered { repeated: true, .. } => self.mark("answered again under a ticket"),
            Effect::Answered { answer: Answer::Refused(refusal), .. } => {
                if let Some(mark) = super::facts::refusal(refusal) {
                    self.mark(mark);
                }
            }
            Effect::Answered { answer: Answer::Store { .. }, .. } => self.mark("a change of the stores"),
            Effect::Answered { answer: Answer::StoreRefused(_), .. } => {
                self.mark("a refused change of the stores");
            }
            Effect::Answered { answer: Answer::OrderRefused(_), .. } => self.mark("a refused order"),
            Effect::Answered { answer: Answer::Noted | Answer::Epoch(_) | Answer::Named { .. }, .. } => {
                let record = |partition| before.table().record(partition)?.placed;
                let placed = match entry {
                    ControlPlaneEntry::OwnershipTransition(command) => record(command.partition),
                    ControlPlaneEntry::NamedTransition { name, .. } => {
                        before.directory().partition(name).and_then(record)
                    }
                    ControlPlaneEntry::MembershipChange(_)
                    | ControlPlaneEntry::StoreChange(_)
                    | ControlPlaneEntry::OrderChange(_)
                    | ControlPlaneEntry::LeaderConfiguration { .. } => None,
                };
                let timed = placed.is_some_and(|placed| placed.guarantee == Guarantee::Timed);
                self.mark(super::facts::mark(entry, timed));
            }
            Effect::SessionOpened(_) | Effect::SessionClosed(_) => {}
        }
    }

    /// Compares the whole table.
    pub(super) fn compare_table(&mut self) {
        let log = Arc::clone(&self.log);
        let references = &mut Arc::make_mut(&mut self.next.references).0;
        let agrees = references.table.compare(log.state());
        let sessions = references.sessions.compare(log.engine().applied().sessions());
        self.table_agrees(agrees.err().as_ref());
        self.demand(sessions.is_ok(), &SESSIONS, || super::stores::told(sessions.as_ref().err()));
    }

    /// Judges an effect by the reference of the sessions.
    pub(super) fn sessions_agree(
        &mut self,
        index: Index,
        content: &Content<ControlPlaneEntry>,
        effect: &Effect<Answer>,
    ) {
        let sessions = &mut Arc::make_mut(&mut self.next.references).0.sessions;
        let agrees = sessions.applied(index, content, effect);
        self.demand(agrees.is_ok(), &SESSIONS, || super::stores::told(agrees.as_ref().err()));
    }

    pub(super) fn table_agrees(&mut self, disagrees: Option<&Disagreement>) {
        self.demand(disagrees.is_none(), &TABLE, || super::stores::told(disagrees));
    }

    /// What was answered under a ticket is answered alike, and a first answer is said to be one.
    fn judge_ticket(&mut self, ticket: Ticket, answer: &Answer, repeated: bool) {
        let history = self.log.history();
        let told = self.next.truth.told(history, ticket.session, ticket.serial).cloned();
        match told {
            Some(first) => {
                self.demand(repeated && first == *answer, &TICKETS, || {
                    (format!("{ticket} is answered {answer:?}"), format!("it was answered {first:?}"))
                });
            }
            None => {
                self.truth().tell(history, ticket.session, ticket.serial, *answer);
            }
        }
    }

    /// Writes that an operator's decision leaves behind.
    fn gives_up(
        &mut self,
        partition: PartitionId,
        before: Option<&PartitionRecord>,
        entry: &ControlPlaneEntry,
    ) {
        let Some(transition) = super::facts::transition(entry) else { return };
        if matches!(
            transition.kind(),
            TransitionKind::Complete | TransitionKind::Force | TransitionKind::Delete
        ) {
            // Its next copy has an id that the lost history has not given out.
            self.truth().astray.remove(&partition);
        }
        let flight = before.and_then(|record| {
            let from = record.placed?.state.read_placement();
            Some((from, target(record)?))
        });
        let data = |turn: &Self, at| {
            let sink = turn.next.sinks.get(&(at, partition));
            sink.map(|sink| (sink.data(), sink.disk_data())).unwrap_or_default()
        };
        match (transition, flight) {
            (
                Transition::Force { .. } | Transition::Release { how: Release::AcceptTarget { .. }, .. },
                Some((from, to)),
            ) => {
                let ((memory, disk), mut kept) = (data(self, from), data(self, to).1);
                if matches!(transition, Transition::Force { partial: true, .. }) {
                    kept.clear();
                    if let Some(sink) = self.sink((to, partition)) {
                        sink.forced_in_part();
                    }
                }
                self.leave(partition, memory.iter().chain(&disk).copied(), &kept);
            }
            (Transition::Release { .. }, Some((from, to))) => {
                let ((memory, disk), kept) = (data(self, to), data(self, from).1);
                self.leave(partition, memory.iter().chain(&disk).copied(), &kept);
            }
            (Transition::Delete { .. }, _) => {
                let sinks = self.next.sinks.iter().filter(|((_, of), _)| *of == partition);
                let all: Vec<WriteId> = sinks.flat_map(|(_, sink)| sink.data()).collect();
                self.leave(partition, all.into_iter(), &[]);
                self.truth().acknowledged.remove(&partition);
            }
            (
                Transition::Create { .. }
                | Transition::Open { .. }
                | Transition::Begin { .. }
                | Transition::StartBlock { .. }
                | Transition::EnterCutover { .. }
                | Transition::EnterTimedCutover { .. }
                | Transition::RecordWatermark { .. }
                | Transition::Complete { .. }
                | Transition::Abort { .. }
                | Transition::Force { .. }
                | Transition::Settle { .. }
                | Transition::RetireCopy { .. }
                | Transition::ForgetCopy { .. }
                | Transition::WriteOff { .. }
                | Transition::Release { .. },
                _,
            ) => {}
        }
    }

    pub(super) fn manager(&mut self, partition: PartitionId, name: u8) -> &mut Manager {
        let policy = self.env.bounds.policy;
        let fresh = || Arc::new(Manager::new(Controller::new(policy)));
        Arc::make_mut(self.next.managers.entry((partition, name)).or_insert_with(fresh))
    }

    /// A controller reads the committed record.
    pub(super) fn observe(&mut self, partition: PartitionId, name: u8) -> Option<()> {
        let record = self.log.record(partition)?.clone();
        self.manager(partition, name).view = Some(record);
        self.steer(partition, name, &Event::Observed)
    }

    pub(super) fn take_over(&mut self, partition: PartitionId, name: u8) -> Option<()> {
        let record = self.log.record(partition)?.clone();
        let policy = self.env.bounds.policy;
        *self.manager(partition, name) =
            Manager { view: Some(record), ..Manager::new(Controller::new(policy)) };
        self.steer(partition, name, &Event::TookOver)
    }

    /// A timer fires; the wait of the `timed` guarantee not before it has passed on the controller's clock.
    pub(super) fn fire(&mut self, partition: PartitionId, name: u8, timer: usize) -> Option<()> {
        let (timer, set) = *self.next.managers.get(&(partition, name))?.timers.get(timer)?;
        if !self.may_fire(&timer, set) {
            return None;
        }
        self.manager(partition, name).timers.retain(|(known, _)| *known != timer);
        self.steer(partition, name, &Event::TimerFired(timer))
    }

    pub(super) fn may_fire(&self, timer: &Timer, set: u64) -> bool {
        let bounds = &self.env.bounds;
        let passed = self.next.clock.saturating_sub(set);
        let shown = if bounds.fast_clocks { passed + passed / 2 } else { passed };
        !matches!(timer, Timer::Barrier { .. }) || shown >= bounds.policy.duration_ms(timer)
    }

    /// A controller handles an event with the record that it has read.
    pub(super) fn steer(&mut self, partition: PartitionId, name: u8, event: &Event) -> Option<()> {
        let (now, history) = (self.next.clock, self.log.history());
        let manager = self.manager(partition, name);
        let view = manager.view.clone()?;
        let outputs = manager.machine.handle(&view, event);
        let agrees = manager.beside.0.handled(&view, event, &outputs, &manager.machine);
        self.demand(agrees.is_ok(), &CONTROLLERS, || super::stores::told(agrees.as_ref().err()));
        for output in outputs {
            match output {
                Output::Send(request) => {
                    self.say(|| format!("sends {request}"));
                    self.send(request);
                }
                Output::Propose(command) => {
                    self.say(|| format!("proposes {command}"));
                    let entry = ControlPlaneEntry::OwnershipTransition(command);
                    add(&mut self.net().proposals, Proposed { history, ticket: None, entry });
                }
                Output::SetTimer(timer) => self.manager(partition, name).set(timer, now),
            }
        }
        Some(())
    }

    /// An answer arrives: at the operation that asked, or at a controller of its partition.
    pub(super) fn answer(&mut self, at: usize, name: u8, again: bool) -> Option<()> {
        let answered = self.next.net.answers.get(at)?.clone();
        if !again {
            let arrived = self.net().answers.remove(at);
            super::net::keep(&mut self.net().past.answers, arrived);
        }
        match answered {
            Answered::Served { asker, store, token, value } => self.served(asker, store, token, &value),
            Answered::Reply { reply, asker: Some(asker) } => self.replied(asker, reply),
            Answered::Reply { reply, asker: None } => {
                let partition = partition_of(&reply);
                self.next.managers.get(&(partition, name))?;
                self.steer(partition, name, &Event::Replied(reply))
            }
        }
    }

    /// The next message of a watcher's stream arrives, and its table is judged.
    pub(super) fn watch(&mut self, gateway: u8) -> Option<()> {
        let log = Arc::clone(&self.log);
        let watcher = self.gateway(gateway)?;
        let before = watcher.told();
        let (updated, disagrees) = watcher.deliver()?;
        self.demand(disagrees.is_none(), &WATCHERS, || super::stores::told(disagrees.as_ref()));
        if !updated {
            return Some(());
        }
        let watcher = self.gateway(gateway)?;
        let (history, revision) = watcher.told();
        let again = watcher.was_told_everything();
        let have: Vec<PartitionRecord> = watcher.table().values().cloned().collect();
        let back = (history, revision) < before;
        if before.0 != history && before.0 != HistoryId::NONE {
            self.mark("a watcher told of a new history");
        } else if again && before.1 != Revision::ZERO {
            self.mark("a watcher told of everything again");
        }
        self.demand(!back, &WATCHED, || {
            (format!("it is told of {revision} of history {history}"), format!("after {before:?}"))
        });
        let expected = if revision == Revision::ZERO {
            Some(Arc::default())
        } else {
            log.at(history, revision).map(|version| Arc::clone(&version.records))
        };
        let Some(expected) = expected else { return Some(()) };
        self.demand(*expected == have, &WATCHED, || {
            (
                format!("it has {have:?} at {revision} of history {history}"),
                format!("the log had {expected:?}"),
            )
        });
        Some(())
    }
}

/// The partition that a store's answer is about.
pub(super) fn partition_of(reply: &Reply) -> PartitionId {
    match reply {
        Reply::Prepared(statement) => statement.origin().partition,
        Reply::Sealed(statement) => statement.origin().partition,
        Reply::Evidence(statement) => statement.origin().partition,
        Reply::Watermark(statement) => statement.origin().partition,
        Reply::Dropped(statement) => statement.origin().partition,
        Reply::Ended(statement) => statement.origin().partition,
        Reply::ChunkTaken(statement) => statement.origin().partition,
        Reply::Refused { request, .. } => request.partition,
        Reply::Applied { .. } => PartitionId(0),
    }
}
