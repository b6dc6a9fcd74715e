//! How a value stands in a table: its checksum, then its bytes.
//!
//! redb verifies its own checksums when it opens a file, not when it reads a page later, and what was damaged in memory
//! it sums up as it is. So each value carries a CRC-32 of its own, and its table and key are part of what is summed up,
//! because a value under another's key is damage too.

use super::error::{Place, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// Bytes of the checksum in front of each value.
const SUM_BYTES: usize = 4;

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    /// Its table.
    pub(super) table: &'a str,
    /// Its key there.
    pub(super) key: &'a [u8],
}

impl Slot<'_> {
    fn sum(self, bytes: &[u8]) -> [u8; SUM_BYTES] {
        let mut hasher = crc32fast::Hasher::new();
        // Neither names nor keys hold a 0xff in front of another one's rest: names are ASCII, and of one length of key
        // in each table.
        for part in [self.table.as_bytes(), &[0xff], self.key, &[0xff], bytes] {
            hasher.update(part);
        }
        hasher.finalize().to_le_bytes()
    }

    /// A value as it is stored here.
    pub(super) fn seal(self, place: &Place, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let failed = |error: postcard::Error| place.refused("a value", error, "one that can be encoded");
        let bytes = postcard::to_allocvec(value).map_err(failed)?;
        Ok([self.sum(&bytes).as_slice(), &bytes].concat())
    }

    /// The value that is stored here.
    pub(super) fn open<T: DeserializeOwned>(
        self,
        place: &Place,
        what: impl Display,
        stored: &[u8],
    ) -> Result<T, StoreError> {
        let Some((sum, bytes)) = stored.split_at_checked(SUM_BYTES) else {
            return Err(place.corrupt(what, format_args!("{} bytes", stored.len()), "a checksum of 4"));
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
