//! Three stores, clients that write to them, and the pulls of copies.

use super::world::{PARTITION, World, index};
use cutover::core::fence::{
    Body, Chunk, Config, Contents, Export, Fence, Frontier, Input, Key, Mutation, Output as Does, Refusal,
    Reply, Request, Source, Stuck, Value, Write,
};
use cutover::core::ids::{Placement, Position, Serial, SessionId, WriteId};
use cutover::core::migration::PartitionRecord;
use cutover::core::placement::PartitionState;

/// A store, and what it has of the partition.
pub struct Store {
    pub fence: Fence,
    contents: Contents,
}

impl Store {
    pub fn of(fence: Fence) -> Self {
        Self { fence, contents: Contents::default() }
    }

    pub fn handle(&mut self, input: &Input) -> Vec<Does> {
        let outputs = self.fence.handle(input, self.contents.rows());
        outputs.iter().for_each(|output| self.contents.perform(output));
        outputs
    }

    fn cut(&self, export: &Export) -> Option<Chunk> {
        let Config { store, incarnation, limits, .. } = *self.fence.config();
        let source = Source { store, incarnation, durable: self.fence.durable(), limits };
        Chunk::cut(source, export, &self.contents).ok()
    }
}

impl World {
    /// A client writes, the source makes room, or the mover brings what the target lacks.
    pub fn traffic(&mut self) {
        let Some(record) = self.record() else { return };
        let Some(placed) = record.placed else { return };
        let PartitionState::Migrating { from, to, .. } = placed.state else {
            return self.writes(placed.state.read_placement(), &record);
        };
        match self.dice.below(100) {
            0..30 => self.writes(from, &record),
            30..34 => {
                let through = self.end(from);
                self.fences[index(from)].handle(&Input::Trim { through });
            }
            _ => {
                for _ in 0..=self.dice.below(3) {
                    self.moves((from, to), &record);
                }
            }
        }
    }

    fn writes(&mut self, store: Placement, record: &PartitionRecord) {
        self.writes += 1;
        let id = WriteId { session: SessionId(1), serial: Serial(self.writes) };
        let key = self.dice.one_of(&["a", "b", "c"]);
        let key = Key::try_from(key.as_bytes()).expect("it is short");
        let value = Value::try_from(self.writes.to_string().as_bytes()).expect("it is short");
        let write = Body::Write(Write { id, token: record.epoch, mutation: Mutation::put(key, value) });
        self.ask(store, Request { store, partition: PARTITION, body: write });
    }

    /// One part of the copy; now and then a row of it is lost. A pull that cannot go on says why.
    fn moves(&mut self, (from, to): (Placement, Placement), record: &PartitionRecord) {
        let migration = record.migration;
        let target = self.fences[index(to)].fence.durable();
        let copy = target.copy().filter(|_| target.newest() == migration);
        let at = copy.map(|copy| (copy.frontier().clone(), copy.position()));
        // A mover that knows nothing of the target begins anyhow.
        let Some((after, position)) =
            at.or_else(|| self.dice.percent(15).then_some((Frontier::Nothing, Position::ZERO)))
        else {
            return;
        };
        let export = Body::Export(Export { migration, after, position, limit: 2 });
        let handed = self.ask(from, Request { store: from, partition: PARTITION, body: export });
        let cut = handed.iter().find_map(|output| {
            let Does::Hand(export) = output else { return None };
            self.fences[index(from)].cut(export)
        });
        let Some(mut chunk) = cut else { return self.is_stuck(to, record, &handed) };
        if self.dice.percent(2) {
            chunk.rows.pop();
        }
        let taken = self.ask(to, Request { store: to, partition: PARTITION, body: Body::Chunk(chunk) });
        self.is_stuck(to, record, &taken);
    }

    fn is_stuck(&mut self, target: Placement, record: &PartitionRecord, said: &[Does]) {
        let refusal = said.iter().find_map(|output| {
            let Reply::Refused { refusal, .. } = output.reply()? else { return None };
            Some(refusal)
        });
        let why = refusal.and_then(|refusal| {
            if matches!(refusal, Refusal::Trimmed { .. }) {
                return Some(Stuck::Trimmed);
            }
            if matches!(refusal, Refusal::OtherSource { .. }) {
                return Some(Stuck::OtherSource);
            }
            matches!(refusal, Refusal::UnknownPartition { .. }).then_some(Stuck::NoSource)
        });
        if let Some(why) = why {
            let migration = record.migration;
            self.fences[index(target)].handle(&Input::Stuck { migration, why });
        }
    }
}
