//! What the world promises to every search and every replay, tried on random walks.

use super::searched::scope;
use cutover_model::env::migration::{Action, State, World};
use cutover_model::environment::Environment as _;
use cutover_model::scopes::{self, Scope};
use cutover_model::shared::hasher;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;

/// From the same seed in every run, unless the environment names one.
pub fn cases(cases: u32) -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(17),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    Config { cases, rng_seed, failure_persistence: None, ..given }
}

fn hash(state: &State) -> u64 {
    hasher().hash_one(state)
}

fn actions(world: &World, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    world.actions(state, &mut actions);
    actions
}

/// A step that changes something, picked by a number; `None`: there is none.
fn pick(world: &World, state: &State, number: u16) -> Option<(Action, State)> {
    let mut actions = actions(world, state);
    while !actions.is_empty() {
        let action = actions.remove(usize::from(number) % actions.len());
        if let Some(next) = world.next(state, action) {
            return Some((action, next));
        }
    }
    None
}

fn any_scope() -> impl Strategy<Value = Scope> {
    // The scopes around nodes have an environment of their own.
    prop::sample::select(scopes::all().into_iter().filter(|s| s.cluster.is_none()).collect::<Vec<_>>())
}

fn walk() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..40)
}

/// The other gateway's name in each place where one stands.
fn mirrored(directive: &str) -> String {
    let swap = |text: String, one: &str, two: &str| {
        text.replace(one, "\u{0}").replace(two, one).replace('\u{0}', two)
    };
    let text = swap(directive.to_owned(), "gw1", "gw2");
    swap(text, "w1.", "w2.")
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn every_choice_has_a_directive_of_its_own_that_finds_it(scope in any_scope(), walk in walk()) {
        let world = World::new(scope);
        let mut state = world.initial();
        for number in walk {
            let offered = actions(&world, &state);
            prop_assert_eq!(&actions(&world, &state), &offered, "the order is fixed");
            let mut read: BTreeMap<String, Action> = BTreeMap::new();
            for action in &offered {
                let Some(directive) = world.directive(&state, *action) else {
                    // A strong reader that has sent nothing has nothing to be served.
                    prop_assert!(world.next(&state, *action).is_none(), "{action:?} has no directive");
                    continue;
                };
                let text = directive.to_string();
                prop_assert!(!text.contains('\n'), "{text}");
                let first = *read.entry(text.clone()).or_insert(*action);
                prop_assert_eq!(world.find(&state, &text), Some(first), "{}", text);
                if first != *action {
                    // One write admitted twice is in line twice: two choices, and either one does the same.
                    let both = matches!((first, action), (Action::Apply { .. }, Action::Apply { .. }));
                    prop_assert!(both, "two choices read {text:?}");
                    let after = |action| world.next(&state, action).as_ref().map(hash);
                    prop_assert_eq!(after(first), after(*action), "two choices read {:?}, and differ", text);
                }
            }
            prop_assert_eq!(world.find(&state, "nobody nothing"), None);
            let Some((_, next)) = pick(&world, &state, number) else { break };
            state = next;
        }
    }

    #[test]
    fn a_step_is_a_function_of_the_state_and_the_choice(scope in any_scope(), walk in walk()) {
        let (world, other) = (World::new(scope.clone()), World::new(scope));
        let (mut state, mut again) = (world.initial(), other.initial());
        prop_assert_eq!(hash(&state), hash(&again));
        for number in walk {
            let Some((action, next)) = pick(&world, &state, number) else { break };
            // In another world, by another way, at another time: the same.
            let outcome = other.explain(&again, action);
            prop_assert!(outcome.is_some(), "{:?}", action);
            let outcome = outcome.unwrap();
            prop_assert_eq!(hash(&next), hash(&outcome.state), "{:?}", action);
            prop_assert!(next == outcome.state);
            let broken = outcome.violations.iter().fold(0, |bits, violation| bits | violation.id.bit());
            prop_assert_eq!(next.broken(), broken, "the facts are those of what broke");
            prop_assert_ne!(hash(&next), hash(&state), "a step that changes nothing is no step");
            (state, again) = (next, outcome.state);
        }
    }

    /// What no scope of ours expects to break, breaks on no walk either.
    #[test]
    fn no_walk_breaks_anything(scope in any_scope(), walk in walk()) {
        let world = World::new(scope);
        let mut state = world.initial();
        for number in walk {
            let Some((action, next)) = pick(&world, &state, number) else { break };
            if world.scope.expect.is_none() {
                prop_assert_eq!(next.broken(), 0, "{:?} in {}", action, world.scope.name);
            }
            state = next;
        }
    }

    #[test]
    fn a_state_and_its_mirror_image_have_one_representative(walk in walk()) {
        let world = World::new(scope("migration/moves"));
        let (mut state, mut image) = (world.initial(), world.initial());
        for number in walk {
            let Some((action, next)) = pick(&world, &state, number) else { break };
            let directive = mirrored(&world.directive(&state, action).unwrap().to_string());
            let mirror = world.find(&image, &directive);
            prop_assert!(mirror.is_some(), "the mirror image cannot {directive:?}");
            let image_next = world.next(&image, mirror.unwrap());
            prop_assert!(image_next.is_some(), "{directive:?} changes nothing in the mirror image");
            (state, image) = (next, image_next.unwrap());
            let (one, two) = (state.representative(), image.representative());
            prop_assert_eq!(hash(&one), hash(&two), "after {}", directive);
            prop_assert_eq!(hash(&one.representative()), hash(&one), "a representative represents itself");
            prop_assert!(hash(&one) == hash(&state) || hash(&one) == hash(&image));
            prop_assert_eq!(actions(&world, &state).len(), actions(&world, &image).len());
        }
    }
}
