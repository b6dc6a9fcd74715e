//! Random choices from a seed.

#![allow(dead_code, reason = "each walk uses a part of it")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64, world: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(world);
        Self(rng)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: u64) -> u64 {
        self.0.next_u64() % count
    }

    /// True in so many cases of a hundred.
    pub fn percent(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let at = self.below(choices.len() as u64);
        choices[usize::try_from(at).expect("it is an index")]
    }

    /// This number, mostly; else one that is near, or any small one.
    pub fn near(&mut self, number: u64) -> u64 {
        match self.below(100) {
            0..90 => number,
            90..94 => number.saturating_sub(1),
            94..98 => number.saturating_add(1),
            _ => self.below(12),
        }
    }
}
