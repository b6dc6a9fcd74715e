//! The checksum of each block of the file, kept in memory since the block was last read or written.
//!
//! redb verifies its pages when it opens a file, and trusts them from then on. If a page on disk is damaged
//! later, redb could copy it, use it, or panic over it; and a panic during another panic ends the process
//! without a message. So a block that is read again must have the same checksum as before.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// The smallest page of redb. Larger pages are several blocks, and begin at a multiple of their size.
const BLOCK: usize = 4096;

/// Checksums by block number, of the blocks that were read or written since the file was opened.
#[derive(Debug, Default)]
pub(super) struct BlockChecksums(Mutex<BTreeMap<u64, u64>>);

/// The complete blocks in `bytes` with their checksums. The first block is excluded: it has redb's header,
/// which redb writes in parts, and reads only when it opens the file.
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
                let text = format!("block {block} has checksum {sum:016x}, expected {before:016x}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }

    /// Forgets the blocks beyond the new length of the file. If the file grows again, they are zero.
    pub(super) fn cut(&self, length: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(known.split_off(&(length / u64::try_from(BLOCK).unwrap_or(u64::MAX))));
    }
}
