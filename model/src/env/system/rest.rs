//! The quiet phase: nothing more goes wrong, everybody acts, and all must settle.

use super::net::{Answered, Proposed};
use super::turn::{At, Turn, target};
use super::{SETTLES, UNBLOCKED};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::gate::Timer as OpTimer;
use cutover::core::ids::{MigrationId, PartitionId, Placement};
use cutover::core::migration::{Command, Event, PartitionRecord, Timer, Transition};
use std::sync::Arc;

/// Rounds of which each line is told: those of a phase that ends soon.
const TOLD: u32 = 12;
/// Rounds in which all must settle. A move takes about fifteen.
const ROUNDS: u32 = 160;
/// From this round on, budgets have run out and deadlines have passed.
const LATE: u32 = 60;

impl Turn<'_> {
    /// Everybody acts, in rounds, until all has settled.
    pub(super) fn rest(&mut self, gone: Option<Placement>) -> Option<()> {
        self.next.cut = None;
        for round in 0..ROUNDS {
            self.mute = round >= TOLD;
            let went_on = self.round(round, gone);
            self.mute = false;
            went_on?;
            let settled = self.waiting();
            if settled.is_empty() {
                self.compare_table();
                self.say(|| format!("all has settled after {round} rounds"));
                return Some(());
            }
        }
        if let Some(gone) = gone {
            self.judge_unblocked(gone);
            return Some(());
        }
        let waiting = self.waiting();
        self.demand(false, &SETTLES, || {
            (waiting.join("; "), format!("{ROUNDS} rounds in which everybody acted"))
        });
        Some(())
    }

    /// A move to a store that is gone does not block its partition for longer than the budget.
    fn judge_unblocked(&mut self, gone: Placement) {
        let blocked = |record: &&PartitionRecord| {
            let blocks =
                record.placed.is_some_and(|placed| placed.cutover.is_some() && placed.held.is_none());
            blocks && target(record) == Some(gone)
        };
        let record = self.log.table().records().find(blocked).cloned();
        self.demand(record.is_none(), &UNBLOCKED, || {
            let record = record.map(|record| record.to_string()).unwrap_or_default();
            (record, format!("{gone} is gone, and everybody else acted for {ROUNDS} rounds"))
        });
    }

    fn round(&mut self, round: u32, gone: Option<Placement>) -> Option<()> {
        self.disks()?;
        self.next.clock += 1;
        self.expire(self.next.clock.saturating_sub(1));
        for sent in std::mem::take(&mut self.net().requests) {
            if gone == Some(sent.request.store) {
                continue;
            }
            self.deliver(&sent, (sent.request.store, sent.request.partition))?;
        }
        self.disks()?;
        self.answers();
        for proposed in std::mem::take(&mut self.net().proposals) {
            let _refused_before_it_is_proposed = self.decide(&proposed, true);
        }
        self.watchers()?;
        self.operations(round);
        self.controllers(round);
        self.operators(round);
        Some(())
    }

    /// Everything that is admitted is applied, and everything is durable.
    fn disks(&mut self) -> Option<()> {
        let all: Vec<At> = self.next.sinks.keys().copied().collect();
        for at in all {
            while self.next.sinks.get(&at).is_some_and(|sink| !sink.fence.admitted().is_empty()) {
                self.apply(at, 0)?;
            }
            let _nothing_to_write = self.flush(at);
        }
        Some(())
    }

    fn answers(&mut self) {
        for answered in std::mem::take(&mut self.net().answers) {
            match answered {
                Answered::Served { asker, store, token, value } => {
                    let _late = self.served(asker, store, token, &value);
                }
                Answered::Reply { reply, asker: Some(asker) } => {
                    let _late = self.replied(asker, reply);
                }
                Answered::Reply { reply, asker: None } => {
                    let partition = super::commits::partition_of(&reply);
                    for name in 0..self.env.bounds.controllers {
                        let _without_a_record = self.steer(partition, name, &Event::Replied(reply.clone()));
                    }
                }
            }
        }
    }

    fn watchers(&mut self) -> Option<()> {
        for name in (0_u8..).take(self.next.gateways.len()) {
            let log = Arc::clone(&self.log);
            let _has_one = self.gateway(name)?.connect(&log, false);
            while self.next.gateways.get(usize::from(name))?.arriving().is_some() {
                self.watch(name)?;
            }
        }
        Some(())
    }

    fn operations(&mut self, round: u32) {
        for name in (0_u8..).take(self.next.gateways.len()) {
            for slot in 0..self.env.bounds.slots {
                let timers = [OpTimer::Backoff, OpTimer::Attempt, OpTimer::Deadline];
                let due = timers.iter().filter(|timer| **timer != OpTimer::Deadline || round >= LATE);
                let due: Vec<OpTimer> = due
                    .filter(|timer| **timer != OpTimer::Attempt || round.is_multiple_of(4))
                    .copied()
                    .collect();
                for timer in due {
                    let _not_set = self.time(name, slot, timer);
                }
                let _wants_nothing = self.read(name, slot);
                let _nothing_read = self.resolved(name, slot);
            }
        }
    }

    fn controllers(&mut self, round: u32) {
        let records: Vec<PartitionRecord> = self.log.table().records().cloned().collect();
        for record in records {
            for name in 0..self.env.bounds.controllers {
                let _has_a_record = self.observe(record.partition, name);
                self.timers(record.partition, name, round);
            }
            if target(&record).is_some() {
                let _asked = self.export(record.partition, true);
            }
        }
    }

    fn timers(&mut self, partition: PartitionId, name: u8, round: u32) {
        let Some(manager) = self.next.managers.get(&(partition, name)) else { return };
        let due = manager.timers.iter().filter(|(timer, set)| match timer {
            Timer::Retry => round.is_multiple_of(4),
            Timer::Barrier { .. } => self.may_fire(timer, *set),
            Timer::BlockedBudget { .. } | Timer::Overdue { .. } => round >= LATE,
        });
        let due: Vec<Timer> = due.map(|(timer, _)| *timer).collect();
        for timer in due {
            let known = self.next.managers.get(&(partition, name));
            let at = known.and_then(|manager| manager.timers.iter().position(|(known, _)| *known == timer));
            let _fired = at.and_then(|at| self.fire(partition, name, at));
        }
    }

    /// Operators release what is held, and retire old copies. They delete a partition whose store has lost its state before it was
    /// opened: such a store takes no copy under an id that it may have seen.
    fn operators(&mut self, round: u32) {
        let history = self.log.history();
        let records: Vec<PartitionRecord> = self.log.table().records().cloned().collect();
        for record in records {
            let release = self.env.release(&self.next, &record);
            let old = record.old_copies.iter().filter(|old| !old.retiring);
            let retire = old.map(|old| Transition::RetireCopy { placement: old.placement, copy: old.copy });
            let unopened = record.placed.is_some_and(|placed| !placed.opened) && round >= LATE;
            let delete = (unopened || self.has_lost_its_copy(&record))
                .then(|| Transition::Delete { expected: record.expected() });
            let lost = record
                .old_copies
                .iter()
                .filter(|old| round >= LATE && self.is_of_lost((old.placement, record.partition), old.copy));
            let write_off = lost.filter_map(|old| self.env.write_off(old.placement, old.copy));
            let all = release.into_iter().chain(retire).chain(delete).chain(write_off);
            for transition in all.collect::<Vec<_>>() {
                let entry = ControlPlaneEntry::OwnershipTransition(Command {
                    partition: record.partition,
                    transition,
                });
                let _decided = self.decide(&Proposed { history, ticket: None, entry }, true);
            }
        }
    }

    /// Whether the owner's store has lost the copy, with its state.
    fn has_lost_its_copy(&self, record: &PartitionRecord) -> bool {
        let Some(placed) = record.placed.filter(|placed| placed.opened && !placed.state.is_migrating())
        else {
            return false;
        };
        let sink = self.next.sinks.get(&(placed.state.read_placement(), record.partition));
        sink.is_none_or(|sink| sink.fence.durable().copy().is_none())
    }

    /// Whether the store has a copy of a migration that the log has lost: it refuses to drop an older one, and an operator has to look.
    fn is_of_lost(&self, at: At, copy: MigrationId) -> bool {
        let newest = self.next.sinks.get(&at).map(|sink| sink.fence.durable().newest());
        let (_, given) = self.log.table().floor();
        newest.is_some_and(|newest| newest > copy && newest <= given)
    }

    /// What has not settled, and what it waits for.
    pub(super) fn waiting(&self) -> Vec<String> {
        let mut waiting = Vec::new();
        for record in self.log.table().records() {
            let unsettled = record
                .placed
                .is_some_and(|placed| placed.state.is_migrating() || placed.debt.is_some() || !placed.opened);
            if unsettled || !record.old_copies.is_empty() {
                waiting.push(format!("{record}"));
            }
        }
        for (name, gateway) in self.next.gateways.iter().enumerate() {
            for op in gateway.ops.iter().flatten() {
                waiting.push(format!("g{name} has {:?} of {}", op.machine, op.partition));
            }
        }
        waiting
    }
}
