//! Stores: requests that arrive, writes that take effect, crashes and lost memories; and the controllers' and movers' side of it.

use super::net::{Asker, Sent};
use super::sink::{Did, Leaving, Sink};
use super::turn::{At, Turn, target};
use super::{KEPT, NOT_SENT, ONCE, OWNER, ROWS, STORES, System, UNCHANGED};
use cutover::core::fence::{Body, Config, Export, Frontier, Input, Reply, Request, Write};
use cutover::core::ids::{Incarnation, PartitionId, Position};
use cutover::core::placement::{Guarantee, PartitionState, Phase};
use cutover_reference::beside::Disagreement;
use std::sync::Arc;

impl System {
    /// The configuration of a store's fence.
    pub(super) fn sink_config(&self, (store, partition): At, incarnation: Incarnation) -> Option<Config> {
        let enforcement = self.bounds.store(store)?.enforcement;
        Some(Config { store, partition, incarnation, enforcement, limits: self.bounds.limits })
    }
}

impl Turn<'_> {
    pub(super) fn deliver(&mut self, sent: &Sent, at: At) -> Option<()> {
        let sink = self.sink(at)?;
        let (before, had, kept) = (sink.fence.clone(), sink.data(), sink.disk_data());
        let input = Input::Request(sent.request.clone());
        let did = sink.handle(&input, sent.asker, sent.until, sent.made.as_ref());
        let shorter = sink.data().len() < had.len() && self.next.truth.astray.contains(&at.1);
        let owner = self.log.record(at.1).and_then(|record| record.placed);
        if shorter && owner.is_some_and(|placed| placed.state.read_placement() == at.0) {
            // A late request of the lost history, in which the partition was elsewhere. Operators compare a restored record with
            // the stores before clients write (ADR 0030).
            self.truth().exempt.extend(had.into_iter().chain(kept));
        }
        let refused = did.leaving.iter().any(is_refusal);
        if refused {
            let same = self.sink(at)?.fence == before;
            self.demand(same, &UNCHANGED, || {
                (format!("{} refuses {}", at.0, sent.request), format!("it had {before:?}"))
            });
        }
        self.did(at, did);
        Some(())
    }

    pub(super) fn apply(&mut self, at: At, place: usize) -> Option<()> {
        let sink = self.sink(at)?;
        let (write, asker): (Write, Option<Asker>) = sink.take(place)?;
        let did = sink.handle(&Input::Apply(write), asker, None, None);
        if did.applied.is_none() && did.leaving.iter().any(is_refusal) {
            self.mark("a write refused when it is applied");
        }
        self.did(at, did);
        Some(())
    }

    pub(super) fn did(&mut self, at: At, did: Did) {
        for halt in &did.halts {
            self.halted(halt);
        }
        self.agrees(did.disagrees.as_ref());
        if let Some(id) = did.twice {
            self.demand(false, &ONCE, || {
                (format!("{} has {id} again", at.0), "it has it already".to_owned())
            });
        }
        if let Some((found, expected)) = did.wrong {
            self.demand(false, &ROWS, || (format!("{} of {}: {found}", at.0, at.1), expected));
        }
        if let Some(write) = &did.applied {
            self.applied(at, write);
        }
        self.leaves(at, did.leaving);
    }

    fn agrees(&mut self, disagrees: Option<&Disagreement>) {
        self.demand(disagrees.is_none(), &STORES, || told(disagrees));
    }

    /// Judges a write at the moment at which it takes effect.
    fn applied(&mut self, at: At, write: &Write) {
        let (store, partition) = at;
        self.say(|| format!("applies {} under {}", write.id, write.token));
        let told = self.next.truth.not_sent.contains(&write.id);
        self.demand(!told, &NOT_SENT, || {
            (format!("{store} applies {}", write.id), "its client was told that it was not sent".to_owned())
        });
        let record = self.log.record(partition).cloned();
        let Some((record, placed)) = record.and_then(|record| record.placed.map(|placed| (record, placed)))
        else {
            self.truth().exempt.insert(write.id);
            return;
        };
        let lost_through = self.next.truth.lost_through.get(&partition);
        let of_lost = lost_through.is_some_and(|through| write.token <= *through);
        let owns = placed.state.write_placement() == Some(store) && write.token >= placed.owned_since;
        // Until the wait has ended, writes that were admitted before may take effect.
        let waits = placed.guarantee == Guarantee::Timed
            && matches!(placed.state, PartitionState::Migrating { from, phase: Phase::Cutover, .. } if from == store)
            && placed.cutover.is_some_and(|facts| facts.watermark.is_none());
        if owns || waits {
            return;
        }
        let owed = placed.debt.is_some_and(|debt| debt.placement == store && write.token <= debt.through);
        // A copy of a life that the log has lost is emptied when the partition is opened again.
        let newest = self.next.sinks.get(&at).map(|sink| sink.fence.durable().newest());
        if of_lost && placed.state.read_placement() == store && placed.opened && newest == Some(placed.copy) {
            return;
        }
        if owed || of_lost {
            self.truth().exempt.insert(write.id);
            return;
        }
        self.demand(false, &OWNER, || {
            (format!("{store} applies {} under {}", write.id, write.token), format!("the record is {record}"))
        });
    }

    pub(super) fn flush(&mut self, at: At) -> Option<()> {
        let sink = self.next.sinks.get(&at).filter(|sink| sink.is_dirty())?;
        let _ = sink;
        let (leaving, disagrees) = self.sink(at)?.flush();
        self.agrees(disagrees.as_ref());
        self.leaves(at, leaving);
        Some(())
    }

    pub(super) fn crash(&mut self, at: At) -> Option<()> {
        self.next.sinks.get(&at)?;
        let disagrees = self.sink(at)?.crash();
        self.agrees(disagrees.as_ref());
        self.judge_kept(at.1);
        Some(())
    }

    /// A store comes back without its state. What it had is lost, by the loss.
    pub(super) fn wipe(&mut self, at: At) -> Option<()> {
        let sink = Arc::clone(self.next.sinks.get(&at)?);
        let (epoch, migration) = self.log.table().returned(at.1);
        let incarnation = sink.fence.config().incarnation.next();
        let fresh = Sink::returned(self.env.sink_config(at, incarnation)?, epoch, migration);
        self.next.sinks.insert(at, Arc::new(fresh));
        let lost = sink.data().into_iter().chain(sink.disk_data()).collect::<Vec<_>>();
        self.truth().exempt.extend(lost);
        Some(())
    }

    /// Each acknowledged write of a partition is on the disk of its owner.
    pub(super) fn judge_kept(&mut self, partition: PartitionId) {
        let Some(placed) = self.log.record(partition).and_then(|record| record.placed) else { return };
        let owner = placed.state.read_placement();
        let sink = self.next.sinks.get(&(owner, partition));
        let held = sink.map(|sink| sink.disk_data()).unwrap_or_default();
        let has = |id| held.contains(&id);
        let Some(missing) = self.next.truth.owed(partition).find(|id| !has(*id)) else { return };
        let record = self.log.record(partition).map(ToString::to_string).unwrap_or_default();
        self.demand(false, &KEPT, || {
            (
                format!("{owner} has not {missing} of {partition}"),
                format!("it was acknowledged; the record is {record}"),
            )
        });
    }

    /// The mover asks the source of a migration for the next chunk: where the target is, or from the start, as one that is late would.
    pub(super) fn export(&mut self, partition: PartitionId, onward: bool) -> Option<()> {
        let record = self.log.record(partition)?;
        let (migration, to, from) =
            (record.migration, target(record)?, record.placed?.state.read_placement());
        let sink = self.next.sinks.get(&(to, partition))?;
        // The mover runs beside the target, once that was told to pull.
        sink.pulls.filter(|(pulled, _)| *pulled == migration)?;
        let start = (Frontier::Nothing, Position::ZERO);
        let (after, position) = if onward { sink.reached()? } else { start };
        let limit = self.env.bounds.limits.chunk_items_max;
        let body = Body::Export(Export { migration, after, position, limit });
        self.send(Request { store: from, partition, body });
        Some(())
    }

    /// A store forgets its changes.
    pub(super) fn trim(&mut self, at: At) -> Option<()> {
        let through = self.next.sinks.get(&at)?.trims()?;
        let did = self.sink(at)?.handle(&Input::Trim { through }, None, None, None);
        self.mark("changes forgotten");
        self.did(at, did);
        Some(())
    }
}

/// A disagreement as two facts.
pub(super) fn told(disagrees: Option<&Disagreement>) -> (String, String) {
    disagrees.map_or_else(Default::default, |disagreement| {
        let Disagreement { machine, reference, rule } = disagreement;
        (format!("the machine: {machine}"), format!("the reference, by {rule}: {reference}"))
    })
}

const fn is_refusal(leaving: &Leaving) -> bool {
    matches!(leaving, Leaving::Reply(Reply::Refused { .. }, _))
}
