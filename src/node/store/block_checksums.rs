//! What every block of the file was when it was last read or written, as a checksum in memory.
//!
//! redb verifies its pages when it opens a file, and trusts them from then on. What rots later it would copy, or build
//! on, or panic over; and a panic while it unwinds from another one ends the process without a word. So a block that is
//! read again has to be what it was.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

/// The smallest page of redb; larger ones are several, and begin at a multiple of it.
const BLOCK: usize = 4096;

/// Checksums by number of the block. Those of blocks that nobody has read or written are not known.
#[derive(Debug, Default)]
pub(super) struct Blocks(Mutex<BTreeMap<u64, u32>>);

/// The whole blocks among these bytes, with their checksums. The header is none: it is written in parts, and read when
/// the file is opened.
fn whole(offset: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let size = u64::try_from(BLOCK).unwrap_or(u64::MAX);
    let first = (offset.is_multiple_of(size) && offset != 0).then_some(offset / size);
    let blocks = bytes.chunks_exact(BLOCK).map(crc32fast::hash);
    first.into_iter().flat_map(|first| first..).zip(blocks)
}

impl Blocks {
    pub(super) fn wrote(&self, offset: u64, bytes: &[u8]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(whole(offset, bytes));
    }

    pub(super) fn read(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (block, sum) in whole(offset, bytes) {
            let before = *known.entry(block).or_insert(sum);
            if before != sum {
                let text = format!("block {block} has checksum {sum:08x}, and had {before:08x}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        Ok(())
    }

    /// The file has this length now: what is beyond it is gone, and zero if it comes back.
    pub(super) fn cut(&self, length: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(known.split_off(&(length / u64::try_from(BLOCK).unwrap_or(u64::MAX))));
    }
}
