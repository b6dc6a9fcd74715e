//! [`PersistentMap`]: an ordered map whose copies share what did not change.
//!
//! The applied state is read by callers while the next entries are applied. A copy of the whole state is one
//! pointer for each map in it, and a change copies the path to one entry. Serialized as a `BTreeMap` is.
//!
//! May import: nothing.

use alloc::collections::BTreeMap;
use core::borrow::Borrow;
use core::fmt;
use core::ops::Bound;
use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ordered map that is cloned in constant time.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersistentMap<K: Ord, V>(RedBlackTreeMapSync<K, V>);

impl<K: Ord, V> Default for PersistentMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> PersistentMap<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self(RedBlackTreeMapSync::new_sync())
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// Whether the map has the key.
    #[must_use]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.size()
    }

    /// Whether the map has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter()
    }

    /// All values, by key.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.values()
    }

    /// The values of the keys above this one; all for `None`. Costs what it returns.
    pub fn values_after(&self, key: Option<K>) -> impl Iterator<Item = &V> {
        let from = key.map_or(Bound::Unbounded, Bound::Excluded);
        self.0.range::<K, _>((from, Bound::Unbounded)).map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone> PersistentMap<K, V> {
    /// Sets the value of a key.
    pub fn insert(&mut self, key: K, value: V) {
        self.0.insert_mut(key, value);
    }

    /// Removes a key, and returns its value.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let value = self.0.get(key).cloned()?;
        self.0.remove_mut(key);
        Some(value)
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for PersistentMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug> fmt::Debug for PersistentMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Serialize, V: Serialize> Serialize for PersistentMap<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter())
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for PersistentMap<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(|entries| entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut map: PersistentMap<u32, u32> = (0..1_000).map(|key| (key, key)).collect();
        let before = map.clone();
        map.insert(7, 70);
        assert_eq!((map.remove(&8), map.remove(&8)), (Some(8), None));
        assert_eq!((map.get(&7), map.get(&8), map.len()), (Some(&70), None, 999));
        assert_eq!((before.get(&7), before.get(&8), before.len()), (Some(&7), Some(&8), 1_000));
        assert_eq!(before.values_after(Some(997)).collect::<Vec<_>>(), [&998, &999]);
        assert_eq!(before.values_after(None).count(), 1_000);
    }

    /// Stores and backups have the bytes of a `BTreeMap`.
    #[test]
    fn it_is_stored_as_the_map_of_the_standard_library() {
        let entries = [(3_u32, "c"), (1, "a"), (2, "b")];
        let ours: PersistentMap<_, _> = entries.into_iter().collect();
        let bytes = postcard::to_allocvec(&ours).unwrap();
        assert_eq!(bytes, postcard::to_allocvec(&BTreeMap::from(entries)).unwrap());
        assert_eq!(postcard::from_bytes::<PersistentMap<u32, &str>>(&bytes).unwrap(), ours);
    }
}
