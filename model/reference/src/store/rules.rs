//! Which rules a request violates. All of them are named, so that the store may look at them in any order.

use super::made::gives_as_owner;
use super::memory::Known;
use super::size::size;
use super::state::{Copy, Store};
use cutover::core::fence::{
    Body, Chunk, ChunkFault, DropCopy, EvidenceQuery, Export, Frontier, Key, Measure, Prepare, Refusal,
    Request, Seal, Write,
};
use cutover::core::ids::{Epoch, MigrationId};

/// The rules that a request violates; none: it is to be done.
#[must_use]
pub fn violated(store: &Store, request: &Request) -> Vec<Refusal> {
    let settings = &store.settings;
    // F2
    let mut no = Violated { store, found: Vec::new() };
    // F1
    let (have, named) = (settings.store, request.store);
    no.unless(have == named, Refusal::WrongStore { have, named });
    let (have, named) = (settings.partition, request.partition);
    no.unless(have == named, Refusal::WrongPartition { have, named });
    if !no.found.is_empty() {
        return no.found;
    }
    match &request.body {
        Body::Prepare(prepare) => no.prepare(prepare),
        Body::Seal(seal) => no.seal(seal),
        Body::Evidence(query) => no.evidence(query),
        // F7
        Body::Watermark(_) => no.copy(|_, _| {}),
        Body::Drop(drop) => no.drop_copy(drop),
        Body::Export(export) => {
            let whole = gives_as_owner(&store.state, export);
            no.copy(|no, copy| no.found.extend(refuses_export(copy, export, whole)));
        }
        Body::Chunk(chunk) => no.chunk(chunk),
        Body::End(end) => {
            // F23
            no.of_copy(end.migration);
            no.copy(|_, _| {});
        }
        Body::Write(write) => {
            no.write(write);
            // F11
            let limit = settings.waiting_max;
            if is_new(store, write) && store.waiting.len() >= limit {
                no.found.push(Refusal::Busy { limit: limit as u64 });
            }
        }
        Body::Read(read) => {
            no.copy(|_, _| {});
            no.closed(read.token);
        }
    }
    no.found
}

/// The rules that an admitted write violates when it is applied.
#[must_use]
pub fn violated_by_apply(store: &Store, write: &Write) -> Vec<Refusal> {
    // F12
    let mut no = Violated { store, found: Vec::new() };
    no.write(write);
    no.found
}

fn is_new(store: &Store, write: &Write) -> bool {
    let of = |copy: &Copy| copy.known(&store.settings, write.id) == Known::New;
    store.state.copy.as_ref().is_some_and(of)
}

/// The rules that an export violates, of which there are more than that a copy is needed.
/// `whole`: the copy is all that there is.
pub(super) fn refuses_export(copy: &Copy, export: &Export, whole: bool) -> Vec<Refusal> {
    // F9
    let mut found = Vec::new();
    if !copy.is_complete() && !whole {
        found.push(Refusal::Incomplete { have: copy.frontier.clone() });
    }
    if export.after == Frontier::Nothing {
        return found;
    }
    let (have, asked, oldest) = (copy.position, export.position, copy.logged_after);
    if asked > have {
        found.push(Refusal::Behind { have, asked });
    }
    if asked < oldest {
        found.push(Refusal::Trimmed { oldest, asked });
    }
    if export.after == Frontier::Everything && asked == have {
        found.push(Refusal::NothingNew { position: have });
    }
    found
}

/// How a chunk contradicts itself, in every way.
fn faults(chunk: &Chunk) -> Vec<ChunkFault> {
    // F29
    let first = chunk.after == Frontier::Nothing;
    let mut found = Vec::new();
    if chunk.through < chunk.after || (!first && chunk.position < chunk.from) {
        found.push(ChunkFault::Backwards);
    }
    if first != chunk.applied.is_some() || (first && !chunk.changes.is_empty()) {
        found.push(ChunkFault::Ids);
    }
    let positions: Vec<_> = chunk.changes.iter().map(|change| change.position).collect();
    let inside = positions.iter().all(|position| *position > chunk.from && *position <= chunk.position);
    if !inside || !positions.is_sorted_by(|one, next| one < next) {
        found.push(ChunkFault::Changes);
    }
    let between = |key: &Key| chunk.through.covers(key) && !chunk.after.covers(key);
    let of_then = chunk.rows.iter().all(|(key, row)| between(key) && row.position <= chunk.position);
    if !of_then || !chunk.rows.is_sorted_by(|(one, _), (next, _)| one < next) {
        found.push(ChunkFault::Rows);
    }
    found
}

struct Violated<'a> {
    store: &'a Store,
    found: Vec<Refusal>,
}

