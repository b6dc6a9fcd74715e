//! Messages in flight between nodes.

use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Message;

/// Messages in flight: a list in the order of sending, or a set ordered by a key. Any of them may arrive next or be
/// lost.
#[derive(Clone, Debug)]
pub struct Wire<T> {
    messages: Vec<T>,
}

impl<T> Default for Wire<T> {
    fn default() -> Self {
        Self { messages: Vec::new() }
    }
}

impl<T> Wire<T> {
    /// The messages in flight, in the wire's order.
    #[must_use]
    pub fn messages(&self) -> &[T] {
        &self.messages
    }

    /// Appends a message to a wire that is a list.
    pub fn push(&mut self, message: T) {
        self.messages.push(message);
    }

    /// Inserts a message into a wire that is a set ordered by `key`. An equal message is not added again.
    pub fn insert_by_key<K: Ord>(&mut self, message: &T, key: impl Fn(&T) -> K)
    where
        T: Clone,
    {
        if let Err(at) = self.messages.binary_search_by_key(&key(message), key) {
            self.messages.insert(at, message.clone());
        }
    }

    /// Removes the message at a position.
    pub fn remove(&mut self, at: usize) -> Option<T> {
        (at < self.messages.len()).then(|| self.messages.remove(at))
    }

    /// Removes a set of messages, given as a bit for each position.
    pub fn lose(&mut self, set: u16) {
        let mut bit = set;
        if set != 0 {
            self.messages.retain(|_| {
                let kept = bit & 1 == 0;
                bit >>= 1;
                kept
            });
        }
    }

    /// Keeps the messages for which `keeps` returns true.
    pub fn retain(&mut self, keeps: impl FnMut(&T) -> bool) {
        self.messages.retain(keeps);
    }
}

/// The message after encoding and decoding, as on a network; `None` if it differs from the original.
pub fn carried(message: &Message<ControlPlaneEntry>) -> Option<Message<ControlPlaneEntry>> {
    let bytes = message.encode().ok()?;
    Message::decode(&bytes).ok().filter(|read| read == message)
}
