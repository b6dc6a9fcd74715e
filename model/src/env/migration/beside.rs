//! Controllers beside their reference: what a machine does with a record and an event is judged once, however many states share them.

use crate::shared::{Memory, hasher, memory, remembered};
use cutover::core::migration::{Controller, Event, Output, PartitionRecord};
use cutover_reference::beside::Disagreement;
use cutover_reference::beside::controller::ControllerBeside;
use std::hash::Hash;
use std::sync::Arc;

thread_local! {
    static JUDGED: Memory<Option<Arc<Disagreement>>> = const { memory() };
}

/// A value with its hash.
pub(super) struct Hashed<'a, T>(&'a T, u64);

impl<T> Clone for Hashed<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Hashed<'_, T> {}

impl<'a, T: Hash> Hashed<'a, T> {
    pub(super) fn new(value: &'a T) -> Self {
        Self(value, hasher().hash_one(value))
    }

    pub(super) const fn value(self) -> &'a T {
        self.0
    }
}

/// What a controller did at an event, and its reference does not.
pub(super) fn judged(
    before: Hashed<'_, Controller>,
    record: Hashed<'_, PartitionRecord>,
    event: Hashed<'_, Event>,
    (outputs, after): (&[Output], &Controller),
) -> Option<Arc<Disagreement>> {
    let key = hasher().hash_one((before.1, record.1, event.1));
    remembered(&JUDGED, key, || {
        let judged = ControllerBeside::of(before.0).handled(record.0, event.0, outputs, after);
        judged.err().map(Arc::new)
    })
}
