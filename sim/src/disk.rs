//! An in-memory disk that loses unsynced writes at a power failure.
//!
//! Reads return the newest written data. For each sector, every version replaced since the last sync is kept as
//! well: a power failure leaves one of them per sector, or a torn mix of two. A sync discards the old versions. So
//! a sync costs nothing, however long the file is, and the possible contents after a failure are known exactly.
//!
//! The disk outlives the processes that use it. Each process has its own [`Mount`], which stops working when the
//! process is dead.

use crate::event_log::lock;
use crate::stream::Stream;
use redb::StorageBackend;
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// Size in bytes of the unit that a drive writes at once, or tears.
const SECTOR: usize = 512;

/// A failure of a later disk operation: of a write, a change of the length, or a sync.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The power fails: the operation may or may not be done, and no later one is.
    PowerFails,
    /// The operation returns an error, and nothing is known to be durable. A failed sync discards the data that it
    /// should have made durable.
    Fails,
    /// There is no room: nothing is written. What is there can be read, and synced.
    NoRoom,
}

/// An old version of a sector, replaced since the last sync.
#[derive(Clone, Copy, Debug)]
struct Replaced {
    sector: usize,
    /// Position of its bytes in the buffer of old versions.
    kept: usize,
}

#[derive(Debug, Default)]
struct Platter {
    bytes: Vec<u8>,
    replaced: Vec<Replaced>,
    kept: Vec<u8>,
    /// The lengths that the file has had since the last sync.
    lengths: Vec<usize>,
    /// Number of the current mount; older mounts do not work any more.
    mount: u64,
    trouble: Option<(u64, Trouble)>,
    /// How much more may be written, in operations, until there is room again. No process changes that.
    full_after: Option<u64>,
    struck: Option<Trouble>,
}

/// A simulated disk. Clones share its contents.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

/// A process's access to the disk.
#[derive(Debug)]
pub struct Mount {
    disk: Disk,
    mount: u64,
}

fn off() -> Error {
    Error::other("the power is off")
}

fn place(offset: u64, length: usize) -> Result<Range<usize>> {
    let from = usize::try_from(offset).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    Ok(from..from.checked_add(length).ok_or(ErrorKind::InvalidInput)?)
}

impl Platter {
    /// Starts an operation. `Ok(false)`: the operation takes place, and then the power fails.
    fn begin(&mut self, mount: u64) -> Result<bool> {
        if mount != self.mount || self.struck == Some(Trouble::PowerFails) {
            return Err(off());
        }
        match self.trouble {
            Some((0, trouble)) => {
                self.trouble = None;
                self.struck = Some(trouble);
                match trouble {
                    Trouble::PowerFails => Ok(false),
                    Trouble::Fails => Err(Error::other("the device gave an error")),
                    Trouble::NoRoom => Err(ErrorKind::StorageFull.into()),
                }
            }
            Some((left, trouble)) => {
                self.trouble = Some((left - 1, trouble));
                Ok(true)
            }
            None => Ok(true),
        }
    }

