//! The storage backend given to redb. It counts bytes and syncs, refuses writes after a failure, and verifies
//! the checksums of blocks that are read again.

use super::block_checksums::BlockChecksums;
use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The counters of a backend, and the switch that refuses writes. Shared between the store and the backend,
/// which redb owns.
#[derive(Debug, Default)]
pub(super) struct Meter {
    shut: AtomicBool,
    length: AtomicU64,
    written: AtomicU64,
    syncs: AtomicU64,
}

impl Meter {
    /// Refuses all further writes. redb stops by itself after an error of the backend, but not after damage,
    /// and it writes once more when it is dropped.
    pub(super) fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.length.load(Ordering::Relaxed)
    }

    pub(super) fn written_bytes(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    fn pass(&self) -> io::Result<()> {
        if self.shut.load(Ordering::SeqCst) {
            return Err(io::Error::other("an earlier write failed"));
        }
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct MeteredBackend<B> {
    backend: B,
    meter: Arc<Meter>,
    blocks: BlockChecksums,
}

impl<B: StorageBackend> MeteredBackend<B> {
    pub(super) fn new(backend: B) -> io::Result<(Self, Arc<Meter>)> {
        let meter = Arc::new(Meter::default());
        meter.length.store(backend.len()?, Ordering::Relaxed);
        Ok((Self { backend, meter: Arc::clone(&meter), blocks: BlockChecksums::default() }, meter))
    }
}

impl<B: StorageBackend> StorageBackend for MeteredBackend<B> {
    fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.backend.read(offset, out)?;
        self.blocks.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.meter.pass()?;
        self.backend.set_len(len)?;
        self.blocks.cut(len);
        self.meter.length.store(len, Ordering::Relaxed);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.meter.pass()?;
        self.meter.syncs.fetch_add(1, Ordering::Relaxed);
        self.backend.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.meter.pass()?;
        self.meter.written.fetch_add(u64::try_from(data.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.blocks.wrote(offset, data);
        self.backend.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.backend.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.backend.query_lock_range(start, end)
    }
}
