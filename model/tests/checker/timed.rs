//! The bound for the wait is tight: with it all invariants hold, and one tick below it one is violated.

use super::searched::{Search, scope, search};
use cutover_model::env::Migration;
use cutover_model::env::migration::MigrationBounds;
use cutover_model::protocol::Scope;
use cutover_model::search::Order;

const DEPTH_FIRST: Order = Order::DepthFirst { threads: 2, symmetry: true };

/// A scope with one gateway and one controller, which suffice.
fn wait() -> Scope<MigrationBounds> {
    let mut wait = scope::<Migration>("migration-timed/wait").reaching::<&str>([]);
    wait.bounds = MigrationBounds { gateways: 1, controllers: 1, ..wait.bounds };
    wait
}

/// Length of a run that violates an invariant; `None` if there is none.
fn breaks(scope: &Scope<MigrationBounds>, order: Order) -> Option<usize> {
    let Search { found, .. } = search::<Migration>(scope, order);
    assert_eq!(found.covered.ended_by, None, "{found:?}");
    assert_eq!(found.covered.complete, found.witness.is_none(), "{found:?}");
    found.witness.map(|actions| actions.len())
}

fn with(scope: &Scope<MigrationBounds>, name: &str, value: &str) -> Scope<MigrationBounds> {
    let mut scope = scope.clone();
    if let Err(error) = scope.set_option(name, value) {
        panic!("{error}");
    }
    scope
}

#[test]
fn the_derived_wait_is_long_enough_and_one_tick_less_is_not() {
    let wait = wait();
    let derived = wait.bounds.policy.barrier_ms();
    assert_eq!(
        derived, 4,
        "D is 2 ticks, a clock may run half as fast again, and a tick is what it can tell"
    );
    assert_eq!(breaks(&wait, DEPTH_FIRST), None);
    assert_eq!(breaks(&with(&wait, "barrier", &derived.to_string()), DEPTH_FIRST), None);
    let short = with(&wait, "barrier", &(derived - 1).to_string());
    assert!(breaks(&short, Order::BreadthFirst).is_some());
}

#[test]
fn no_wait_is_long_enough_for_pauses_without_a_bound() {
    let unbounded = with(&wait(), "pauses", "unbounded");
    assert!(breaks(&unbounded, Order::BreadthFirst).is_some());
    let patient = with(&unbounded, "barrier", "7");
    assert!(breaks(&patient, Order::BreadthFirst).is_some());
}