    /// Takes the room for an operation that writes.
    fn takes_room(&mut self) -> Result<()> {
        match &mut self.full_after {
            None => Ok(()),
            Some(0) => {
                self.struck = Some(Trouble::NoRoom);
                Err(ErrorKind::StorageFull.into())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Saves the present version of the sectors in this range.
    fn keep(&mut self, range: Range<usize>) {
        for sector in range.start / SECTOR..range.end.div_ceil(SECTOR) {
            let kept = self.kept.len();
            let from = (sector * SECTOR).min(self.bytes.len());
            let to = (from + SECTOR).min(self.bytes.len());
            self.kept.extend_from_slice(self.bytes.get(from..to).unwrap_or_default());
            self.kept.resize(kept + SECTOR, 0);
            self.replaced.push(Replaced { sector, kept });
        }
    }

    fn settled(&mut self) {
        self.replaced.clear();
        self.kept.clear();
        self.lengths.clear();
    }

    fn version(&self, replaced: Replaced) -> Vec<u8> {
        self.kept.get(replaced.kept..replaced.kept + SECTOR).unwrap_or_default().to_vec()
    }

    fn current(&self, sector: usize) -> Vec<u8> {
        let from = (sector * SECTOR).min(self.bytes.len());
        let mut found =
            self.bytes.get(from..(from + SECTOR).min(self.bytes.len())).unwrap_or_default().to_vec();
        found.resize(SECTOR, 0);
        found
    }

    /// For each unsynced sector and for the length, draws which version survives.
    fn lose(&mut self, chance: &mut Stream) -> u64 {
        let mut replaced = std::mem::take(&mut self.replaced);
        replaced.sort_by_key(|version| version.sector);
        let mut torn = 0;
        let mut chosen = Vec::new();
        for versions in replaced.chunk_by(|one, other| one.sector == other.sector) {
            let Some(sector) = versions.first().map(|version| version.sector) else { continue };
            let mut any: Vec<Vec<u8>> = versions.iter().map(|version| self.version(*version)).collect();
            any.push(self.current(sector));
            let mut pick = || {
                let at = chance.below(u64::try_from(any.len()).unwrap_or(1));
                usize::try_from(at).ok().and_then(|at| any.get(at)).cloned().unwrap_or_default()
            };
            let (mut left, other) = (pick(), pick());
            if chance.below(4) == 0 {
                let at = usize::try_from(chance.below(512)).unwrap_or(0);
                if left != other {
                    torn += 1;
                }
                left.truncate(at);
                left.extend_from_slice(other.get(at..).unwrap_or_default());
            }
            chosen.push((sector, left));
        }
        let lengths = std::mem::take(&mut self.lengths);
        let choice = chance.below(u64::try_from(lengths.len()).unwrap_or(0) + 1);
        if let Some(length) = usize::try_from(choice).ok().and_then(|at| lengths.get(at)) {
            self.bytes.resize(*length, 0);
        }
        for (sector, bytes) in chosen {
            let from = (sector * SECTOR).min(self.bytes.len());
            let to = (from + SECTOR).min(self.bytes.len());
            if let (Some(into), Some(bytes)) = (self.bytes.get_mut(from..to), bytes.get(..to - from)) {
                into.copy_from_slice(bytes);
            }
        }
        self.settled();
        torn
    }
}

impl Disk {
    /// The disk's access for a new process. Earlier mounts stop working.
    #[must_use]
    pub fn mount(&self) -> Mount {
        let mut platter = lock(&self.0);
        platter.mount += 1;
        platter.trouble = None;
        platter.struck = None;
        Mount { disk: self.clone(), mount: platter.mount }
    }

    /// Stops the current mount from working: its process is dead.
    pub fn unmount(&self) {
        lock(&self.0).mount += 1;
    }

    /// Simulates a power failure: unsynced writes are lost, kept or torn. Returns the number of torn sectors.
    pub fn lose_power(&self, chance: &mut Stream) -> u64 {
        let mut platter = lock(&self.0);
        platter.mount += 1;
        platter.lose(chance)
    }

    /// Schedules a failure for the operation after the next `after` ones.
    pub fn expect(&self, after: u64, trouble: Trouble) {
        lock(&self.0).trouble = Some((after, trouble));
    }

    /// Cancels a scheduled failure. Returns the failure that has happened, if any.
    pub fn struck(&self) -> Option<Trouble> {
        let mut platter = lock(&self.0);
        platter.trouble = None;
        platter.struck
    }

    /// The disk is full after so many more operations that write, whoever uses it, until [`Self::make_room`].
    pub fn fill(&self, after: u64) {
        lock(&self.0).full_after = Some(after);
    }

    /// There is room again.
    pub fn make_room(&self) {
        lock(&self.0).full_after = None;
    }

    /// Whether the last process was refused a write for want of room.
    #[must_use]
    pub fn had_no_room(&self) -> bool {
        lock(&self.0).struck == Some(Trouble::NoRoom)
    }

    /// A disk with the contents that a process reads at this moment, synced or not.
    #[must_use]
    pub fn image(&self) -> Self {
        let bytes = lock(&self.0).bytes.clone();
        Self(Arc::new(Mutex::new(Platter { bytes, ..Platter::default() })))
    }

    /// Deletes all contents.
    pub fn wipe(&self) {
        let mut platter = lock(&self.0);
        let mount = platter.mount + 1;
        *platter = Platter { mount, ..Platter::default() };
    }
}

impl StorageBackend for Mount {
    fn len(&self) -> Result<u64> {
        u64::try_from(lock(&self.disk.0).bytes.len()).map_err(Error::other)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let platter = lock(&self.disk.0);
        if platter.mount != self.mount {
            return Err(off());
        }
        let found = platter.bytes.get(place(offset, out.len())?);
        out.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut platter = lock(&self.disk.0);
        let on = platter.begin(self.mount)?;
        let (to, from) = (place(len, 0)?.start, platter.bytes.len());
        if to > from {
            platter.takes_room()?;
        }
        platter.keep(to..from.max(to));
        platter.lengths.push(from);
        platter.bytes.resize(to, 0);
        if on { Ok(()) } else { Err(off()) }
    }

    fn sync_data(&self) -> Result<()> {
        let mut platter = lock(&self.disk.0);
        // A sync that a power failure interrupts may have kept any part: the failure decides which.
        if !platter.begin(self.mount)? {
            return Err(off());
        }
        platter.settled();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut platter = lock(&self.disk.0);
        let on = platter.begin(self.mount)?;
        platter.takes_room()?;
        let range = place(offset, data.len())?;
        platter.keep(range.clone());
        let into = platter.bytes.get_mut(range).ok_or(ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(data);
        if on { Ok(()) } else { Err(off()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(mount: &Mount, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        mount.read(0, &mut out).unwrap();
        out
    }

    #[test]
    fn what_is_synced_survives_and_what_is_not_may() {
        let mut ends = [0; 3];
        for seed in 0..200 {
            let disk = Disk::default();
            let mount = disk.mount();
            mount.set_len(1024).unwrap();
            mount.write(0, &[1; 1024]).unwrap();
            mount.sync_data().unwrap();
            mount.write(0, &[2; 512]).unwrap();
            mount.write(0, &[3; 512]).unwrap();
            disk.lose_power(&mut Stream::new(seed, "test", 0));
            assert!(mount.write(0, &[9]).is_err(), "the process is dead");
            let found = holding(&disk.mount(), 1024);
            assert_eq!(found[512..], [1; 512], "synced");
            for (end, value) in ends.iter_mut().zip(1..) {
                *end += u32::from(found[..512].iter().all(|byte| *byte == value));
            }
        }
        assert!(ends.iter().all(|end| *end > 20), "each version is left now and then: {ends:?}");
    }

    #[test]
    fn a_killed_process_leaves_what_it_wrote() {
        let disk = Disk::default();
        let mount = disk.mount();
        mount.set_len(10).unwrap();
        mount.write(0, &[7; 10]).unwrap();
        disk.unmount();
        assert!(mount.sync_data().is_err());
        assert_eq!(holding(&disk.mount(), 10), [7; 10]);
    }

    #[test]
    fn a_full_disk_keeps_what_it_has_until_there_is_room() {
        let disk = Disk::default();
        let mount = disk.mount();
        mount.set_len(10).unwrap();
        disk.fill(1);
        mount.write(0, &[7; 10]).unwrap();
        for _ in 0..2 {
            let mount = disk.mount();
            assert_eq!(mount.write(0, &[8; 10]).unwrap_err().kind(), ErrorKind::StorageFull);
            assert_eq!(mount.set_len(11).unwrap_err().kind(), ErrorKind::StorageFull);
            mount.set_len(10).unwrap();
            mount.sync_data().unwrap();
            assert!(disk.had_no_room());
        }
        assert_eq!(holding(&disk.mount(), 10), [7; 10]);
        disk.make_room();
        disk.mount().write(0, &[8; 10]).unwrap();
        assert!(!disk.had_no_room());
    }

    #[test]
    fn trouble_strikes_once_and_power_stays_off() {
        let disk = Disk::default();
        let mount = disk.mount();
        disk.expect(1, Trouble::PowerFails);
        mount.set_len(10).unwrap();
        assert!(mount.write(0, &[7; 10]).is_err());
        assert!(mount.sync_data().is_err());
        assert_eq!(disk.struck(), Some(Trouble::PowerFails));
        let mount = disk.mount();
        disk.expect(0, Trouble::Fails);
        assert!(mount.sync_data().is_err());
        assert_eq!(disk.struck(), Some(Trouble::Fails));
        mount.sync_data().unwrap();
    }
}
