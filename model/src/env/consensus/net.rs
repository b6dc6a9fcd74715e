//! Messages on their way: a sorted set of shared values.

use super::mixed;
use crate::shared::Shared;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::ids::{Names, Relabel};
use cutover::core::raft::Message;

/// A message between nodes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Sent(pub Message<ControlPlaneEntry>);

impl Relabel for Sent {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self(self.0.renamed::<ControlPlaneState>(names))
    }
}

/// Messages on their way, in the order of their hashes; equal ones are one.
#[derive(Clone, Debug, Default)]
pub struct Net {
    messages: Vec<Shared<Sent>>,
}

impl Net {
    /// The messages.
    #[must_use]
    pub fn messages(&self) -> &[Shared<Sent>] {
        &self.messages
    }

    /// Adds a message.
    pub fn add(&mut self, message: &Shared<Sent>) {
        if let Err(at) = self.messages.binary_search_by_key(&message.hash(0), |other| other.hash(0)) {
            self.messages.insert(at, message.clone());
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, at: usize) {
        if at < self.messages.len() {
            self.messages.remove(at);
        }
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

    /// Keeps those that may still do something.
    pub fn retain(&mut self, may: impl FnMut(&Shared<Sent>) -> bool) {
        self.messages.retain(may);
    }

    /// The hash of an image of the set.
    #[must_use]
    pub fn hash(&self, image: usize) -> u64 {
        self.messages.iter().fold(0, |sum: u64, message| sum.wrapping_add(mixed(message.hash(image))))
    }
}
