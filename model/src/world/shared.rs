//! A part of the world's state that many states share: cloned by reference count, hashed once.

use ahash::RandomState;
use cutover::ids::{Relabel, SessionId};
use std::cell::RefCell;
use std::hash::Hash;
use std::sync::Arc;

/// Fixed, so that a fingerprint means the same in every run.
const SEEDS: [u64; 4] = [0x6375_746f, 0x7665_7200, 0x2d4d_6f64, 0x656c_2121];

/// The hasher of all fingerprints.
#[must_use]
pub const fn hasher() -> RandomState {
    RandomState::with_seeds(SEEDS[0], SEEDS[1], SEEDS[2], SEEDS[3])
}

/// What a thread remembers, by hash. Looked up only, never walked: the order of its entries shows nowhere.
#[expect(clippy::disallowed_types, reason = "looked up by key only, so hash order shows nowhere")]
pub type Memory<V> = RefCell<std::collections::HashMap<u64, V, RandomState>>;

/// An empty memory.
#[must_use]
#[expect(clippy::disallowed_types, reason = "looked up by key only, so hash order shows nowhere")]
pub const fn memory<V>() -> Memory<V> {
    RefCell::new(std::collections::HashMap::with_hasher(hasher()))
}

/// Beyond this many entries a memory starts anew.
const REMEMBERED_MAX: usize = 1 << 20;

/// The value for a key, computed at most once while the memory lasts.
pub fn remembered<V: Clone>(
    memory: &'static std::thread::LocalKey<Memory<V>>,
    key: u64,
    compute: impl FnOnce() -> V,
) -> V {
    if let Some(value) = memory.with_borrow(|known| known.get(&key).cloned()) {
        return value;
    }
    let value = compute();
    memory.with_borrow_mut(|known| {
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, value.clone());
    });
    value
}

thread_local! {
    static MIRRORED: Memory<u64> = const { memory() };
}

/// A value with its hash, and the hash of its mirror image.
#[derive(Debug)]
pub struct Shared<T>(Arc<Node<T>>);

#[derive(Debug)]
struct Node<T> {
    value: T,
    hash: u64,
    mirrored: u64,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Hash + Relabel> Shared<T> {
    /// Wraps a value. `mirror` exchanges the sessions, where the scope is symmetric.
    pub fn new(value: T, mirror: Option<&dyn Fn(SessionId) -> SessionId>) -> Self {
        let hash = hasher().hash_one(&value);
        let mirrored = mirror
            .map_or(hash, |mirror| remembered(&MIRRORED, hash, || hasher().hash_one(value.relabel(mirror))));
        Self(Arc::new(Node { value, hash, mirrored }))
    }
}

impl<T> Shared<T> {
    /// The value's hash, or that of its mirror image.
    pub fn hash(&self, mirrored: bool) -> u64 {
        if mirrored { self.0.mirrored } else { self.0.hash }
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Shared<T> {
    /// Whether both are one and the same, or equal by their hashes.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.hash == other.0.hash
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}
