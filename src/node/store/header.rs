//! The one byte of a redb file that no checksum covers, and what it decides.
//!
//! A redb file begins with a header: the magic number, a byte of flags, and two *slots*, each the root of one commit,
//! with its number and a checksum. The newest commit is the slot that the flags call primary. Commits here are made in
//! two phases: the other slot is written and synced, then the flags are, and synced. So a primary that does not verify
//! is damage, never a torn write, and redb says so.
//!
//! But the flags themselves may be damaged. If the bit for the primary is, then redb takes the commit before the last
//! and says nothing: what was acknowledged is gone. What gives it away is the number in the other slot, which is
//! higher. A power failure between the two phases leaves the same, with a commit that was not acknowledged; to take
//! that one is right as well, if all of it is there. That is what redb does for a file of one-phase commits: the newer
//! slot if all of it verifies, and otherwise the older one. So where the other slot is whole and newer, the flag for
//! two phases is taken away before redb reads it.

use redb::StorageBackend;
use std::io;
use xxhash_rust::xxh3::xxh3_128;

/// Those of redb 4, file format 3 (its docs/design.md, "Super-header").
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASE: u8 = 4;
const SLOTS: [usize; 2] = [64, 192];
const SLOT_BYTES: usize = 128;
const SLOT_NUMBER: usize = 104;
const SLOT_CHECKSUM: usize = 112;
const BYTES: usize = 320;

/// What a backend holds, as far as can be told without redb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holds {
    /// Nothing.
    Nothing,
    /// The beginning of a file that redb has not finished: its magic number comes last.
    Unfinished,
    /// Something else.
    Something,
}

/// What is there. redb writes the header, syncs it, and writes it again with the magic number; either write may be torn.
/// Until then both slots have the number 0, and whatever was founded has another.
pub(super) fn holds(backend: &impl StorageBackend) -> io::Result<Holds> {
    let length = backend.len()?;
    if length == 0 {
        return Ok(Holds::Nothing);
    }
    let mut header = [0; BYTES];
    let there = usize::try_from(length).unwrap_or(BYTES).min(BYTES);
    backend.read(0, header.get_mut(..there).unwrap_or_default())?;
    let torn = header.iter().zip(MAGIC).all(|(found, whole)| *found == 0 || *found == whole);
    let numbers = SLOTS.map(|at| header.get(at + SLOT_NUMBER..at + SLOT_CHECKSUM).unwrap_or_default());
    let first = numbers.into_iter().flatten().all(|byte| *byte == 0);
    let unfinished = !header.starts_with(&MAGIC) && torn && first;
    Ok(if unfinished { Holds::Unfinished } else { Holds::Something })
}

/// Takes the flag for two phases away where the primary is the older one of two whole slots.
pub(super) fn mend(backend: &impl StorageBackend) -> io::Result<()> {
    let mut header = [0; BYTES];
    if backend.len()? < 320 {
        return Ok(());
    }
    backend.read(0, &mut header)?;
    let Some(flags) = header.get(FLAGS).copied() else { return Ok(()) };
    if !header.starts_with(&MAGIC) || flags & TWO_PHASE == 0 {
        return Ok(());
    }
    let [first, second] = SLOTS.map(|at| number(header.get(at..at + SLOT_BYTES)?));
    let (primary, other) = if flags & PRIMARY == 0 { (first, second) } else { (second, first) };
    match (primary, other) {
        (Some(primary), Some(other)) if other > primary => {
            backend.write(u64::try_from(FLAGS).unwrap_or(u64::MAX), &[flags & !TWO_PHASE])
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// The number of the commit in a slot that is whole.
fn number(slot: &[u8]) -> Option<u64> {
    let sum = u128::from_le_bytes(slot.get(SLOT_CHECKSUM..)?.try_into().ok()?);
    let number = u64::from_le_bytes(slot.get(SLOT_NUMBER..SLOT_CHECKSUM)?.try_into().ok()?);
    (xxh3_128(slot.get(..SLOT_CHECKSUM)?) == sum).then_some(number)
}
