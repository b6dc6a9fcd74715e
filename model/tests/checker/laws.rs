//! Properties of the migration environment that searches and replays depend on, checked on random walks.

use super::searched::scope;
use cutover_model::env::Migration;
use cutover_model::env::migration::{Action, MigrationBounds, State};
use cutover_model::protocol::{Catalog as _, Notes, Protocol as _, Scope, Tables};
use cutover_model::shared::hasher;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;

/// The seed is the same in every run, unless the environment sets one.
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

fn actions(world: &Migration, state: &State) -> Vec<Action> {
    let mut actions = Vec::new();
    world.enabled(state, &mut actions);
    actions
}

/// The next state, and the invariants that the step violates.
fn next(world: &Migration, state: &State, action: Action) -> Option<(State, u64)> {
    let mut notes = Notes::quiet(Tables::of::<Migration>());
    Some((world.step(state, &action, &mut notes)?, notes.broken()))
}

/// An action that changes something, selected by a number; `None` if there is none.
fn pick(world: &Migration, state: &State, number: u16) -> Option<(Action, State, u64)> {
    let mut actions = actions(world, state);
    while !actions.is_empty() {
        let action = actions.remove(usize::from(number) % actions.len());
        if let Some((next, broken)) = next(world, state, action) {
            return Some((action, next, broken));
        }
    }
    None
}

fn any_scope() -> impl Strategy<Value = Scope<MigrationBounds>> {
    prop::sample::select(Migration::scopes())
}

fn walk() -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(any::<u16>(), 0..40)
}

/// A directive with the names of the two gateways exchanged.
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
        let world = Migration::new(&scope.bounds);
        let mut state = world.initial();
        for number in walk {
            let offered = actions(&world, &state);
            prop_assert_eq!(&actions(&world, &state), &offered, "the order is fixed");
            let mut read: BTreeMap<String, Action> = BTreeMap::new();
            for action in &offered {
                let Some(directive) = world.choice(&state, action) else {
                    // A strong reader that has sent no request cannot be served.
                    prop_assert!(next(&world, &state, *action).is_none(), "{action:?} has no directive");
                    continue;
                };
                let text = directive.to_string();
                prop_assert!(!text.contains('\n'), "{text}");
                let first = *read.entry(text.clone()).or_insert(*action);
                prop_assert_eq!(world.find(&state, &text), Some(first), "{}", text);
                if first != *action {
                    // A write that is admitted twice can be applied in two ways, with the same text and the same
                    // effect.
                    let both = matches!((first, action), (Action::Apply { .. }, Action::Apply { .. }));
                    prop_assert!(both, "two choices read {text:?}");
                    let after = |action| next(&world, &state, action).map(|(state, _)| hash(&state));
                    prop_assert_eq!(after(first), after(*action), "two choices read {:?}, and differ", text);
                }
            }
            prop_assert_eq!(world.find(&state, "nobody nothing"), None);
            let Some((_, next, _)) = pick(&world, &state, number) else { break };
            state = next;
        }
    }

    #[test]
    fn a_step_is_a_function_of_the_state_and_the_choice(scope in any_scope(), walk in walk()) {
        let (world, other) = (Migration::new(&scope.bounds), Migration::new(&scope.bounds));
        let (mut state, mut again) = (world.initial(), other.initial());
        prop_assert_eq!(hash(&state), hash(&again));
        for number in walk {
            let Some((action, next, broken)) = pick(&world, &state, number) else { break };
            // Another environment of the same scope gives the same result.
            let mut notes = Notes::explaining(Tables::of::<Migration>());
            let outcome = other.step(&again, &action, &mut notes);
            prop_assert!(outcome.is_some(), "{:?}", action);
            let outcome = outcome.unwrap();
            prop_assert_eq!(hash(&next), hash(&outcome), "{:?}", action);
            prop_assert!(next == outcome);
            let (_, violations) = notes.into_words();
            let told = Migration::invariants().iter().map(|row| violations.iter().any(|v| v.invariant == row));
            let told = told.enumerate().fold(0, |set, (number, told)| set | u64::from(told) << number);
            prop_assert_eq!(broken, told, "the facts are those of what broke");
            prop_assert_ne!(hash(&next), hash(&state), "a step that changes nothing is no step");
            (state, again) = (next, outcome);
        }
    }

    /// No random walk violates an invariant, except the one that the scope expects.
    #[test]
    fn no_walk_breaks_anything(scope in any_scope(), walk in walk()) {
        let world = Migration::new(&scope.bounds);
        let mut state = world.initial();
        for number in walk {
            let Some((action, next, broken)) = pick(&world, &state, number) else { break };
            if scope.expect.is_none() {
                prop_assert_eq!(broken, 0, "{:?} in {}", action, scope.name);
            }
            state = next;
        }
    }

    #[test]
    fn a_state_and_its_mirror_image_have_one_representative(walk in walk()) {
        let world = Migration::new(&scope::<Migration>("nightly/moves").bounds);
        let (mut state, mut image) = (world.initial(), world.initial());
        for number in walk {
            let Some((action, after, _)) = pick(&world, &state, number) else { break };
            let directive = mirrored(&world.choice(&state, &action).unwrap().to_string());
            let mirror = world.find(&image, &directive);
            prop_assert!(mirror.is_some(), "the mirror image cannot {directive:?}");
            let image_after = next(&world, &image, mirror.unwrap());
            prop_assert!(image_after.is_some(), "{directive:?} changes nothing in the mirror image");
            (state, image) = (after, image_after.unwrap().0);
            let (one, two) = (Migration::representative(&state), Migration::representative(&image));
            prop_assert_eq!(hash(&one), hash(&two), "after {}", directive);
            prop_assert_eq!(hash(&Migration::representative(&one)), hash(&one), "a representative represents itself");
            prop_assert!(hash(&one) == hash(&state) || hash(&one) == hash(&image));
            prop_assert_eq!(actions(&world, &state).len(), actions(&world, &image).len());
        }
    }
}