impl Violated<'_> {
    fn unless(&mut self, holds: bool, refusal: Refusal) {
        if !holds {
            self.found.push(refusal);
        }
    }

    /// A copy is needed, and these are its rules.
    fn copy(&mut self, rules: impl FnOnce(&mut Self, &Copy)) {
        let store = self.store;
        match &store.state.copy {
            Some(copy) => rules(self, copy),
            None => self.found.push(Refusal::UnknownPartition { store: store.settings.store }),
        }
    }

    fn prepare(&mut self, prepare: &Prepare) {
        // F4
        let (have, named) = (self.store.state.newest, prepare.migration);
        self.unless(named >= have, Refusal::OlderMigration { have, named });
        if named == have {
            self.copy(|_, _| {});
            // F22: one that names no source only asks what is.
            self.found.extend(self.stuck(named).filter(|_| prepare.source.is_some()));
        }
    }

    /// The copy of this migration cannot go on.
    fn stuck(&self, named: MigrationId) -> Option<Refusal> {
        let of = self.store.stuck.filter(|(migration, _)| *migration == named);
        of.map(|(migration, why)| Refusal::Stuck { migration, why })
    }

    fn seal(&mut self, seal: &Seal) {
        // F5
        self.copy(|_, _| {});
        let settings = &self.store.settings;
        self.unless(settings.enforces, Refusal::CannotSeal { store: settings.store });
        let state = &self.store.state;
        let receipt = state.receipt.map(|receipt| receipt.migration);
        let have = receipt.unwrap_or(state.newest).max(state.newest);
        let named = seal.migration;
        let repeats = receipt == Some(named) && named == have;
        self.unless(named > have || repeats, Refusal::OlderMigration { have, named });
    }

    fn evidence(&mut self, query: &EvidenceQuery) {
        // F6
        self.of_copy(query.migration);
        let asked = query.at_least;
        self.copy(|no, copy| {
            let (complete, have) = (copy.is_complete(), copy.position);
            if complete && have >= asked {
                return;
            }
            // F22: it does not only lack something.
            if let Some(stuck) = no.stuck(query.migration) {
                return no.found.push(stuck);
            }
            no.unless(complete, Refusal::Incomplete { have: copy.frontier.clone() });
            no.unless(have >= asked, Refusal::Behind { have, asked });
        });
    }

    fn of_copy(&mut self, named: MigrationId) {
        let have = self.store.state.newest;
        self.unless(have == named, Refusal::OtherCopy { have, named });
    }

    fn drop_copy(&mut self, drop: &DropCopy) {
        // F8
        let state = &self.store.state;
        if state.copy.is_none() {
            return;
        }
        let (have, named) = (state.newest, drop.copy);
        self.unless(have <= named, Refusal::OtherCopy { have, named });
        if let Some(asked) = drop.sealed_through.filter(|_| self.store.settings.enforces) {
            let have = state.sealed_through;
            self.unless(have >= asked, Refusal::NotSealed { have, asked });
        }
    }

    fn chunk(&mut self, chunk: &Chunk) {
        // F10
        self.of_copy(chunk.migration);
        let (settings, size) = (self.store.settings, size(&chunk.changes, &chunk.rows));
        let alone = chunk.changes.len() + chunk.rows.len() <= 1;
        let measured = [
            (Measure::Items, size.items, settings.chunk_items),
            (Measure::Bytes, size.bytes, settings.chunk_bytes),
        ];
        for (what, have, limit) in measured {
            let too_long = Refusal::TooLong { what, have: have as u64, limit: limit as u64 };
            self.unless(alone || have <= limit, too_long);
        }
        self.found.extend(faults(chunk).into_iter().map(Refusal::Malformed));
        let migration = self.store.state.newest;
        self.copy(|no, copy| {
            no.unless(!copy.finished, Refusal::Finished { migration });
            if let Some(have) = copy.source {
                let named = chunk.source;
                no.unless(have == named, Refusal::OtherSource { have, named });
            }
            let (have, at) = (copy.frontier.clone(), copy.position);
            let fits = have == chunk.after && (have == Frontier::Nothing || at == chunk.from);
            let (after, from) = (chunk.after.clone(), chunk.from);
            no.unless(fits, Refusal::Elsewhere { have, at, after, from });
        });
    }

    fn write(&mut self, write: &Write) {
        // F11, F12
        self.closed(write.token);
        let (through, token) = (self.store.state.sealed_through, write.token);
        let settings = self.store.settings;
        if settings.enforces {
            self.unless(token > through, Refusal::Sealed { through, token });
        }
        let id = write.id;
        self.copy(|no, copy| {
            let forgotten = copy.known(&settings, id) == Known::Forgotten;
            no.unless(!forgotten, Refusal::Forgotten { id });
        });
    }

    fn closed(&mut self, token: Epoch) {
        // F19, F20
        let through = self.store.state.closed_through;
        if self.store.settings.enforces {
            self.unless(token > through, Refusal::Closed { through, token });
        }
    }
}
