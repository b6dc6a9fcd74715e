//! Digests of write ids in the image of a value. A digest is a hash of names: in the image it has to be that of the other names, and
//! what it is a digest of is seen only where a copy is.

use crate::protocol::fingerprint::hasher;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the digests of all copies are once their sessions are renamed, by renaming. Searches share it: values are wrapped by any thread,
/// and an entry never changes. There are as many as there are sets of write ids in a scope.
static KNOWN: Mutex<BTreeMap<Key, u128>> = Mutex::new(BTreeMap::new());
/// The number of entries. A thread whose copy has as many knows all: digests are asked for in every step, and learnt rarely.
static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static COPY: RefCell<BTreeMap<Key, u128>> = const { RefCell::new(BTreeMap::new()) };
}

/// What distinguishes a renaming of sessions, and a digest.
type Key = (u64, u128);

/// What a digest is under other names, if somebody has told.
fn known(key: Key) -> Option<u128> {
    COPY.with_borrow_mut(|copy| {
        if copy.len() != COUNT.load(Ordering::Acquire) {
            copy.clone_from(&KNOWN.lock().unwrap_or_else(PoisonError::into_inner));
        }
        copy.get(&key).copied()
    })
}

/// Keeps what a digest is under other names. `None`: sessions keep their names.
pub fn learn(names: Option<u64>, was: u128, is: u128) {
    let Some(key) = names.map(|names| (names, was)) else { return };
    if known(key).is_none() {
        let mut all = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, is);
        COUNT.store(all.len(), Ordering::Release);
    }
}

/// The hash of a renamed value, with the digests in it renamed, too.
pub fn hash_renamed(names: Option<u64>, value: &impl Hash) -> u64 {
    let Some(names) = names else { return hasher().hash_one(value) };
    let mut hasher = RenamedDigests { inner: hasher().build_hasher(), names };
    value.hash(&mut hasher);
    hasher.finish()
}

/// A hasher that takes other digests for those that it is given. Nothing else in a state is a number of 128 bits but the digest of rows,
/// which names no session, and which nobody has told of.
struct RenamedDigests<H> {
    inner: H,
    names: u64,
}

macro_rules! passed_on {
    ($($method:ident: $of:ty),*) => {
        $(fn $method(&mut self, number: $of) {
            self.inner.$method(number);
        })*
    };
}

impl<H: Hasher> Hasher for RenamedDigests<H> {
    passed_on!(write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_usize: usize);
    passed_on!(write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128, write_isize: isize);

    fn write(&mut self, bytes: &[u8]) {
        self.inner.write(bytes);
    }

    fn write_u128(&mut self, digest: u128) {
        self.inner.write_u128(known((self.names, digest)).unwrap_or(digest));
    }

    fn finish(&self) -> u64 {
        self.inner.finish()
    }
}
