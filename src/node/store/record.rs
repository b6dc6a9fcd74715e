//! The encoding of a value in a table: a checksum, followed by postcard bytes.
//!
//! redb verifies its own checksums when it opens a file, but not when it reads a page later, and it computes
//! the checksum of a page that was damaged in memory from the damaged bytes. So each value carries its own
//! checksum, XXH3 with 64 bits. The checksum includes table and key: a value under another key counts as
//! damage.

use super::error::{Place, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use xxhash_rust::xxh3::Xxh3Default;

/// Bytes of the checksum before each value.
const SUM_BYTES: usize = 8;

/// Table and key of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot<'a> {
    pub(crate) table: &'a str,
    pub(crate) key: &'a [u8],
}

impl Slot<'_> {
    fn sum(self, bytes: &[u8]) -> [u8; SUM_BYTES] {
        let mut hasher = Xxh3Default::new();
        // No two slots hash the same bytes: table names are ASCII, so the first 0xff ends them, and the keys
        // of one table are either all ASCII or all of one length.
        for part in [self.table.as_bytes(), &[0xff], self.key, &[0xff], bytes] {
            hasher.update(part);
        }
        hasher.digest().to_le_bytes()
    }

    /// Encodes a value for this slot.
    pub(crate) fn seal(self, place: &Place, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let failed = |error: postcard::Error| place.refused("a value", error, "one that can be encoded");
        let bytes = postcard::to_allocvec(value).map_err(failed)?;
        Ok([self.sum(&bytes).as_slice(), &bytes].concat())
    }

    /// Verifies and decodes the value of this slot. `what` names it in an error.
    pub(crate) fn open<T: DeserializeOwned>(
        self,
        place: &Place,
        what: impl Display,
        stored: &[u8],
    ) -> Result<T, StoreError> {
        let Some((sum, bytes)) = stored.split_at_checked(SUM_BYTES) else {
            return Err(place.corrupt(what, format_args!("{} bytes", stored.len()), "a checksum of 8"));
        };
        let expected = self.sum(bytes);
        if sum != expected {
            let hex = |sum: &[u8]| sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            return Err(place.corrupt(what, format_args!("checksum {}", hex(sum)), hex(&expected)));
        }
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(place.corrupt(what, format_args!("{} bytes too many", rest.len()), "none")),
            Err(error) => Err(place.corrupt(what, error, "a value that can be decoded")),
        }
    }
}
