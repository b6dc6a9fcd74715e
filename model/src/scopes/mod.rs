//! The scopes of this project's five environments, with a file for each family of names.
//!
//! Scopes around sinks do not bound messages: a message stays deliverable for ever, in any order, any number of
//! times (ADR 0009). Losing a message is the same as never delivering it.
//!
//! May import: `core`, `cutover_model::protocol`, `cutover_model::env`.

mod composed;
mod consensus;
mod histories;
mod members;
mod migration;
mod migration_timed;
mod nightly;
mod published;
mod regress;
mod walk;

use crate::env::composed::{Composed, ComposedBounds};
use crate::env::consensus::{Consensus, ConsensusBounds};
use crate::env::histories::{Histories, HistoriesBounds};
use crate::env::migration::{Migration, MigrationBounds};
use crate::env::system::{System, SystemBounds};
use crate::protocol::{Catalog, Scope};

impl Catalog for Migration {
    fn scopes() -> Vec<Scope<MigrationBounds>> {
        let pr = migration::all().into_iter().chain(migration_timed::all());
        pr.chain(published::all()).chain(nightly::migration()).chain(regress::migration()).collect()
    }
}

impl Catalog for Consensus {
    fn scopes() -> Vec<Scope<ConsensusBounds>> {
        let pr = consensus::logs().into_iter().chain(members::all()).chain(consensus::clients());
        let searched = pr.chain(nightly::consensus()).chain(regress::consensus());
        searched.chain(walk::nodes()).collect()
    }
}

impl Catalog for Composed {
    fn scopes() -> Vec<Scope<ComposedBounds>> {
        composed::all().into_iter().chain(nightly::composed()).collect()
    }
}

impl Catalog for Histories {
    fn scopes() -> Vec<Scope<HistoriesBounds>> {
        histories::all()
    }
}

impl Catalog for System {
    fn scopes() -> Vec<Scope<SystemBounds>> {
        walk::system()
    }
}
