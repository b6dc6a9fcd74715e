//! The next event of a controller: an answer, a timer, a look; from the world, from before, or made up.

use super::world::{PARTITION, STORES, World};
use cutover::core::fence::{
    Body, CatchUpEvidence, ChunkFault, Claim, Digest, DropCopy, Dropped, Ended, EvidenceQuery, Frontier,
    Measure, Prepare, Prepared, Refusal, Reply, Request, RowsDigest, Seal, SealReceipt, StatementOrigin,
    Stuck, WatermarkQuery, WatermarkReading,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use cutover::core::migration::{Event, PartitionRecord, Timer};
use cutover::core::placement::PartitionState;

/// What the record's answers would name.
struct Around {
    from: Placement,
    to: Placement,
    migration: MigrationId,
    epoch: Epoch,
    position: Position,
    digest: Digest,
    target: Incarnation,
}

impl World {
    pub fn any_event(&mut self, hand: usize, record: &PartitionRecord) -> Event {
        if self.dice.percent(self.made_up) {
            let refused = self.dice.percent(60);
            return Event::Replied(if refused {
                self.any_refusal(record)
            } else {
                self.any_statement(record)
            });
        }
        match self.dice.below(100) {
            0..22 => Event::Observed,
            22..30 => Event::TimerFired(Timer::Retry),
            30..42 => {
                let mut timers = self.hands[hand].timers.clone();
                if self.dice.percent(70) {
                    timers.retain(|timer| matches!(timer, Timer::Retry | Timer::Barrier { .. }));
                }
                let running = !timers.is_empty() && self.dice.percent(96);
                Event::TimerFired(if running { self.dice.one_of(&timers) } else { self.any_timer(record) })
            }
            _ => match self.newest(self.replies.len()) {
                Some(at) => Event::Replied(self.replies[at].clone()),
                None => Event::Observed,
            },
        }
    }

    fn any_timer(&mut self, record: &PartitionRecord) -> Timer {
        let migration = MigrationId(self.dice.near(record.migration.0));
        let epoch = Epoch(self.dice.near(record.epoch.0));
        self.dice.one_of(&[
            Timer::BlockedBudget { migration },
            Timer::Overdue { migration },
            Timer::Barrier { migration, epoch },
        ])
    }

    fn around(&mut self, record: &PartitionRecord) -> Around {
        let (from, to) = match record.placed.map(|placed| placed.state) {
            Some(PartitionState::Migrating { from, to, .. }) => (from, to),
            Some(PartitionState::Active(at)) => (at, at),
            None => (STORES[0], STORES[1]),
        };
        let debt = record.placed.and_then(|placed| placed.debt).filter(|_| self.dice.percent(25));
        let facts = record.placed.and_then(|placed| placed.cutover);
        let draining = record.draining_epoch().unwrap_or(record.epoch);
        let epoch = if self.dice.percent(20) { draining } else { record.epoch };
        let watermark = facts.and_then(|facts| facts.watermark).unwrap_or(Position(3));
        Around {
            from: debt.map_or(from, |debt| debt.placement),
            to: debt.map_or(to, |debt| debt.placement),
            migration: MigrationId(self.dice.near(debt.map_or(record.migration, |debt| debt.migration).0)),
            epoch: Epoch(self.dice.near(debt.map_or(epoch, |debt| debt.through).0)),
            position: Position(self.dice.near(watermark.0)),
            digest: self.digest(facts.and_then(|facts| facts.digest)),
            target: facts.map_or(Incarnation(1 + self.dice.below(3)), |facts| facts.target),
        }
    }

    /// Mostly that of the record.
    fn digest(&mut self, of: Option<Digest>) -> Digest {
        let digest = of.unwrap_or(Digest { rows: RowsDigest::EMPTY, ids: 0 });
        if self.dice.percent(75) { digest } else { Digest { ids: digest.ids ^ 1, ..digest } }
    }

    /// A store's statement that no store has made.
    fn any_statement(&mut self, record: &PartitionRecord) -> Reply {
        let Around { from, to, migration, epoch, position, digest, target } = self.around(record);
        let kind = self.dice.below(6);
        let at = if kind < 3 { to } else { from };
        let store = if self.dice.percent(85) { at } else { self.dice.one_of(&STORES) };
        let incarnation = if self.dice.percent(85) { target } else { target.next() };
        let origin = StatementOrigin { store, partition: PARTITION, incarnation };
        let enforces = self.dice.percent(75);
        match kind {
            0 => {
                let finished = self.dice.percent(20);
                let prepared = Prepared::reported(origin, migration, epoch, enforces, finished);
                Reply::Prepared(*Claim::from(prepared))
            }
            1 => {
                let evidence =
                    CatchUpEvidence::reported(origin, migration, epoch, position, digest, enforces);
                Reply::Evidence(*Claim::from(evidence))
            }
            2 => {
                let complete = self.dice.percent(50);
                let ended = Ended::reported(origin, migration, epoch, position, complete, enforces);
                Reply::Ended(*Claim::from(ended))
            }
            3 => {
                let receipt = SealReceipt::reported(origin, migration, epoch, position, digest, target);
                Reply::Sealed(*Claim::from(receipt))
            }
            4 => {
                let reading =
                    WatermarkReading::reported(origin, migration, epoch, position, digest, Epoch::ZERO);
                Reply::Watermark(*Claim::from(reading))
            }
            _ => {
                let copies: Vec<_> = record.old_copies.iter().map(|old| (old.placement, old.copy)).collect();
                let debt = record.placed.and_then(|placed| placed.debt);
                let owed = debt.map(|debt| (debt.placement, debt.copy));
                let known: Vec<_> = copies.into_iter().chain(owed).collect();
                let (store, copy) =
                    if known.is_empty() { (store, migration) } else { self.dice.one_of(&known) };
                let copy = MigrationId(self.dice.near(copy.0));
                Reply::Dropped(*Claim::from(Dropped::reported(StatementOrigin { store, ..origin }, copy)))
            }
        }
    }

    /// A refusal, in any way, of something that a controller might have asked.
    fn any_refusal(&mut self, record: &PartitionRecord) -> Reply {
        let request = match self.newest(self.requests.len()) {
            Some(at) if self.dice.percent(50) => self.requests[at].clone(),
            Some(_) | None => self.any_request(record),
        };
        let refusal = self.any_reason(&request);
        Reply::Refused { request, refusal }
    }

    fn any_request(&mut self, record: &PartitionRecord) -> Request {
        let Around { from, to, migration, epoch, position, target, .. } = self.around(record);
        let (at, body) = match self.dice.below(6) {
            0 => {
                let (closed_through, source) = (epoch, Some(from));
                (to, Body::Prepare(Prepare { migration, closed_through, source, keep: None }))
            }
            1 | 2 => (from, Body::Seal(Seal { migration, through: epoch, target })),
            3 => (to, Body::Evidence(EvidenceQuery { migration, epoch, at_least: position })),
            4 => (from, Body::Watermark(WatermarkQuery { migration, epoch })),
            _ => (from, Body::Drop(DropCopy { copy: migration, sealed_through: Some(epoch) })),
        };
        let store = if self.dice.percent(90) { at } else { self.dice.one_of(&STORES) };
        Request { store, partition: PARTITION, body }
    }

    fn any_reason(&mut self, request: &Request) -> Refusal {
        let (store, partition) = (request.store, request.partition);
        let named = request.body.migration().unwrap_or(MigrationId(1));
        let have = MigrationId(named.0.saturating_add(1).saturating_sub(self.dice.below(3)));
        let (through, token) = (Epoch(3), Epoch(2));
        let id = WriteId { session: SessionId(1), serial: Serial(1) };
        let at = Position(1);
        let (old, new) = (Incarnation(1), Incarnation(2));
        let why = self.dice.one_of(&[Stuck::Trimmed, Stuck::OtherSource, Stuck::NoSource]);
        let some = Frontier::Nothing;
        let reasons = [
            Refusal::WrongStore { have: Placement(9), named: store },
            Refusal::WrongPartition { have: PartitionId(9), named: partition },
            Refusal::UnknownPartition { store },
            Refusal::UnknownPartition { store },
            Refusal::OlderMigration { have: named.next(), named },
            Refusal::OlderMigration { have: named.next(), named },
            Refusal::OtherCopy { have, named },
            Refusal::OtherCopy { have, named },
            Refusal::OtherSource { have: old, named: new },
            Refusal::Sealed { through, token },
            Refusal::Closed { through, token },
            Refusal::Elsewhere { have: some.clone(), at, after: Frontier::Everything, from: Position(3) },
            Refusal::Malformed(ChunkFault::Rows),
            Refusal::Incomplete { have: some },
            Refusal::Trimmed { oldest: Position(3), asked: at },
            Refusal::Stuck { migration: named, why },
            Refusal::NothingNew { position: at },
            Refusal::Differs { found: None },
            Refusal::Finished { migration: named },
            Refusal::TooLong { what: Measure::Items, have: 9, limit: 8 },
            Refusal::Behind { have: at, asked: Position(3) },
            Refusal::NotSealed { have: token, asked: through },
            Refusal::CannotSeal { store },
            Refusal::Forgotten { id },
            Refusal::Busy { limit: 1 },
            Refusal::Halted { store },
        ];
        let at = self.dice.below(reasons.len() as u64);
        reasons[usize::try_from(at).expect("it is an index")].clone()
    }
}
