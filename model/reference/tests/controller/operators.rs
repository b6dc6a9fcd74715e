//! What operators order: mostly what the record allows.

use super::world::{PARTITION, PLAIN, STORES, World, index};
use cutover::core::fence::{Body, End, Ended, Frontier, Request, StatementOrigin};
use cutover::core::ids::Placement;
use cutover::core::migration::{
    AbortReason, Command, Operator, PartitionRecord, Reason, Release, Transition,
};
use cutover::core::placement::{Guarantee, PartitionState};

fn operator() -> Operator {
    "ada".to_owned().try_into().expect("it is short")
}

fn reason() -> Reason {
    "lost".to_owned().try_into().expect("it is short")
}

impl World {
    pub fn ordered(&mut self) -> Option<Command> {
        let transition = match self.record() {
            None => {
                let placement = self.dice.one_of(&STORES);
                let timed = (placement == PLAIN) == self.dice.percent(98);
                let guarantee = if timed { Guarantee::Timed } else { Guarantee::Sealed };
                Transition::Create { placement, guarantee }
            }
            Some(record) => self.of(&record)?,
        };
        Some(Command { partition: PARTITION, transition })
    }

    fn of(&mut self, record: &PartitionRecord) -> Option<Transition> {
        if !record.old_copies.is_empty() && self.dice.percent(60) {
            let old = self.dice.one_of(&record.old_copies);
            let (placement, copy) = (old.placement, old.copy);
            return Some(match self.dice.below(20) {
                0 => Transition::WriteOff { placement, copy, operator: operator(), reason: reason() },
                _ => Transition::RetireCopy { placement, copy },
            });
        }
        let placed = record.placed?;
        let expected = record.expected();
        if placed.held.is_some() {
            let guarantee = self.dice.one_of(&[Guarantee::Sealed, Guarantee::Timed]);
            let all = [Release::Resume, Release::KeepSource, Release::AcceptTarget { guarantee }];
            let how = self.dice.one_of(&all);
            return Some(Transition::Release { expected, how, operator: operator(), reason: reason() });
        }
        Some(match placed.state {
            PartitionState::Active(at) => {
                if self.dice.percent(8) {
                    return Some(Transition::Delete { expected });
                }
                let others: Vec<Placement> = STORES.into_iter().filter(|store| *store != at).collect();
                Transition::Begin { expected, to: self.dice.one_of(&others) }
            }
            PartitionState::Migrating { to, .. } => match self.dice.below(10) {
                0 if self.dice.percent(50) => Transition::Abort { expected, why: AbortReason::Operator },
                1 => self.force(record, to)?,
                _ => return None,
            },
        })
    }

    /// The target is told to end its copy. Mostly the force follows, else a controller sees that the copy has ended.
    fn force(&mut self, record: &PartitionRecord, store: Placement) -> Option<Transition> {
        let (migration, epoch) = (record.migration, record.epoch);
        if self.dice.percent(60) {
            let body = Body::End(End { migration, epoch });
            self.ask(store, Request { store, partition: PARTITION, body });
        }
        if self.dice.percent(30) {
            return None;
        }
        let fence = &self.fences[index(store)].fence;
        let origin = StatementOrigin { store, partition: PARTITION, incarnation: fence.config().incarnation };
        let complete = fence.durable().copy().is_some_and(|copy| *copy.frontier() == Frontier::Everything);
        let ended = Ended::reported(origin, migration, epoch, self.end(store), complete, store != PLAIN);
        let (expected, ended, partial) = (record.expected(), ended.into(), self.dice.percent(50));
        Some(Transition::Force { expected, ended, partial, operator: operator(), reason: reason() })
    }
}
