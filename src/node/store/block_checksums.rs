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

#[cfg(test)]
mod tests {
    use super::{BLOCK, BlockChecksums};

    fn bytes(of: u8, len: usize) -> Vec<u8> {
        vec![of; len]
    }

    #[test]
    fn a_block_that_changed_by_itself_is_named() {
        let known = BlockChecksums::default();
        known.wrote(4096, &bytes(1, 2 * BLOCK));
        known.read(4096, &bytes(1, 2 * BLOCK)).unwrap();
        let mut damaged = bytes(1, 2 * BLOCK);
        damaged[BLOCK + 7] = 0;
        let error = known.read(4096, &damaged).unwrap_err();
        assert!(error.to_string().starts_with("block 2 has checksum"), "{error}");
        known.wrote(2 * 4096, &bytes(3, BLOCK));
        known.read(2 * 4096, &bytes(3, BLOCK)).unwrap();
    }

    /// What was read or written of a block in part says nothing of the rest of it, nor does what lay beyond the end of the file.
    #[test]
    fn a_part_of_a_block_is_not_taken_for_the_block() {
        let known = BlockChecksums::default();
        known.wrote(4096, &bytes(1, BLOCK + 100));
        known.read(4096, &[bytes(1, BLOCK + 100), bytes(0, BLOCK - 100)].concat()).unwrap();
        known.read(3 * 4096 + 5, &bytes(9, BLOCK)).unwrap();
        known.read(3 * 4096, &bytes(2, 2 * BLOCK)).unwrap();
        known.cut(4 * 4096);
        known.read(4 * 4096, &bytes(0, BLOCK)).unwrap();
        known.read(3 * 4096, &bytes(8, BLOCK)).unwrap_err();
    }

    /// The first block has redb's header, which is written in parts.
    #[test]
    fn the_first_block_is_not_judged() {
        let known = BlockChecksums::default();
        known.wrote(0, &bytes(1, 2 * BLOCK));
        known.read(0, &bytes(2, BLOCK)).unwrap();
    }
}
