//! Digests of write ids in the image of a value. A digest is a hash of names: in the image it has to be that of the other names, and
//! what it is a digest of is seen only where a copy is.

use crate::protocol::fingerprint::hasher;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{PoisonError, RwLock};

/// What the digests of all copies are once their sessions are renamed, by renaming. Searches share it: values are wrapped by any thread,
/// and an entry never changes. There are as many as there are sets of write ids in a scope.
static KNOWN: RwLock<BTreeMap<Key, u128>> = RwLock::new(BTreeMap::new());

/// What distinguishes a renaming of sessions, and a digest.
type Key = (u64, u128);

/// Keeps what a digest is under other names. `None`: sessions keep their names.
pub fn learn(names: Option<u64>, was: u128, is: u128) {
    let Some(key) = names.map(|names| (names, was)) else { return };
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner).contains_key(&key);
    if !known {
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).insert(key, is);
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
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let renamed = known.get(&(self.names, digest)).copied().unwrap_or(digest);
        self.inner.write_u128(renamed);
    }

    fn finish(&self) -> u64 {
        self.inner.finish()
    }
}
