//! Messages on their way: a sorted set of shared values.

use super::mixed;
use crate::host::Wire;
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
pub type Net = Wire<Shared<Sent>>;

impl Net {
    /// Adds a message.
    pub(super) fn add(&mut self, message: &Shared<Sent>) {
        self.insert_by_key(message, |message| message.hash(0));
    }

    /// The hash of an image of the set.
    pub(super) fn hash(&self, image: usize) -> u64 {
        self.messages().iter().fold(0, |sum: u64, message| sum.wrapping_add(mixed(message.hash(image))))
    }
}
