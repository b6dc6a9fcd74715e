//! The hash function behind all state fingerprints.
//!
//! It is foldhash with a fixed seed. It uses multiplications only, so its output is the same on every 64-bit
//! processor. The crate does not promise the same output across versions, so `Cargo.toml` pins the version and a
//! test below pins a fingerprint. XXH3, whose output is specified, made searches more than 5 % slower.

use foldhash::quality::{FixedState, FoldHasher};
use std::hash::{BuildHasher, Hash};

/// Makes hashers for state fingerprints, all with the same seed.
#[derive(Clone, Debug)]
pub struct Fingerprints(FixedState);

/// The only way to make a [`Fingerprints`], so that all hashers agree.
#[must_use]
pub const fn hasher() -> Fingerprints {
    Fingerprints(FixedState::with_seed(0x6375_746f_7665_7200))
}

impl Fingerprints {
    /// The fingerprint of a value.
    pub fn hash_one<T: Hash>(&self, value: T) -> u64 {
        self.0.hash_one(value)
    }
}

impl BuildHasher for Fingerprints {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> FoldHasher<'static> {
        self.0.build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Another version of the crate, or another processor, gives the same fingerprint.
    #[test]
    fn a_fingerprint_is_fixed() {
        let fingerprint = hasher().hash_one((1_u16, vec![2_u64, 3], "text"));
        assert_eq!(format!("{fingerprint:016x}"), "eb3c9908036dee68");
    }
}
