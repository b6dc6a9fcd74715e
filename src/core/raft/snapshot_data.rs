//! The state in a snapshot, which is encoded and decoded outside of the node's turns.

use super::machine::{Machine, State};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use once_cell::race::OnceBox;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A state of whichever machine, to be encoded.
trait Encode: Send + Sync {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error>;
}

impl<M: Machine> Encode for State<M> {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_allocvec(self)
    }
}

/// The sessions and the state machine of a snapshot. A snapshot that a node takes shares its state, and is encoded when its
/// bytes are first needed; one that it receives can be decoded before it is given to the node. So neither takes the time of
/// the node, which is in proportion to the state (ADR 0031). What is read back always comes from the bytes. Two are equal if
/// their bytes are.
pub struct SnapshotData {
    bytes: OnceBox<Vec<u8>>,
    /// What the bytes are made from, if they are not there yet.
    source: Option<Arc<dyn Encode>>,
    /// The state that was decoded from the bytes.
    decoded: OnceBox<Arc<dyn Any + Send + Sync>>,
}

impl SnapshotData {
    /// The data of a state, not encoded yet.
    pub(super) fn of<M: Machine>(state: State<M>) -> Self {
        Self { bytes: OnceBox::new(), source: Some(Arc::new(state)), decoded: OnceBox::new() }
    }

    /// The bytes, encoded now if they were not before.
    ///
    /// # Errors
    /// An error of the encoder, which cannot occur for the types of a state.
    pub fn encoded(&self) -> Result<&[u8], postcard::Error> {
        let encode = || self.source.as_ref().map_or_else(|| Ok(Vec::new()), |state| state.encode());
        self.bytes.get_or_try_init(|| encode().map(Box::new)).map(Vec::as_slice)
    }

    /// The bytes; none for a state that cannot be encoded.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.encoded().unwrap_or_default()
    }

    /// Whether the bytes are there.
    #[must_use]
    pub fn is_encoded(&self) -> bool {
        self.bytes.get().is_some()
    }

    /// Whether a state was decoded from the bytes and kept.
    #[must_use]
    pub fn is_decoded(&self) -> bool {
        self.decoded.get().is_some()
    }

    /// Keeps the state that the bytes were decoded to.
    pub(super) fn keep<M: Machine>(&self, state: State<M>) {
        let state: Arc<dyn Any + Send + Sync> = Arc::new(state);
        let _had_one = self.decoded.set(Box::new(state));
    }

    /// The state that was decoded and kept, if it is of this machine.
    pub(super) fn kept<M: Machine>(&self) -> Option<&State<M>> {
        self.decoded.get().and_then(|state| state.downcast_ref())
    }
}

impl From<Vec<u8>> for SnapshotData {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: OnceBox::with_value(Box::new(bytes)), source: None, decoded: OnceBox::new() }
    }
}

impl Clone for SnapshotData {
    fn clone(&self) -> Self {
        let copy = Self { bytes: OnceBox::new(), source: self.source.clone(), decoded: OnceBox::new() };
        if let Some(bytes) = self.bytes.get() {
            let _was_empty = copy.bytes.set(Box::new(bytes.clone()));
        }
        if let Some(state) = self.decoded.get() {
            let _was_empty = copy.decoded.set(Box::new(Arc::clone(state)));
        }
        copy
    }
}

impl PartialEq for SnapshotData {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for SnapshotData {}

impl PartialOrd for SnapshotData {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SnapshotData {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl Hash for SnapshotData {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.bytes().hash(hasher);
    }
}

impl fmt::Debug for SnapshotData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().fmt(f)
    }
}

impl Serialize for SnapshotData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.encoded().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SnapshotData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
