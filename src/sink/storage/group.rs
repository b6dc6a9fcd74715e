//! One group of inputs, in one transaction.

use super::tables::Tables;
use super::{Disk, Effect, Partition, Storage, StorageError};
use crate::core::fence::{Cell, Chunk, CutError, Export, Input, Output, Rows, Source};
use crate::core::ids::{PartitionId, Position};
use crate::node::store::StoreError;
use crate::node::store::database::{Database, guarded};
use crate::node::store::error::Place;
use redb::Durability;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl Storage {
    pub(super) fn group(
        &mut self,
        inputs: &[(PartitionId, Input)],
    ) -> Result<Vec<Vec<Effect>>, StorageError> {
        for (partition, _) in inputs {
            if !self.partitions.contains_key(partition) {
                let fence = self.beginning.fence(self.config(*partition));
                let began = Some(fence.clone());
                let new = Partition { fence, began, outline: Vec::new(), sessions: BTreeMap::new() };
                self.partitions.insert(*partition, new);
            }
        }
        let database = match &self.disk {
            Disk::Open(database) => database,
            Disk::Failed(error) => return Err(error.clone()),
        };
        let (place, partitions) = (&self.place, &mut self.partitions);
        let effects = guarded(place, || commit(place, database, partitions, inputs))?;
        // Whoever asks about partitions that were never here makes the store remember nothing.
        self.partitions.retain(|_, known| known.began.as_ref() != Some(&known.fence));
        Ok(effects)
    }
}

/// Commits durably, in two phases and hence with two syncs (ADR 0020). A group that changes nothing, of reads say, commits nothing: all that
/// it saw is durable.
fn commit(
    place: &Place,
    database: &Database,
    partitions: &mut BTreeMap<PartitionId, Partition>,
    inputs: &[(PartitionId, Input)],
) -> Result<Vec<Vec<Effect>>, StoreError> {
    let mut transaction = database.redb.begin_write().map_err(place.redb("write to"))?;
    transaction.set_durability(Durability::Immediate).map_err(place.redb("write to"))?;
    transaction.set_two_phase_commit(true);
    let mut tables = Tables::of(place, &transaction)?;
    let mut effects = Vec::with_capacity(inputs.len());
    for (id, input) in inputs {
        let of_input = match partitions.get_mut(id) {
            Some(partition) => handle(&mut tables, *id, partition, input)?,
            None => Vec::new(),
        };
        effects.push(of_input);
    }
    let touched: BTreeSet<PartitionId> = inputs.iter().map(|(id, _)| *id).collect();
    for id in touched {
        if let Some(partition) = partitions.get_mut(&id) {
            keep(&mut tables, id, partition)?;
        }
    }
    let changed = tables.changed;
    drop(tables);
    if changed {
        transaction.commit().map_err(place.redb("write to"))?;
    } else {
        transaction.abort().map_err(place.redb("read"))?;
    }
    Ok(effects)
}

/// Hands an input to the partition's machine, and performs what it asks for.
fn handle(
    tables: &mut Tables<'_>,
    id: PartitionId,
    partition: &mut Partition,
    input: &Input,
) -> Result<Vec<Effect>, StoreError> {
    let mut effects = Vec::new();
    let mut waiting = VecDeque::from([input.clone()]);
    while let Some(input) = waiting.pop_front() {
        let mut rows = Rows::new();
        for key in input.keys() {
            if let Some(row) = tables.row(id, key)? {
                rows.insert(key.clone(), row);
            }
        }
        for output in partition.fence.handle(&input, &rows) {
            match output {
                Output::Append(change) => {
                    for Cell { key, value } in change.effects.iter() {
                        let position = change.position;
                        let row = value.clone().map(|value| crate::core::fence::Row { value, position });
                        tables.set(id, key, row.as_ref())?;
                    }
                    tables.log(id, &change)?;
                }
                Output::Import { rows } => {
                    for (key, row) in &rows {
                        tables.set(id, key, row.as_ref())?;
                    }
                }
                Output::Trim { through } => tables.trim(id, through)?,
                Output::Erase => {
                    tables.erase(id)?;
                    // A new copy counts its positions again: what is said of a session then may be said in the same words.
                    partition.sessions.clear();
                }
                // All of the group is durable before any effect of it is returned.
                Output::Persist => {}
                Output::Admitted(write) => waiting.push_back(Input::Apply(write)),
                Output::Serve(read) => {
                    let row = tables.row(id, &read.key)?;
                    let position =
                        partition.fence.durable().copy().map_or(Position::ZERO, |copy| copy.position());
                    effects.push(Effect::Value { read, row, position });
                }
                Output::Hand(export) => effects.push(cut(tables, id, partition, export)?),
                Output::Pull { migration, source } => effects.push(Effect::Pull { migration, source }),
                Output::Reply(reply) => effects.push(Effect::Reply(reply)),
                Output::Halt(halt) => effects.push(Effect::Halt(halt)),
            }
        }
    }
    Ok(effects)
}

fn cut(
    tables: &Tables<'_>,
    id: PartitionId,
    partition: &Partition,
    export: Export,
) -> Result<Effect, StoreError> {
    let config = partition.fence.config();
    let (store, incarnation, limits) = (config.store, config.incarnation, config.limits);
    let source = Source { store, incarnation, durable: partition.fence.durable(), limits };
    let chunk = match Chunk::cut(source, &export, &tables.view(id)) {
        Ok(chunk) => Ok(chunk),
        Err(CutError::Refused(refusal)) => Err(refusal),
        Err(CutError::Failed(error)) => return Err(error),
    };
    Ok(Effect::Chunk { export, chunk })
}

/// Writes what the machine of a partition has changed in its durable state.
fn keep(tables: &mut Tables<'_>, id: PartitionId, partition: &mut Partition) -> Result<(), StoreError> {
    let durable = partition.fence.durable();
    if partition.began.as_ref().is_some_and(|began| began.durable() == durable) {
        return Ok(());
    }
    partition.began = None;
    let outline = tables.sealed_fence(id, &durable.outline())?;
    if outline != partition.outline {
        tables.put_fence(id, &outline)?;
        partition.outline = outline;
    }
    let mut sessions = BTreeMap::new();
    for (session, window) in durable.copy().into_iter().flat_map(|copy| copy.applied().sessions()) {
        let stamp = window.stamp();
        if partition.sessions.get(&session) != Some(&stamp) {
            tables.put_session(id, session.0, window)?;
        }
        sessions.insert(session, stamp);
    }
    for gone in partition.sessions.keys().filter(|session| !sessions.contains_key(session)) {
        tables.remove_session(id, gone.0)?;
    }
    partition.sessions = sessions;
    Ok(())
}
