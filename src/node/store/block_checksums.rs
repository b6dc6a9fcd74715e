//! The checksum of each block of the file as it was last read or written, in memory.
//!
//! redb verifies its pages when it opens a file, and trusts them from then on. It would copy a page that rots later, build on
//! it, or panic over it; and a panic during another panic ends the process without a message. So a block that is read
//! again must have the checksum that it had.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// The smallest page of redb; larger ones are several, and begin at a multiple of it.
const BLOCK: usize = 4096;

/// Checksums by the number of the block, of blocks that were read or written since the file was opened.
#[derive(Debug, Default)]
pub(super) struct BlockChecksums(Mutex<BTreeMap<u64, u64>>);

/// The whole blocks among these bytes, with their checksums. The header is left out: redb writes it in parts, and reads it
/// only when it opens the file.
fn whole(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> {
    let size = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    let first = (offset.is_multiple_of(size) && offset != 0).then_some(offset / size);
    let blocks = bytes.chunks_exact(BLOCK).map(xxh3_64);
    first.into_iter().flat_map(|first| first..).zip(blocks)
}

impl BlockChecksums {
    pub(super) fn wrote(&self, offset: u64, bytes: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(whole(offset, bytes));
    }

    pub(super) fn read(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (block, sum) in whole(offset, bytes) {
            let before = *known.entry(block).or_insert(sum);
            if before != sum {
                let text = format!("block {block} has checksum {sum:016x}, and had {before:016x}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }

    /// Forgets the blocks beyond the new length of the file: they are zero if it grows again.
    pub(super) fn cut(&self, length: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(known.split_off(&(length / u64::try_from(BLOCK).unwrap_or(u64::MAX))));
    }
}
