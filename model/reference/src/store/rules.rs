//! Which rules a request violates. All of them are named, so that the store may look at them in any order.

use super::memory::{Known, known};
use super::state::{Copy, Store};
use cutover::core::fence::{Body, Chunk, DropCopy, EvidenceQuery, Refusal, Request, Seal, Write};
use cutover::core::ids::{Epoch, MigrationId, Position};

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
        Body::Prepare(prepare) => no.prepare(prepare.migration),
        Body::Seal(seal) => no.seal(seal),
        Body::Evidence(query) => no.evidence(query),
        // F7
        Body::Watermark(_) => no.copy(|_, _| {}),
        Body::Drop(drop) => no.drop_copy(drop),
        // F9
        Body::Export(export) => no.copy(|no, copy| {
            let (have, asked) = (copy.watermark(), export.first);
            no.unless(asked > Position::ZERO && asked <= have, Refusal::Behind { have, asked });
        }),
        Body::Chunk(chunk) => no.chunk(chunk),
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
    let of = |copy: &Copy| known(&copy.writes, &store.settings, write.id) == Known::New;
    store.state.copy.as_ref().is_some_and(of)
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

    fn prepare(&mut self, named: MigrationId) {
        // F4
        let have = self.store.state.newest;
        self.unless(named >= have, Refusal::OlderMigration { have, named });
        if named == have {
            self.copy(|_, _| {});
        }
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
            let have = copy.watermark();
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
        let (have, limit) = (chunk.writes.len(), self.store.settings.chunk_max);
        self.unless(have <= limit, Refusal::TooLong { have: have as u64, limit: limit as u64 });
        let migration = self.store.state.newest;
        self.copy(|no, copy| {
            no.unless(!copy.finished, Refusal::Finished { migration });
            if let Some(have) = copy.source {
                let named = chunk.source;
                no.unless(have == named, Refusal::OtherSource { have, named });
            }
            let (have, first) = (copy.watermark(), chunk.first);
            no.unless(first > Position::ZERO && first <= have.next(), Refusal::Gap { have, first });
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
            let forgotten = known(&copy.writes, &settings, id) == Known::Forgotten;
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
