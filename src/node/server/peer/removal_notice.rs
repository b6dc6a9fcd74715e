//! What peers say about this node that its own log cannot tell: that it is no member any more.

use std::sync::{Arc, Mutex, PoisonError};

/// The latest reason that a peer gave for refusing this node as removed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RemovalNotice(Arc<Mutex<Option<String>>>);

impl RemovalNotice {
    /// Replaces the reason.
    pub fn put(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// The reason, if any peer has given one.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
