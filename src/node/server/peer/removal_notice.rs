//! A notice from peers that this node is no longer a member, which its own log may not show.

use std::sync::{Arc, Mutex, PoisonError};

/// The latest reason that a peer gave for refusing this node as removed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RemovalNotice(Arc<Mutex<Option<String>>>);

impl RemovalNotice {
    /// Stores a reason, in place of an earlier one.
    pub fn put(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// The reason, or `None` if no peer has given one.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
