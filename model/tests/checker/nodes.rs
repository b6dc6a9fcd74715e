//! The environment around nodes: what it promises to every search and every replay, how many states there are, and that
//! symmetry hides nothing.

use super::searched::scope;
use cutover_model::env::composed;
use cutover_model::env::consensus::World;
use cutover_model::environment::{Environment, Place};
use cutover_model::scopes::{self, Around, Cluster, Scope};
use cutover_model::search::{Found, Order, Searched, Watcher};
use cutover_model::shared::hasher;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn search(scope: Scope, order: Order) -> (Arc<World>, Found<cutover_model::env::consensus::Action>) {
    let watch = scope.judged();
    let world = Arc::new(World::new(scope));
    let searched = Searched { world: Arc::clone(&world), watch };
    let mut watcher = Watcher { until: None, memory: None, interrupted: &|| false, progress: &mut |_| {} };
    let found = searched.run(order, &mut watcher);
    (world, found)
}

/// The numbers are those of every run; one that changes shows a change of the world, of the machines, or of what counts
/// as one state.
#[test]
fn states_are_counted_alike_in_every_order_and_fold_under_symmetry() {
    let scopes = [
        ("sessions", 82_593),
        ("membership-wiped", 20_486),
        ("membership-join", 15_013),
        ("replication-slow-disk", 45_753),
    ];
    for (name, folded) in scopes {
        let mut counts = Vec::new();
        // Six times as many take six times as long.
        let small = folded < 50_000;
        let orders = [(1, true), (2, true), (2, false)];
        for (threads, symmetry) in orders.into_iter().filter(|(_, symmetry)| *symmetry || small) {
            let (world, found) = search(scope(name), Order::DepthFirst { threads, symmetry });
            assert!(found.complete && found.witness.is_none(), "{name}: {found:?}");
            let reached = world.reached();
            for mark in world.to_reach() {
                assert!(reached.contains(&mark), "{name} never reached: {mark}");
            }
            counts.push(found.unique);
        }
        assert_eq!(counts[..2], [folded; 2], "{name}");
        if !small {
            continue;
        }
        let apart = counts[2];
        assert!(
            apart > folded && apart <= 6 * folded,
            "{name}: {apart} states, {folded} of them their own image"
        );
        let (_, found) = search(scope(name), Order::BreadthFirst);
        assert_eq!((found.complete, found.unique), (true, apart), "{name}");
    }
}

/// The numbers of what is composed, pinned with one attempt at the write, and without a new leader.
#[test]
fn a_migration_through_the_log_has_as_many_states_in_every_order() {
    let mut small = Scope { attempts: 1, aborts: false, reaches: &[], ..scope("composed") };
    small.cluster = small.cluster.map(|cluster| Cluster { timeouts: 0, reaches: &[], ..cluster });
    let counts: Vec<u64> = [(1, true), (2, true), (2, false)]
        .map(|(threads, symmetry)| {
            let world = Arc::new(composed::World::new(small.clone()));
            let searched = Searched { world, watch: small.judged() };
            let mut watcher =
                Watcher { until: None, memory: None, interrupted: &|| false, progress: &mut |_| {} };
            let found = searched.run(Order::DepthFirst { threads, symmetry }, &mut watcher);
            assert!(found.complete && found.witness.is_none(), "{found:?}");
            found.unique
        })
        .to_vec();
    assert_eq!(counts, [1_239, 1_239, 2_474]);
}

fn around_nodes() -> impl Strategy<Value = Scope> {
    prop::sample::select(scopes::all().into_iter().filter(|s| s.cluster.is_some()).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(super::laws::cases(64))]

    #[test]
    fn a_choice_is_found_by_its_words_and_does_the_same_in_another_world(
        scope in around_nodes(),
        walk in prop::collection::vec(any::<u16>(), 0..40),
    ) {
        match scope.around() {
            Around::Both => walks(&composed::World::new(scope.clone()), &composed::World::new(scope), &walk)?,
            Around::Nodes | Around::Sinks => walks(&World::new(scope.clone()), &World::new(scope), &walk)?,
        }
    }
}

/// Takes the same choices in two worlds of one scope.
fn walks<E: Environment>(world: &E, other: &E, walk: &[u16]) -> Result<(), TestCaseError> {
    let (mut state, mut again) = (world.initial(), other.initial());
    for number in walk {
        let mut actions = Vec::new();
        world.actions(&state, &mut actions);
        let mut read = BTreeSet::new();
        let mut steps = Vec::new();
        for action in actions {
            let Some(next) = world.next(&state, action) else { continue };
            let text = world.directive(&state, action).unwrap().to_string();
            prop_assert!(read.insert(text.clone()), "two choices read {text:?}");
            steps.push((action, text, next));
        }
        if steps.is_empty() {
            break;
        }
        let at = usize::from(*number) % steps.len();
        let (action, text, next) = steps.swap_remove(at);
        prop_assert_eq!(world.find(&state, &text), Some(action), "{}", text);
        prop_assert_eq!(next.broken(), 0, "{}", text);
        let outcome = other.explain(&again, action).unwrap();
        prop_assert_eq!(hasher().hash_one(&next), hasher().hash_one(&outcome.state), "{}", text);
        prop_assert!(outcome.violations.is_empty() && next == outcome.state);
        (state, again) = (next, outcome.state);
    }
    Ok(())
}

#[test]
fn every_scope_has_a_name_of_its_own() {
    let mut names: Vec<_> = scopes::all().iter().map(|scope| scope.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
