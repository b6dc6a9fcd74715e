//! What a request that violates no rule makes of the store.

use super::memory::{Known, Remembered};
use super::state::{Copy, Effect, Says, State, Store};
use crate::statement::{Dropped, Ended, Prepared, Reached, Receipt, Speaker};
use cutover::core::fence::{
    Body, Change, Chunk, DropCopy, End, Export, Key, Prepare, Row, Seal, Value, Write,
};
use cutover::core::ids::{MigrationId, Position};
use std::collections::BTreeMap;

/// What is done to the data, and what is said when that is durable.
pub type Made = (Vec<Effect>, Vec<Says>);

/// Makes what the request asks for. Nothing if it needs a copy, and there is none: such a request is refused.
pub fn make(store: &mut Store, body: &Body) -> Option<Made> {
    match body {
        Body::Prepare(prepare) => prepared(store, prepare),
        Body::Seal(seal) => sealed(store, seal),
        Body::Evidence(query) => {
            // F6
            let reached = reached(store, query.migration, query.epoch)?;
            says(Says::Evidence(Reached { enforces: store.settings.enforces, ..reached }))
        }
        Body::Watermark(query) => {
            // F7
            let reached = reached(store, query.migration, query.epoch)?;
            says(Says::Reading(reached, store.state.sealed_through))
        }
        Body::Drop(drop) => Some(dropped(store, drop)),
        Body::Export(export) => {
            // F9
            let (owns, settings) = (gives_as_owner(&store.state, export), store.settings);
            let copy = store.state.copy.as_mut()?;
            if owns {
                copy.finish(&settings);
            }
            says(Says::Hands(export.clone()))
        }
        Body::Chunk(chunk) => taken(store, chunk),
        Body::End(end) => ended(store, *end),
        Body::Write(write) => {
            // F11
            if let Known::Applied(position) = knows(store, write)? {
                return says(Says::Applied(write.clone(), position));
            }
            store.waiting.push(write.clone());
            says(Says::Admitted(write.clone()))
        }
        // F19
        Body::Read(read) => says(Says::Serves(read.clone())),
    }
}

/// Applies a write that was admitted, and violates no rule.
pub fn apply(store: &mut Store, write: &Write) -> Option<Made> {
    // F12
    if let Known::Applied(position) = knows(store, write)? {
        return says(Says::Applied(write.clone(), position));
    }
    let settings = store.settings;
    let copy = store.state.copy.as_mut()?;
    // F26
    if let Some(expected) = write.mutation.expects() {
        let found: Option<Value> = copy.rows.get(&expected.key).map(|row| row.value.clone());
        if found != expected.value {
            return says(Says::Differs(write.clone(), found));
        }
    }
    copy.finish(&settings);
    copy.position = copy.position.plus(settings.apart.max(1));
    let position = copy.position;
    let change = Change { position, id: write.id, effects: write.mutation.effects().clone() };
    for (key, row) in rows_of(&change) {
        sets(copy, &key, row);
    }
    copy.since.push((write.id, position));
    copy.log.push(change.clone());
    Some((vec![Effect::Append(change)], vec![Says::Applied(write.clone(), position)]))
}

/// Forgets changes.
pub fn trim(store: &mut Store, through: Position) -> Vec<Effect> {
    // F30
    let Some(copy) = &mut store.state.copy else { return Vec::new() };
    let through = through.min(copy.position);
    if through <= copy.logged_after {
        return Vec::new();
    }
    copy.logged_after = through;
    copy.log.retain(|change| change.position > through);
    vec![Effect::Trim(through)]
}

/// Whether a copy that lacks rows is asked for as all that there is.
#[must_use]
pub fn gives_as_owner(state: &State, export: &Export) -> bool {
    // F9
    state.copy.as_ref().is_some_and(|copy| copy.finished) && export.migration > state.newest
}

fn says(says: Says) -> Option<Made> {
    Some((Vec::new(), vec![says]))
}

fn knows(store: &Store, write: &Write) -> Option<Known> {
    Some(store.state.copy.as_ref()?.known(&store.settings, write.id))
}

fn speaker(store: &Store) -> Speaker {
    let settings = &store.settings;
    Speaker { store: settings.store, partition: settings.partition, incarnation: settings.incarnation }
}

/// Where the copy is.
fn reached(store: &Store, migration: MigrationId, epoch: cutover::core::ids::Epoch) -> Option<Reached> {
    let copy = store.state.copy.as_ref()?;
    let (position, digest) = (copy.position, copy.digest(&store.settings)?);
    Some(Reached { by: speaker(store), migration, epoch, position, digest, enforces: false })
}

