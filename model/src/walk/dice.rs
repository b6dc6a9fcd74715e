//! The random choices of a walk, all from its number.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

/// A source of random numbers.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The dice of one walk of a run with this seed.
    pub(super) fn of(seed: u64, walk: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(walk);
        Self(rng)
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.next_u64() % bound }
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A place in a list of this length; if `newest`, the last ones more often than the first.
    pub(super) fn place(&mut self, length: usize, newest: bool) -> usize {
        let length = u64::try_from(length).unwrap_or(0);
        let at = if newest && self.percent(70) {
            length.saturating_sub(1 + self.below(length.min(4)))
        } else {
            self.below(length)
        };
        usize::try_from(at).unwrap_or(0)
    }
}
