//! Repairs the one byte of a redb file that no checksum covers.
//!
//! A redb file begins with a header: the magic number, a byte of flags, and two *slots*. Each slot is the
//! root of one commit, with the commit's number and a checksum. A flag says which slot has the newest commit,
//! the *primary*. Commits here have two phases: redb writes the other slot and syncs it, then writes the
//! flags and syncs them. So if the primary's checksum does not match, the file is damaged, not torn, and redb
//! reports it.
//!
//! The flags may be damaged as well. If the flag for the primary were flipped, redb would use the commit
//! before the last and report nothing: an acknowledged write would be lost. In that case the other slot has
//! the higher number. A power failure between the two phases leaves the same picture, with a commit that was
//! not acknowledged; using that commit is right too, if it is complete. redb does just this for files of
//! one-phase commits: it uses the newer slot if its checksum matches, and the older one otherwise. So where
//! the other slot is valid and newer, [`mend`] clears the two-phase flag before redb reads it.
//!
//! This layout is not a public interface of redb: `Cargo.toml` pins the minor version, and a test below reads
//! a file that redb wrote.

use redb::StorageBackend;
use std::io;
use xxhash_rust::xxh3::xxh3_128;

// The layout of redb's file format 3 (docs/design.md of redb, "Super-header").
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
const FLAGS: usize = 9;
const PRIMARY: u8 = 1;
const TWO_PHASE: u8 = 4;
const SLOTS: [usize; 2] = [64, 192];
const SLOT_BYTES: usize = 128;
/// The first byte of a slot is the version of the file format.
const FILE_FORMAT: u8 = 3;
const SLOT_NUMBER: usize = 104;
const SLOT_CHECKSUM: usize = 112;
const BYTES: usize = 320;

/// The content of a backend, as far as its header shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holds {
    /// No bytes.
    Nothing,
    /// A file that redb began to create and did not finish: it writes the magic number last.
    Unfinished,
    /// Anything else: to be opened by redb.
    Something,
}

/// Examines the header. redb writes it, syncs it, and writes it again with the magic number; either write may
/// be torn. Until then the numbers of both slots are 0; in a store whose creation finished they are not.
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

/// Clears the two-phase flag if both slots are valid and the primary is the older one.
pub(super) fn mend(backend: &impl StorageBackend) -> io::Result<()> {
    let mut header = [0; BYTES];
    if backend.len()? < u64::try_from(BYTES).unwrap_or(u64::MAX) {
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

/// The commit number of a slot, or `None` if the slot's checksum or format does not match.
fn number(slot: &[u8]) -> Option<u64> {
    if slot.first() != Some(&FILE_FORMAT) {
        return None;
    }
    let sum = u128::from_le_bytes(slot.get(SLOT_CHECKSUM..)?.try_into().ok()?);
    let number = u64::from_le_bytes(slot.get(SLOT_NUMBER..SLOT_CHECKSUM)?.try_into().ok()?);
    (xxh3_128(slot.get(..SLOT_CHECKSUM)?) == sum).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::{Database, TableDefinition};

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("t");

    /// The header that this version of redb writes has the layout that is expected here.
    #[test]
    fn redb_writes_the_header_that_is_expected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.redb");
        let database = Database::create(&path).unwrap();
        for key in 0..2 {
            let mut transaction = database.begin_write().unwrap();
            transaction.set_two_phase_commit(true);
            transaction.open_table(TABLE).unwrap().insert(key, key).unwrap();
            transaction.commit().unwrap();
        }
        drop(database);
        let file = std::fs::read(&path).unwrap();
        assert!(file.starts_with(&MAGIC));
        assert_eq!(file[FLAGS] & TWO_PHASE, TWO_PHASE, "the last commit had two phases");
        let numbers = SLOTS.map(|at| {
            assert_eq!(file[at], FILE_FORMAT, "the version of the file format");
            number(&file[at..at + SLOT_BYTES]).expect("the checksum to cover the slot")
        });
        let primary = usize::from(file[FLAGS] & PRIMARY);
        assert!(numbers[primary] > numbers[1 - primary], "the flags name the newer commit: {numbers:?}");
    }
}
