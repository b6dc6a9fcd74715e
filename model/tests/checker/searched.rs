//! Searches for the other tests.

use cutover_model::protocol::{Catalog, Protocol, Scope, invariant_named};
use cutover_model::search::{Found, Order, Searched, Watcher};
use std::sync::Arc;

/// A complete search.
pub struct Search<P: Protocol> {
    /// The protocol within its bounds.
    pub protocol: Arc<P>,
    /// The result of the search.
    pub found: Found<P::Action>,
    /// The marks that the scope requires and the search did not reach.
    pub missing: Vec<&'static str>,
}

/// The scope with this name.
pub fn scope<P: Catalog>(name: &str) -> Scope<P::Bounds> {
    let found = P::scopes().into_iter().find(|scope| scope.name == name);
    found.unwrap_or_else(|| panic!("no scope {name}"))
}

/// Searches a scope without limits, until the expected invariant is violated, or any if none is expected.
pub fn search<P: Catalog>(scope: &Scope<P::Bounds>, order: Order) -> Search<P> {
    let protocol = Arc::new(P::new(&scope.bounds));
    let expected = scope.expect.and_then(invariant_named::<P>);
    let watch = expected.map_or_else(|| scope.judged(u64::MAX), |number| 1 << number);
    let searched = Searched::new(Arc::clone(&protocol), watch);
    let mut watcher = Watcher { until: None, memory: None, interrupted: &|| false, progress: &mut |_| {} };
    let found = searched.run(order, &mut watcher);
    let mut missing = scope.reaches.clone();
    missing.retain(|mark| !searched.reached().contains(mark));
    Search { protocol, found, missing }
}
