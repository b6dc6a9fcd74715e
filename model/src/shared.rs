//! Parts of states that many states share: cloned by reference count, hashed once.

use crate::digests;
pub use crate::protocol::fingerprint::hasher;
use cutover::core::ids::{Names, NodeId, Relabel, SessionId};
use nohash_hasher::BuildNoHashHasher;
use std::cell::RefCell;
use std::hash::Hash;
use std::sync::{Arc, OnceLock};

/// A thread's cache, keyed by a 64-bit hash. It is never iterated, so its order cannot affect results.
#[expect(clippy::disallowed_types, reason = "looked up by key only, so hash order shows nowhere")]
pub type Memory<V> = RefCell<std::collections::HashMap<u64, V, BuildNoHashHasher<u64>>>;

/// Makes an empty cache.
#[must_use]
#[expect(clippy::disallowed_types, reason = "looked up by key only, so hash order shows nowhere")]
pub const fn memory<V>() -> Memory<V> {
    RefCell::new(std::collections::HashMap::with_hasher(BuildNoHashHasher::new()))
}

/// Maximum number of entries; a full cache is cleared.
const REMEMBERED_MAX: usize = 1 << 20;

/// The cached value for a key, computed if it is not in the cache.
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

/// A scope's symmetry group: the renamings under which its rules do not change. One state represents all those that
/// differ from it by a renaming in the group.
#[derive(Clone, Debug, Default)]
pub struct Symmetry {
    renamings: Arc<[Renaming]>,
    /// Distinguishes groups in cache keys.
    key: u64,
}

/// A permutation of ids. Ids that are not listed are kept.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Renaming {
    /// Sessions, as pairs of old and new id.
    pub sessions: Vec<(SessionId, SessionId)>,
    /// Nodes, as pairs of old and new id.
    pub nodes: Vec<(NodeId, NodeId)>,
}

impl Names for Renaming {
    fn session(&self, session: SessionId) -> SessionId {
        self.sessions.iter().find(|(old, _)| *old == session).map_or(session, |(_, new)| *new)
    }

    fn node(&self, node: NodeId) -> NodeId {
        self.nodes.iter().find(|(old, _)| *old == node).map_or(node, |(_, new)| *new)
    }

    fn digest(&self, was: u128, is: u128) {
        digests::learn(self.key(), was, is);
    }
}

impl Renaming {
    /// Distinguishes what it makes of sessions.
    fn key(&self) -> Option<u64> {
        (!self.sessions.is_empty()).then(|| hasher().hash_one(&self.sessions))
    }
}

impl Symmetry {
    /// Makes a group from its renamings without the identity.
    #[must_use]
    pub fn new(renamings: Vec<Renaming>) -> Self {
        let key = hasher().hash_one(&renamings);
        Self { renamings: renamings.into(), key }
    }

    fn images<T: Hash + Relabel>(&self, value: &T, hash: u64) -> Arc<[u64]> {
        remembered(&IMAGES, hash ^ self.key, || {
            let images = self.renamings.iter();
            images.map(|names| digests::hash_renamed(names.key(), &value.relabel(names))).collect()
        })
    }
}

thread_local! {
    static IMAGES: Memory<Arc<[u64]>> = const { memory() };
}

/// A value with its hash, and the hashes of its images under a scope's symmetry.
#[derive(Debug)]
pub struct Shared<T>(Arc<Node<T>>);

#[derive(Debug)]
struct Node<T> {
    value: T,
    hash: u64,
    symmetry: Symmetry,
    /// Computed when they are asked for: a run to a goal passes through many values, and asks for the images of few.
    images: OnceLock<Arc<[u64]>>,
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Hash + Relabel> Shared<T> {
    /// Wraps a value and computes its hashes.
    pub fn new(value: T, symmetry: &Symmetry) -> Self {
        let hash = hasher().hash_one(&value);
        let images = OnceLock::new();
        // A value with sessions may tell of digests that another value contains (`digests.rs`).
        if symmetry.renamings.iter().any(|names| !names.sessions.is_empty()) {
            let _ = images.set(symmetry.images(&value, hash));
        }
        Self(Arc::new(Node { value, hash, symmetry: symmetry.clone(), images }))
    }
}

impl<T: Hash + Relabel> Shared<T> {
    /// Wraps a value, reusing the allocation of an equal value that this thread has wrapped before. `key` separates
    /// values of different scopes in the cache.
    pub fn interned(
        value: T,
        symmetry: &Symmetry,
        key: u64,
        memory: &'static std::thread::LocalKey<Memory<Self>>,
    ) -> Self {
        let hash = hasher().hash_one((key, &value));
        remembered(memory, hash, || Self::new(value, symmetry))
    }
}

impl<T: Hash + Relabel> Shared<T> {
    /// The hash of one of the value's images; image 0 is the value itself.
    pub fn hash(&self, image: usize) -> u64 {
        let Node { value, hash, symmetry, images } = &*self.0;
        let renamed = image.checked_sub(1).filter(|_| !symmetry.renamings.is_empty());
        let renamed = renamed.and_then(|at| images.get_or_init(|| symmetry.images(value, *hash)).get(at));
        renamed.copied().unwrap_or(*hash)
    }
}

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T> Shared<T> {
    /// Number of images, the value itself included.
    #[must_use]
    pub fn images(&self) -> usize {
        self.0.symmetry.renamings.len() + 1
    }

    /// Whether two values are equal, by identity or by hash.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.hash == other.0.hash
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}
