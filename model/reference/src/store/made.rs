//! What a request that violates no rule makes of the store.

use super::memory::{Known, known};
use super::state::{Copy, Effect, Says, Store};
use crate::statement::{Dropped, Prepared, Reached, Receipt, Speaker};
use cutover::core::fence::{Body, Chunk, DropCopy, Export, Prepare, Seal, Write};
use cutover::core::ids::Position;

/// What is done to the data, and what is said when that is durable.
pub type Made = (Vec<Effect>, Says);

/// Makes what the request asks for. Nothing if it needs a copy, and there is none: such a request is refused.
pub fn make(store: &mut Store, body: &Body) -> Option<Made> {
    match body {
        Body::Prepare(prepare) => Some(prepared(store, prepare)),
        Body::Seal(seal) => sealed(store, seal),
        Body::Evidence(query) => {
            // F6
            let (by, enforces) = (speaker(store), store.settings.enforces);
            let (migration, epoch) = (query.migration, query.epoch);
            let position = store.state.copy.as_ref()?.watermark();
            says(Says::Evidence(Reached { by, migration, epoch, position, enforces }))
        }
        Body::Watermark(query) => {
            // F7
            let (migration, epoch) = (query.migration, query.epoch);
            let position = store.state.copy.as_ref()?.watermark();
            let reached = Reached { by: speaker(store), migration, epoch, position, enforces: false };
            says(Says::Reading(reached, store.state.sealed_through))
        }
        Body::Drop(drop) => Some(dropped(store, drop)),
        Body::Export(export) => handed(store, export),
        Body::Chunk(chunk) => taken(store, chunk),
        Body::Write(write) => {
            // F11
            if let Known::Applied(position) = knows(store, write)? {
                return says(Says::Applied(*write, position));
            }
            store.waiting.push(*write);
            says(Says::Admitted(*write))
        }
        // F19
        Body::Read(read) => says(Says::Serves(*read)),
    }
}

/// Applies a write that was admitted, and violates no rule.
pub fn apply(store: &mut Store, write: &Write) -> Option<Made> {
    // F12
    if let Known::Applied(position) = knows(store, write)? {
        return says(Says::Applied(*write, position));
    }
    let copy = store.state.copy.as_mut()?;
    copy.writes.push(write.id);
    copy.finished = true;
    let position = copy.watermark();
    Some((vec![Effect::Append(position, write.id)], Says::Applied(*write, position)))
}

fn says(says: Says) -> Option<Made> {
    Some((Vec::new(), says))
}

fn knows(store: &Store, write: &Write) -> Option<Known> {
    Some(known(&store.state.copy.as_ref()?.writes, &store.settings, write.id))
}

fn speaker(store: &Store) -> Speaker {
    let settings = &store.settings;
    Speaker { store: settings.store, partition: settings.partition, incarnation: settings.incarnation }
}

fn prepared(store: &mut Store, prepare: &Prepare) -> Made {
    // F4
    let state = &mut store.state;
    let mut effects = Vec::new();
    if prepare.migration > state.newest {
        effects.push(Effect::Erase);
        state.newest = prepare.migration;
        // F3
        state.closed_through = state.closed_through.max(prepare.closed_through);
        state.copy = Some(Copy { writes: Vec::new(), finished: false, source: None });
    }
    let (migration, closed_through) = (state.newest, state.closed_through);
    let (by, enforces) = (speaker(store), store.settings.enforces);
    (effects, Says::Prepared(Prepared { by, migration, closed_through, enforces }))
}

fn sealed(store: &mut Store, seal: &Seal) -> Option<Made> {
    // F5
    let by = speaker(store);
    let state = &mut store.state;
    if let Some(receipt) = state.receipt.filter(|receipt| receipt.migration == seal.migration) {
        return says(Says::Sealed(receipt));
    }
    let copy = state.copy.as_mut()?;
    copy.finished = true;
    let (migration, through, target) = (seal.migration, seal.through, seal.target);
    let receipt = Receipt { by, migration, through, watermark: copy.watermark(), target };
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
    (effects, Says::Dropped(Dropped { by: speaker(store), copy: drop.copy }))
}

fn handed(store: &Store, export: &Export) -> Option<Made> {
    // F9
    let count = export.count.min(store.settings.chunk_max as u64).max(1);
    let end = store.state.copy.as_ref()?.watermark();
    let last = Position(export.first.0.saturating_add(count - 1)).min(end);
    says(Says::Hands(export.migration, export.first, last))
}

fn taken(store: &mut Store, chunk: &Chunk) -> Option<Made> {
    // F10
    let by = speaker(store);
    let copy = store.state.copy.as_mut()?;
    copy.source = Some(chunk.source);
    let next = copy.watermark().next();
    let lacking: Vec<_> =
        chunk.writes.iter().zip(chunk.first.0..).filter(|(_, at)| *at >= next.0).map(|(id, _)| *id).collect();
    copy.writes.extend(&lacking);
    let position = copy.watermark();
    let effects = if lacking.is_empty() { Vec::new() } else { vec![Effect::Import(next, lacking)] };
    Some((effects, Says::Taken(by, store.state.newest, position)))
}
