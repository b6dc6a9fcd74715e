//! The result of a step.

use super::State;
use super::host::HostEffect;
use crate::protocol::Notes;
use cutover::core::invariant::Violation;
use std::sync::Arc;

/// The result of a step.
#[derive(Clone)]
pub(crate) struct Stepped {
    pub(crate) state: State,
    /// The violated invariants, a bit each.
    pub(crate) broken: u64,
    pub(crate) lines: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) marks: u64,
    /// The node that acted, and the effect on it.
    pub(crate) effect: (u8, Arc<HostEffect>),
    /// Other nodes whose disks were synced after the last crash, and the effects on them.
    pub(crate) synced: Vec<(u8, Arc<HostEffect>)>,
}

impl Stepped {
    /// Moves everything but the next state into `notes`.
    pub(super) fn tell(self, notes: &mut Notes) -> State {
        crate::env::tell(notes, self.broken, &self.violations, self.marks.into(), self.lines);
        self.state
    }
}
