//! The consensus and composed environments: properties that searches and replays depend on, numbers of states, and
//! the effect of symmetry.

use super::searched::{Search, scope, search};
use cutover_model::Ours;
use cutover_model::catalog::Protocols as _;
use cutover_model::env::consensus::ConsensusBounds;
use cutover_model::env::migration::MigrationBounds;
use cutover_model::env::{Composed, Consensus};
use cutover_model::protocol::{Catalog, Notes, Tables};
use cutover_model::search::Order;
use cutover_model::shared::hasher;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A changed number shows a change of the environment, of the machines, or of the equality of states.
#[test]
fn states_are_counted_alike_in_every_order_and_fold_under_symmetry() {
    let scopes = [
        ("sessions", 82_593),
        ("membership-wiped", 21_358),
        ("membership-join", 17_903),
        ("replication-slow-disk", 50_469),
    ];
    for (name, folded) in scopes {
        let mut counts = Vec::new();
        // Without symmetry there are six times as many states, so only small scopes are searched without.
        let small = folded < 50_000;
        let orders = [(1, true), (2, true), (2, false)];
        for (threads, symmetry) in orders.into_iter().filter(|(_, symmetry)| *symmetry || small) {
            let order = Order::DepthFirst { threads, symmetry };
            let Search { found, missing, .. } = search::<Consensus>(&scope::<Consensus>(name), order);
            assert!(found.covered.complete && found.witness.is_none(), "{name}: {found:?}");
            assert!(missing.is_empty(), "{name} never reached: {missing:?}");
            counts.push(found.covered.unique);
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
        let Search { found, .. } = search::<Consensus>(&scope::<Consensus>(name), Order::BreadthFirst);
        assert_eq!((found.covered.complete, found.covered.unique), (true, apart), "{name}");
    }
}

/// Pinned numbers of states of the composed environment, with one attempt at the write and without a second leader.
#[test]
fn a_migration_through_the_log_has_as_many_states_in_every_order() {
    let mut small = scope::<Composed>("composed").reaching::<&str>([]);
    small.bounds.sinks = MigrationBounds { attempts: 1, aborts: false, ..small.bounds.sinks };
    small.bounds.nodes = ConsensusBounds { timeouts: 0, ..small.bounds.nodes };
    let counts: Vec<u64> = [(1, true), (2, true), (2, false)]
        .map(|(threads, symmetry)| {
            let Search { found, .. } = search::<Composed>(&small, Order::DepthFirst { threads, symmetry });
            assert!(found.covered.complete && found.witness.is_none(), "{found:?}");
            found.covered.unique
        })
        .to_vec();
    assert_eq!(counts, [2_264, 2_264, 4_503]);
}

fn names<P: Catalog>() -> impl Strategy<Value = &'static str> {
    prop::sample::select(P::scopes().into_iter().map(|scope| scope.name).collect::<Vec<_>>())
}

fn walk() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..40)
}

proptest! {
    #![proptest_config(super::laws::cases(64))]

    #[test]
    fn a_choice_of_nodes_is_found_by_its_words_and_does_the_same_again(
        name in names::<Consensus>(),
        walk in walk(),
    ) {
        walks::<Consensus>(name, &walk)?;
    }

    #[test]
    fn a_choice_of_both_is_found_by_its_words_and_does_the_same_again(
        name in names::<Composed>(),
        walk in walk(),
    ) {
        walks::<Composed>(name, &walk)?;
    }
}

/// Takes the same actions in two environments of one scope.
fn walks<P: Catalog>(name: &str, walk: &[u16]) -> Result<(), TestCaseError> {
    let bounds = scope::<P>(name).bounds;
    let (protocol, other) = (P::new(&bounds), P::new(&bounds));
    let (mut state, mut again) = (protocol.initial(), other.initial());
    for number in walk {
        let mut actions = Vec::new();
        protocol.enabled(&state, &mut actions);
        let mut read = BTreeSet::new();
        let mut steps = Vec::new();
        for action in actions {
            let mut notes = Notes::quiet(Tables::of::<P>());
            let Some(next) = protocol.step(&state, &action, &mut notes) else { continue };
            let text = protocol.choice(&state, &action).unwrap().to_string();
            prop_assert!(read.insert(text.clone()), "two choices read {text:?}");
            steps.push((action, text, next, notes.broken()));
        }
        if steps.is_empty() {
            break;
        }
        let at = usize::from(*number) % steps.len();
        let (action, text, next, broken) = steps.swap_remove(at);
        prop_assert_eq!(protocol.find(&state, &text), Some(action.clone()), "{}", text);
        prop_assert_eq!(broken, 0, "{}", text);
        let mut notes = Notes::explaining(Tables::of::<P>());
        let outcome = other.step(&again, &action, &mut notes).unwrap();
        prop_assert_eq!(hasher().hash_one(&next), hasher().hash_one(&outcome), "{}", text);
        prop_assert!(notes.into_words().1.is_empty() && next == outcome);
        (state, again) = (next, outcome);
    }
    Ok(())
}

#[test]
fn every_scope_has_a_name_of_its_own() {
    let mut names: Vec<_> = Ours::scopes().iter().map(|scope| scope.name()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}
