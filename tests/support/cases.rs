//! How often a property is tried.

use proptest::test_runner::{Config, RngSeed};

/// `times` the usual number of cases, from the same seed in every run unless the environment names one.
pub fn cases(times: u32) -> Config {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(17),
        RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
    };
    Config { cases: given.cases.saturating_mul(times), rng_seed, failure_persistence: None, ..given }
}
