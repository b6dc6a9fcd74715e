//! The hash behind all fingerprints.
//!
//! It is foldhash with a fixed seed: multiplications only, so it is the same on every 64-bit processor. The crate promises no
//! stable output across versions, so `Cargo.toml` names one version, and a test below fixes a fingerprint. A hash with a
//! specified output, XXH3 over the bytes that are fed, made a search slower by more than a twentieth.

use foldhash::quality::{FixedState, FoldHasher};
use std::hash::{BuildHasher, Hash};

/// Makes the hashers of fingerprints.
#[derive(Clone, Debug)]
pub struct Fingerprints(FixedState);

/// The hasher of all fingerprints.
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
