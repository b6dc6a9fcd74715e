//! Messages on their way.

use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::raft::Message;

/// Messages on their way between nodes: a list, or a set in the order of a key. Any may arrive next, or be lost.
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
    /// The messages.
    #[must_use]
    pub fn messages(&self) -> &[T] {
        &self.messages
    }

    /// Adds a message behind all others.
    pub fn push(&mut self, message: T) {
        self.messages.push(message);
    }

    /// Adds a message to a set that has the order of this key; one that is there already is one and the same.
    pub fn insert_by_key<K: Ord>(&mut self, message: &T, key: impl Fn(&T) -> K)
    where
        T: Clone,
    {
        if let Err(at) = self.messages.binary_search_by_key(&key(message), key) {
            self.messages.insert(at, message.clone());
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, at: usize) -> Option<T> {
        (at < self.messages.len()).then(|| self.messages.remove(at))
    }

    /// Takes a set of them out: a bit for each, in their order.
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

    /// Keeps those for which this holds.
    pub fn retain(&mut self, keeps: impl FnMut(&T) -> bool) {
        self.messages.retain(keeps);
    }
}

/// The message after its way over the network, as bytes; none, if it is another then.
pub fn carried(message: &Message<ControlPlaneEntry>) -> Option<Message<ControlPlaneEntry>> {
    let bytes = message.encode().ok()?;
    Message::decode(&bytes).ok().filter(|read| read == message)
}
