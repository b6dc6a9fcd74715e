//! What the tests of the checker have in common.

use cutover_model::env::migration::{Action, World};
use cutover_model::scopes::{self, Scope};
use cutover_model::search::{Found, Order, Searched, Watcher, all_invariants};
use std::sync::Arc;

/// The scope of that name.
pub fn scope(name: &str) -> Scope {
    let found = scopes::all().into_iter().find(|scope| scope.name == name);
    found.unwrap_or_else(|| panic!("no scope {name}"))
}

/// Searches a scope without a limit for whatever breaks in it, or for what is expected to.
pub fn search(scope: &Scope, order: Order) -> (Arc<World>, Found<Action>) {
    let world = Arc::new(World::new(scope.clone()));
    let watch = scope.expect.map_or_else(all_invariants, cutover::core::invariant::Id::bit);
    let searched = Searched { world: Arc::clone(&world), watch };
    let interrupted = || false;
    let mut watcher = Watcher { until: None, memory: None, interrupted: &interrupted, progress: &mut |_| {} };
    let found = searched.run(order, &mut watcher);
    (world, found)
}
