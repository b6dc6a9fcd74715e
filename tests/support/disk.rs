//! An in-memory disk that loses unsynced writes at a power failure, with other faults on demand.
//!
//! It stores the synced contents apart from every later version of each sector. A power failure picks a version for
//! each sector independently, or tears it between two, and one of the lengths that the file has had. All choices
//! come from the caller, so a seed determines them.

use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

/// Size in bytes of the unit that a drive writes at once, or tears.
pub const SECTOR: usize = 512;

/// Scheduled faults. Operations are writes, changes of the length, and syncs, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Faults {
    /// The power fails at this operation: it may or may not be done, and no later one is.
    pub power_fails_at: Option<u64>,
    /// Only this operation fails; a failed sync makes nothing durable, then or later.
    pub fails_at: Option<u64>,
    /// The disk is full from this operation on: no write, and no growth.
    pub full_at: Option<u64>,
    /// Maximum length of the file in bytes.
    pub length_max: Option<usize>,
    /// Syncs do nothing.
    pub lies: bool,
}

#[derive(Clone, Debug, Default)]
struct Platter {
    synced: Vec<u8>,
    /// The contents that a reader sees.
    current: Vec<u8>,
    /// Versions of sectors since the last sync, oldest first.
    unsynced: BTreeMap<usize, Vec<Vec<u8>>>,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
    faults: Faults,
    operations: u64,
}

/// A handle to the disk; clones share its contents.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

fn lost() -> Error {
    Error::other("the power is off")
}

fn position(offset: u64, length: usize) -> Result<std::ops::Range<usize>> {
    let from = usize::try_from(offset).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    Ok(from..from.checked_add(length).ok_or(ErrorKind::InvalidInput)?)
}

impl Platter {
    /// Counts an operation. `Ok(false)`: it takes place, and then the power fails.
    fn begin(&mut self) -> Result<bool> {
        self.operations += 1;
        let Faults { power_fails_at, fails_at, .. } = self.faults;
        if power_fails_at.is_some_and(|at| at < self.operations) {
            return Err(lost());
        }
        if fails_at == Some(self.operations) {
            return Err(Error::other("the device gave an error"));
        }
        Ok(power_fails_at != Some(self.operations))
    }

    fn has_room(&self) -> Result<()> {
        let full = self.faults.full_at.is_some_and(|at| at <= self.operations);
        if full { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sector(bytes: &[u8], sector: usize) -> Vec<u8> {
        let from = (sector * SECTOR).min(bytes.len());
        let mut found = bytes[from..(from + SECTOR).min(bytes.len())].to_vec();
        found.resize(SECTOR, 0);
        found
    }

    /// Saves the present version of the sectors in this range.
    fn touch(&mut self, range: std::ops::Range<usize>) {
        for sector in range.start / SECTOR..range.end.div_ceil(SECTOR) {
            let version = Self::sector(&self.current, sector);
            self.unsynced.entry(sector).or_default().push(version);
        }
    }

    fn sync(&mut self) {
        self.synced.clone_from(&self.current);
        self.unsynced.clear();
        self.lengths.clear();
    }
}

impl Disk {
    /// A disk with these contents, synced.
    pub fn holding(bytes: Vec<u8>) -> Self {
        let platter = Platter { synced: bytes.clone(), current: bytes, ..Platter::default() };
        Self(Arc::new(Mutex::new(platter)))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().expect("no test goes on after a panic in here")
    }

    /// Schedules faults. Operations are counted from the disk's creation.
    pub fn set(&self, faults: Faults) {
        self.platter().faults = faults;
    }

    /// Number of operations so far.
    pub fn operations(&self) -> u64 {
        self.platter().operations
    }

    /// The contents that a reader sees.
    pub fn bytes(&self) -> Vec<u8> {
        self.platter().current.clone()
    }

    /// Flips one bit, of what is durable and what is read.
    pub fn flip(&self, bit: usize) {
        let platter = &mut *self.platter();
        for bytes in [&mut platter.current, &mut platter.synced] {
            if let Some(byte) = bytes.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// A disk without faults, with the contents that a power failure now leaves. `below` draws a number below its
    /// argument.
    pub fn after_power_failure(&self, below: &mut dyn FnMut(usize) -> usize) -> Self {
        let platter = self.platter();
        let mut bytes = platter.synced.clone();
        if let Some(last) = platter.lengths.len().checked_sub(1) {
            let choice = below(last + 2);
            if let Some(length) = platter.lengths.get(choice) {
                bytes.resize(*length, 0);
            }
        }
        for (sector, versions) in &platter.unsynced {
            let from = sector * SECTOR;
            let mut pick = || versions.get(below(versions.len() + 1)).cloned();
            let synced = || Platter::sector(&platter.synced, *sector);
            let mut kept = pick().unwrap_or_else(synced);
            let other = pick().unwrap_or_else(synced);
            if below(4) == 0 {
                let torn = below(SECTOR);
                kept[torn..].copy_from_slice(&other[torn..]);
            }
            let to = (from + SECTOR).min(bytes.len());
            if from < to {
                bytes[from..to].copy_from_slice(&kept[..to - from]);
            }
        }
        Self::holding(bytes)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        Ok(u64::try_from(self.platter().current.len()).expect("it is in memory"))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let platter = self.platter();
        let found = platter.current.get(position(offset, out.len())?);
        out.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut platter = self.platter();
        let on = platter.begin()?;
        let (to, from) = (position(len, 0)?.start, platter.current.len());
        if to > from {
            platter.has_room()?;
            if platter.faults.length_max.is_some_and(|max| to > max) {
                return Err(ErrorKind::StorageFull.into());
            }
        }
        platter.current.resize(to, 0);
        platter.lengths.push(to);
        // Bytes that were cut off read as zeros if the file grows again.
        platter.touch(to..from.max(to));
        if on { Ok(()) } else { Err(lost()) }
    }

    fn sync_data(&self) -> Result<()> {
        let mut platter = self.platter();
        if !platter.begin()? {
            return Err(lost());
        }
        if !platter.faults.lies {
            platter.sync();
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut platter = self.platter();
        let on = platter.begin()?;
        platter.has_room()?;
        let range = position(offset, data.len())?;
        let place = platter.current.get_mut(range.clone()).ok_or(ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        platter.touch(range);
        if on { Ok(()) } else { Err(lost()) }
    }
}
