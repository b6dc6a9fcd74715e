//! What others say of this node and it cannot know from its own log: that it is not one of them any more.

use std::sync::{Arc, Mutex, PoisonError};

/// Why this node is not listened to, as it was last told. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct RemovalNotice(Arc<Mutex<Option<String>>>);

impl RemovalNotice {
    /// It was told so.
    pub fn put(&self, why: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// What it was told.
    #[must_use]
    pub fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
