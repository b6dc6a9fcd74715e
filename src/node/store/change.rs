//! Writes a group of batches as one redb transaction.

use super::StoreIdentity;
use super::database::Database;
use super::error::{Place, StoreError};
use super::layout::{
    Contradiction, FORMAT, KEY_BASE, KEY_FORMAT, KEY_IDENTITY, KEY_LAST, KEY_SNAPSHOT, KEY_VOTE, LOG, META,
    Outline, SNAPSHOT, SNAPSHOT_SLOT, log_slot, meta_slot, not_below,
};
use crate::core::control_plane::ControlPlaneEntry;
use crate::core::ids::{Index, Term};
use crate::core::raft::{Batch, Durable, Entry, LogPosition, Snapshot};
use redb::{Durability, ReadableTable, Table, WriteTransaction};
use serde::Serialize;

/// Writes all batches durably, or none. Returns the outline of the new state.
pub(super) fn write(
    place: &Place,
    database: &Database,
    outline: Outline,
    batches: &[Batch<ControlPlaneEntry>],
) -> Result<Outline, StoreError> {
    commit(place, database, |transaction| {
        let mut change = Change::begin(place, transaction, outline)?;
        for batch in batches {
            change.batch(batch)?;
        }
        // A snapshot replaces the earlier one, so only the last one is written.
        let snapshot = batches.iter().rev().find_map(|batch| batch.snapshot.as_ref());
        if let Some(snapshot) = snapshot {
            put_snapshot(place, transaction, snapshot)?;
        }
        change.finish(outline)
    })
}

/// Writes the initial state of a new store. Returns its outline.
pub(super) fn found(
    place: &Place,
    database: &Database,
    identity: &StoreIdentity,
    durable: &Durable<ControlPlaneEntry>,
) -> Result<Outline, StoreError> {
    let outline = Outline::of(durable);
    let empty = Outline { last: durable.log.base(), ..outline };
    commit(place, database, |transaction| {
        put_snapshot(place, transaction, &durable.snapshot)?;
        let mut change = Change::begin(place, transaction, empty)?;
        change.put(KEY_FORMAT, &FORMAT)?;
        change.put(KEY_IDENTITY, identity)?;
        change.put(KEY_VOTE, &outline.hard_state)?;
        change.put(KEY_BASE, &outline.base)?;
        change.put(KEY_LAST, &empty.last.index)?;
        change.replace_from(outline.base.index.next(), durable.log.entries())?;
        change.finish(empty)
    })
}

/// Replaces the layout before this one, in one transaction: its number, and the snapshot. Everything else is the same in both.
pub(super) fn renew(
    place: &Place,
    database: &Database,
    durable: &Durable<ControlPlaneEntry>,
) -> Result<Outline, StoreError> {
    let outline = Outline::of(durable);
    commit(place, database, |transaction| {
        put_snapshot(place, transaction, &durable.snapshot)?;
        let mut change = Change::begin(place, transaction, outline)?;
        change.put(KEY_FORMAT, &FORMAT)?;
        change.finish(outline)
    })
}

/// Commits durably, in two phases and hence with two syncs (ADR 0020).
///
/// With one phase redb would recognise a torn commit by its checksums and fall back to the previous commit.
/// That is right for a commit that a crash interrupted. But an acknowledged commit that was damaged later
/// looks the same, and would be lost without an error. With two phases the commit that the header names was
/// on disk before the header named it: if its checksums do not verify, it is damaged, and redb reports it
/// (see `redb_header.rs`).
fn commit(
    place: &Place,
    database: &Database,
    fill: impl FnOnce(&WriteTransaction) -> Result<Outline, StoreError>,
) -> Result<Outline, StoreError> {
    let mut transaction = database.redb.begin_write().map_err(place.redb("write to"))?;
    transaction.set_durability(Durability::Immediate).map_err(place.redb("write to"))?;
    transaction.set_two_phase_commit(true);
    let outline = fill(&transaction)?;
    transaction.commit().map_err(place.redb("write to"))?;
    Ok(outline)
}

fn put_snapshot(
    place: &Place,
    transaction: &WriteTransaction,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(SNAPSHOT).map_err(place.redb("write to"))?;
    let value = SNAPSHOT_SLOT.seal(place, snapshot)?;
    table.insert(KEY_SNAPSHOT, value.as_slice()).map_err(place.redb("write to"))?;
    Ok(())
}

struct Change<'a> {
    place: &'a Place,
    meta: Table<'a, &'static str, &'static [u8]>,
    log: Table<'a, u64, &'static [u8]>,
    now: Outline,
}

