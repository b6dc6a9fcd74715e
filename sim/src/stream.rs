//! Random numbers, with a stream for each purpose, so that an additional draw for one purpose changes no other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A stream of random numbers for one purpose.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

/// The random number generator for a purpose and a participant or link.
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

/// The number of a directed link, for [`Stream::new`].
#[must_use]
pub fn link(from: u8, to: u8) -> u64 {
    u64::from(from) << 8 | u64::from(to)
}

impl Stream {
    /// The stream for a purpose and a participant or link.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, which: u64) -> Self {
        Self(generator(seed, purpose, which))
    }

    /// A uniform number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // Bounds are tiny compared with 2^64, so the bias is negligible.
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// A uniform number in an inclusive range.
    pub fn between(&mut self, from: u64, through: u64) -> u64 {
        from + self.below(through.saturating_sub(from) + 1)
    }

    /// True with a probability in parts per million.
    pub fn chance(&mut self, ppm: u64) -> bool {
        // Draws in any case, so that switching a fault off does not shift later draws.
        self.below(1_000_000) < ppm
    }

    /// A uniform choice from a list; `None` if it is empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(u64::try_from(from.len()).ok()?);
        from.get(usize::try_from(at).ok()?).copied()
    }

    /// A duration with a heavy tail: half are below `scale`, one in 2^n is above `n * scale`, none is above `16 *
    /// scale`.
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
