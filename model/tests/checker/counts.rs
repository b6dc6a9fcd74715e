//! Pinned numbers of states: equal in every run, with any number of threads, in either order.
//!
//! A changed number shows a change of an environment, of the machines, or of the equality of states. It is updated
//! in review, with a reason.

use super::searched::{Search, scope, search};
use cutover_model::env::Migration;
use cutover_model::env::migration::MigrationBounds;
use cutover_model::protocol::Scope;
use cutover_model::search::Order;

/// Searches completely, and returns the number of unique states.
fn states(scope: &Scope<MigrationBounds>, order: Order) -> u64 {
    let Search { found, missing, .. } = search::<Migration>(scope, order);
    let covered = found.covered;
    assert!(covered.complete && covered.ended_by.is_none(), "{}: {covered:?}", scope.name);
    assert!(found.witness.is_none(), "{}: something broke", scope.name);
    assert!(covered.generated >= covered.unique, "{}: {covered:?}", scope.name);
    assert!(missing.is_empty(), "{} never reached: {missing:?}", scope.name);
    covered.unique
}

const fn depth_first(threads: usize, symmetry: bool) -> Order {
    Order::DepthFirst { threads, symmetry }
}

#[test]
fn one_gateway_has_no_mirror_image() {
    for (name, pinned) in [("migration/life", 18_083), ("migration/admission-back", 94_652)] {
        let scope = scope::<Migration>(name);
        for order in [
            depth_first(1, true),
            depth_first(2, true),
            depth_first(1, false),
            depth_first(2, false),
            Order::BreadthFirst,
        ] {
            assert_eq!(states(&scope, order), pinned, "{name}, {order:?}");
        }
    }
}

/// `nightly/moves` with fewer migrations and one attempt at each write: small enough to be searched without
/// symmetry, too.
#[test]
fn two_gateways_are_told_apart_only_without_symmetry() {
    for (migrations, folded, apart) in [(1, 2_233, 4_396), (2, 80_059, 159_301)] {
        let mut scope = scope::<Migration>("nightly/moves").reaching::<&str>([]);
        scope.bounds = MigrationBounds { migrations, attempts: 1, ..scope.bounds };
        assert_eq!(
            [1, 2].map(|threads| states(&scope, depth_first(threads, true))),
            [folded; 2],
            "{migrations}"
        );
        assert_eq!(
            [1, 2].map(|threads| states(&scope, depth_first(threads, false))),
            [apart; 2],
            "{migrations}"
        );
        assert_eq!(states(&scope, Order::BreadthFirst), apart, "{migrations}");
        assert!(apart > folded && apart < 2 * folded, "a state has one mirror image, and some are their own");
    }
}

/// Symmetry must not hide a violation: it is found with and without.
#[test]
fn symmetry_changes_no_verdict() {
    let scope = scope::<Migration>("published/fails-open");
    for symmetry in [false, true] {
        let Search { found, .. } = search::<Migration>(&scope, depth_first(2, symmetry));
        assert!(found.witness.is_some() && !found.covered.complete, "symmetry {symmetry}: {found:?}");
    }
}
