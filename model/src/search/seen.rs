//! A set of fingerprints that threads share.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Number of shards; a power of two.
const SHARDS: u64 = 64;

/// Places of a new shard.
const PLACES: usize = 32;

/// A set of 64-bit fingerprints in locked shards. A shard is an open-addressed table, filled to seven eighths and then made
/// a quarter larger: about 11 bytes for each fingerprint.
#[derive(Debug)]
pub struct Seen {
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug)]
struct Shard {
    /// Zero marks a free place.
    places: Vec<u64>,
    used: usize,
}

impl Default for Seen {
    fn default() -> Self {
        let shard = |_| Mutex::new(Shard { places: vec![0; PLACES], used: 0 });
        Self { shards: (0..SHARDS).map(shard).collect() }
    }
}

/// Spreads a fingerprint over all bits: the smallest of several hashes has few of its high bits set.
const fn spread(fingerprint: u64) -> u64 {
    let spread = fingerprint.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if spread == 0 { 1 } else { spread }
}

impl Seen {
    fn shard(&self, spread: u64) -> Option<MutexGuard<'_, Shard>> {
        let at = usize::try_from(spread % SHARDS).unwrap_or(0);
        Some(self.shards.get(at)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a fingerprint. Returns whether it is new.
    pub fn insert(&self, fingerprint: u64) -> bool {
        let spread = spread(fingerprint);
        self.shard(spread).is_some_and(|mut shard| shard.insert(spread))
    }

    /// Whether the set has this fingerprint.
    #[must_use]
    pub fn contains(&self, fingerprint: u64) -> bool {
        let spread = spread(fingerprint);
        self.shard(spread).is_some_and(|shard| matches!(shard.find(spread), Place::Taken))
    }

    /// Number of bytes that the set takes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let of =
            |shard: &Mutex<Shard>| shard.lock().unwrap_or_else(PoisonError::into_inner).places.capacity();
        let places: usize = self.shards.iter().map(of).sum();
        u64::try_from(places * size_of::<u64>()).unwrap_or(u64::MAX)
    }
}

enum Place {
    Taken,
    Free(usize),
}

impl Shard {
    /// The place of a fingerprint, or the free one where it belongs. A shard is never full.
    fn find(&self, spread: u64) -> Place {
        let scaled = (u128::from(spread) * self.places.len() as u128) >> 64;
        let mut at = usize::try_from(scaled).unwrap_or(0);
        loop {
            match self.places.get(at) {
                Some(0) => return Place::Free(at),
                Some(other) if *other == spread => return Place::Taken,
                Some(_) => at += 1,
                None => at = 0,
            }
        }
    }

    fn insert(&mut self, spread: u64) -> bool {
        let Place::Free(at) = self.find(spread) else { return false };
        self.put(at, spread);
        self.used += 1;
        if self.used * 8 > self.places.len() * 7 {
            let larger = vec![0; self.places.len() + self.places.len() / 4];
            for spread in std::mem::replace(&mut self.places, larger) {
                if spread != 0
                    && let Place::Free(at) = self.find(spread)
                {
                    self.put(at, spread);
                }
            }
        }
        true
    }

    fn put(&mut self, at: usize, spread: u64) {
        if let Some(place) = self.places.get_mut(at) {
            *place = spread;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::fingerprint::hasher;

    #[test]
    fn what_was_added_is_found_and_nothing_else() {
        let seen = Seen::default();
        let number = |at: u64| hasher().hash_one(at) >> 16;
        for at in 0..100_000 {
            assert!(seen.insert(number(at)), "{at} is new");
            assert!(!seen.insert(number(at)), "{at} is known");
        }
        assert!((0..100_000).all(|at| seen.contains(number(at))));
        assert!((100_000..200_000).all(|at| !seen.contains(number(at))));
        assert!(seen.insert(0) && !seen.insert(0), "zero is a fingerprint, too");
        assert!(seen.bytes() < 100_000 * 13, "{}", seen.bytes());
    }

    #[test]
    fn of_threads_that_add_the_same_one_succeeds() {
        let seen = Seen::default();
        let add = || (0..50_000_u64).filter(|at| seen.insert(hasher().hash_one(*at))).count();
        let added: usize = std::thread::scope(|scope| {
            let threads = [scope.spawn(add), scope.spawn(add)];
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(added, 50_000);
    }
}
