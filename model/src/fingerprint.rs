//! The hash behind all fingerprints: XXH3 over the bytes that [`Hash`] feeds, in little-endian order.
//!
//! Its output is specified, so a fingerprint is the same on every processor and with every version of the crate. The bytes
//! are collected first and hashed in one piece: XXH3's streaming state is a kilobyte that each hash would set up.

use std::cell::Cell;
use std::hash::{BuildHasher, Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64;

/// Makes [`Fingerprint`]s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fingerprints;

/// Collects the bytes of one value.
#[derive(Debug)]
pub struct Fingerprint(Vec<u8>);

thread_local! {
    /// The buffer of the last hash, for the next one.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The hasher of all fingerprints.
#[must_use]
pub const fn hasher() -> Fingerprints {
    Fingerprints
}

impl Fingerprints {
    /// The fingerprint of a value.
    pub fn hash_one<T: Hash>(self, value: T) -> u64 {
        BuildHasher::hash_one(&self, value)
    }
}

impl BuildHasher for Fingerprints {
    type Hasher = Fingerprint;

    fn build_hasher(&self) -> Fingerprint {
        Fingerprint(BUFFER.take())
    }
}

impl Drop for Fingerprint {
    fn drop(&mut self) {
        self.0.clear();
        let buffer = std::mem::take(&mut self.0);
        // A thread that ends has no use for it.
        let _gone = BUFFER.try_with(|kept| kept.set(buffer));
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        xxh3_64(&self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn write_u8(&mut self, number: u8) {
        self.0.push(number);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    /// Lengths are small: one byte, and nine where that is not enough.
    fn write_usize(&mut self, number: usize) {
        match u8::try_from(number) {
            Ok(small) if small < u8::MAX => self.0.push(small),
            Ok(_) | Err(_) => {
                self.0.push(u8::MAX);
                self.write_u64(u64::try_from(number).unwrap_or(u64::MAX));
            }
        }
    }

    /// Discriminants of enums. A negative one is the same as a large length.
    fn write_isize(&mut self, number: isize) {
        self.write_usize(number.cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fingerprint of a value, fixed: it is the same for every build.
    #[test]
    fn a_fingerprint_is_specified() {
        assert_eq!(hasher().hash_one(()), xxh3_64(b""));
        assert_eq!(
            hasher().hash_one((1_u16, 2_u32, 3_u64)),
            xxh3_64(&[1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
        );
        assert_eq!(hasher().hash_one(vec![7_u8; 2]), xxh3_64(&[2, 7, 7]));
        assert_eq!(hasher().hash_one(255_usize), xxh3_64(&[255, 255, 0, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn a_hash_within_a_hash_disturbs_neither() {
        let mut outer = hasher().build_hasher();
        outer.write_u8(1);
        let inner = hasher().hash_one(9_u8);
        outer.write_u8(2);
        assert_eq!((outer.finish(), inner), (xxh3_64(&[1, 2]), xxh3_64(&[9])));
    }
}