fn prepared(store: &mut Store, prepare: &Prepare) -> Option<Made> {
    // F4
    let state = &mut store.state;
    let mut effects = Vec::new();
    if prepare.migration > state.newest {
        let kept = prepare.keep == Some(state.newest);
        state.newest = prepare.migration;
        // F3
        state.closed_through = state.closed_through.max(prepare.closed_through);
        match &mut state.copy {
            // F21
            Some(copy) if kept => copy.finished = false,
            copy => {
                effects.push(Effect::Erase);
                *copy = Some(Copy::empty(prepare.source.is_some()));
            }
        }
    }
    let (migration, closed_through) = (state.newest, state.closed_through);
    let finished = state.copy.as_ref()?.finished;
    let (by, enforces) = (speaker(store), store.settings.enforces);
    let mut said = vec![Says::Prepared(Prepared { by, migration, closed_through, enforces, finished })];
    // F22
    said.extend(prepare.source.filter(|_| !finished).map(|source| Says::Pulls(migration, source)));
    Some((effects, said))
}

fn sealed(store: &mut Store, seal: &Seal) -> Option<Made> {
    // F5
    let (by, settings) = (speaker(store), store.settings);
    let state = &mut store.state;
    if let Some(receipt) = state.receipt.filter(|receipt| receipt.migration == seal.migration) {
        return says(Says::Sealed(receipt));
    }
    let copy = state.copy.as_mut()?;
    copy.finish(&settings);
    let (migration, through, target) = (seal.migration, seal.through, seal.target);
    let (watermark, digest) = (copy.position, copy.digest(&settings)?);
    let receipt = Receipt { by, migration, through, watermark, digest, target };
    state.receipt = Some(receipt);
    // F3
    state.sealed_through = state.sealed_through.max(through);
    says(Says::Sealed(receipt))
}

fn dropped(store: &mut Store, drop: &DropCopy) -> Made {
    // F8
    let effects = if store.state.copy.take().is_some() { vec![Effect::Erase] } else { Vec::new() };
    // F3
    store.state.newest = store.state.newest.max(drop.copy);
    (effects, vec![Says::Dropped(Dropped { by: speaker(store), copy: drop.copy })])
}

fn ended(store: &mut Store, end: End) -> Option<Made> {
    // F23
    let (by, enforces, migration) = (speaker(store), store.settings.enforces, store.state.newest);
    let copy = store.state.copy.as_mut()?;
    copy.finished = true;
    let (position, complete) = (copy.position, copy.is_complete());
    says(Says::Ended(Ended { by, migration, epoch: end.epoch, position, complete, enforces }))
}

fn taken(store: &mut Store, chunk: &Chunk) -> Option<Made> {
    // F10
    let (by, newest) = (speaker(store), store.state.newest);
    let copy = store.state.copy.as_mut()?;
    // F27
    let below = |key: &Key| copy.frontier.covers(key);
    let changed = chunk.changes.iter().flat_map(rows_of).filter(|(key, _)| below(key));
    let brought = chunk.rows.iter().map(|(key, row)| (key.clone(), Some(row.clone())));
    let rows: BTreeMap<Key, Option<Row>> = changed.chain(brought).collect();
    for (key, row) in &rows {
        sets(copy, key, row.clone());
    }
    // F28
    if let Some(carried) = &chunk.applied {
        copy.carried = Remembered::read(carried)?;
        copy.since.clear();
    }
    copy.since.extend(chunk.changes.iter().map(|change| (change.id, change.position)));
    copy.source = Some(chunk.source);
    copy.frontier = chunk.through.clone();
    copy.position = chunk.position;
    // F30: its own writes are all that it logs.
    copy.logged_after = chunk.position;
    let said = Says::Taken(by, newest, copy.position, copy.is_complete());
    let effects = if rows.is_empty() { Vec::new() } else { vec![Effect::Import(rows)] };
    Some((effects, vec![said]))
}

/// The rows that a change sets, and deletes.
pub fn rows_of(change: &Change) -> Vec<(Key, Option<Row>)> {
    let position = change.position;
    let row = |value: &Option<Value>| value.clone().map(|value| Row { value, position });
    change.effects.iter().map(|cell| (cell.key.clone(), row(&cell.value))).collect()
}

fn sets(copy: &mut Copy, key: &Key, row: Option<Row>) {
    match row {
        Some(row) => copy.rows.insert(key.clone(), row),
        None => copy.rows.remove(key),
    };
}
