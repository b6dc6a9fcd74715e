//! Randomness, one stream for each purpose: one more draw somewhere changes nothing elsewhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of draws.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// The generator for one purpose, and one participant or link of it.
#[must_use]
pub fn generator(seed: u64, purpose: &str, which: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, bytes) in key.chunks_exact_mut(8).enumerate() {
        let mut text = Vec::with_capacity(purpose.len() + 16);
        text.extend_from_slice(purpose.as_bytes());
        text.extend_from_slice(&which.to_le_bytes());
        text.push(u8::try_from(part).unwrap_or(0));
        bytes.copy_from_slice(&xxh3_64_with_seed(&text, seed).to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// Names a directed link between two nodes.
#[must_use]
pub fn link(from: u8, to: u8) -> u64 {
    u64::from(from) << 8 | u64::from(to)
}

impl Stream {
    /// The stream for one purpose, and one participant or link of it.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, which: u64) -> Self {
        Self(generator(seed, purpose, which))
    }

    /// A number below this one; 0 if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Bounds are tiny against 2^64: no skew that matters.
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A number from the first through the second.
    pub fn between(&mut self, from: u64, through: u64) -> u64 {
        from + self.below(through.saturating_sub(from) + 1)
    }

    /// Yes, so many times in a million.
    pub fn chance(&mut self, ppm: u64) -> bool {
        // The draw is made in any case, so that switching a fault off leaves the others where they were.
        self.below(1_000_000) < ppm
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(u64::try_from(from.len()).ok()?);
        from.get(usize::try_from(at).ok()?).copied()
    }

    /// A duration with a heavy tail: half of them below `scale`, one in 2^n above `n * scale`, none above `16 * scale`.
    pub fn tail(&mut self, scale: u64) -> u64 {
        let doublings = u64::from(self.0.next_u64().leading_zeros()).min(15);
        doublings * scale + self.below(scale + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_and_repeat() {
        let first = |seed, purpose: &str, which| Stream::new(seed, purpose, which).below(u64::MAX);
        assert_eq!(first(1, "link", 2), first(1, "link", 2));
        let all = [first(1, "link", 2), first(2, "link", 2), first(1, "disk", 2), first(1, "link", 3)];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one));
        }
    }
}
