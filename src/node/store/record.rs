//! How a value is stored in a table: its checksum, then its postcard bytes.
//!
//! redb verifies its checksums when it opens a file, and not when it reads a page later; what was damaged in memory it sums
//! up as it is. So each value has a checksum of its own, XXH3 with 64 bits. The sum covers the table and the key, too: a
//! value under another key is damage.

use super::error::{Place, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use xxhash_rust::xxh3::Xxh3Default;

/// Bytes of the checksum in front of each value.
const SUM_BYTES: usize = 8;

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<'a> {
    pub(super) table: &'a str,
    pub(super) key: &'a [u8],
}

impl Slot<'_> {
    fn sum(self, bytes: &[u8]) -> [u8; SUM_BYTES] {
        let mut hasher = Xxh3Default::new();
        // No two slots feed the same bytes: the names of tables are ASCII, so the first 0xff ends them, and the keys of one
        // table are either ASCII or of one length.
        for part in [self.table.as_bytes(), &[0xff], self.key, &[0xff], bytes] {
            hasher.update(part);
        }
        hasher.digest().to_le_bytes()
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