impl<'a> Change<'a> {
    fn begin(place: &'a Place, transaction: &'a WriteTransaction, now: Outline) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META).map_err(place.redb("write to"))?;
        let log = transaction.open_table(LOG).map_err(place.redb("write to"))?;
        Ok(Self { place, meta, log, now })
    }

    fn refuse(&self, (what, found, expected): Contradiction) -> StoreError {
        self.place.refused(what, found, expected)
    }

    fn put(&mut self, key: &'static str, value: &impl Serialize) -> Result<(), StoreError> {
        let value = meta_slot(key).seal(self.place, value)?;
        self.meta.insert(key, value.as_slice()).map_err(self.place.redb("write to"))?;
        Ok(())
    }

    /// Applies one batch to the tables, as [`Durable::write`] applies it in memory.
    fn batch(&mut self, batch: &Batch<ControlPlaneEntry>) -> Result<(), StoreError> {
        if let Some(vote) = batch.hard_state {
            self.now.hard_state = vote;
        }
        if let Some(snapshot) = &batch.snapshot {
            self.now.snapshot = snapshot.last;
        }
        if let Some((from, entries)) = &batch.suffix {
            self.replace_from(*from, entries)?;
        }
        if let Some(base) = batch.base {
            self.rebase(base)?;
        }
        Ok(())
    }

    /// Checks that the new state can be read back, and stores the metadata that has changed.
    fn finish(mut self, before: Outline) -> Result<Outline, StoreError> {
        let now = self.now;
        now.check().map_err(|contradiction| self.refuse(contradiction))?;
        let term = self.term_at(now.snapshot.index)?;
        if term != Some(now.snapshot.term) {
            let found = term.map_or_else(|| "none".to_owned(), |term| term.to_string());
            return Err(self.refuse((
                "the log's term at the snapshot",
                found,
                now.snapshot.term.to_string(),
            )));
        }
        if now.hard_state != before.hard_state {
            self.put(KEY_VOTE, &now.hard_state)?;
        }
        if now.base != before.base {
            self.put(KEY_BASE, &now.base)?;
        }
        if now.last.index != before.last.index {
            self.put(KEY_LAST, &now.last.index)?;
        }
        Ok(now)
    }

    fn replace_from(&mut self, from: Index, entries: &[Entry<ControlPlaneEntry>]) -> Result<(), StoreError> {
        let Outline { base, last, .. } = self.now;
        if from <= base.index || from > last.index.next() {
            let expected = format_args!("{} to {}", base.index.next(), last.index.next()).to_string();
            return Err(self.refuse(("the place of new entries", from.to_string(), expected)));
        }
        let before = from.previous();
        let Some(mut term) = self.term_at(before)? else {
            return Err(self.place.corrupt("the log", format_args!("no entry at {before}"), "one"));
        };
        let mut at = before;
        for entry in entries {
            at = at.next();
            not_below(term, entry.term).map_err(|contradiction| self.refuse(contradiction))?;
            term = entry.term;
            let value = log_slot(&at.0.to_be_bytes()).seal(self.place, entry)?;
            self.log.insert(at.0, value.as_slice()).map_err(self.place.redb("write to"))?;
        }
        self.now.last = LogPosition { term, index: at };
        self.remove(at.next(), last.index)
    }

    fn rebase(&mut self, base: LogPosition) -> Result<(), StoreError> {
        let Outline { base: old, last, .. } = self.now;
        let keeps = self.term_at(base.index)? == Some(base.term);
        self.remove(old.index.next(), if keeps { base.index } else { last.index })?;
        self.now.base = base;
        if !keeps {
            self.now.last = base;
        }
        Ok(())
    }

    fn term_at(&self, index: Index) -> Result<Option<Term>, StoreError> {
        let Outline { base, last, .. } = self.now;
        if index == base.index {
            return Ok(Some(base.term));
        }
        if index == last.index {
            return Ok(Some(last.term));
        }
        let Some(value) = self.log.get(index.0).map_err(self.place.redb("read"))? else { return Ok(None) };
        let slot = index.0.to_be_bytes();
        let entry: Entry<ControlPlaneEntry> =
            log_slot(&slot).open(self.place, format_args!("entry {index}"), value.value())?;
        Ok(Some(entry.term))
    }

    /// Removes the entries from `first` to `last`, both included; none if `last` is before `first`.
    fn remove(&mut self, first: Index, last: Index) -> Result<(), StoreError> {
        if first > last {
            return Ok(());
        }
        self.log.retain_in(first.0..=last.0, |_, _| false).map_err(self.place.redb("write to"))
    }
}
