//! The number of random inputs that a property is checked with.

use proptest::test_runner::{Config, RngSeed};

/// A multiple of the usual number of cases. The seed is the same in every run, unless the environment sets one.
pub fn cases(times: u32) -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(17),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    Config { cases: given.cases.saturating_mul(times), rng_seed, failure_persistence: None, ..given }
}
