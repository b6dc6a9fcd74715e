//! What a step comes to.

use super::State;
use super::host::Effect;
use crate::protocol::Notes;
use cutover::core::invariant::Violation;
use std::sync::Arc;

/// What a step did.
#[derive(Clone)]
pub(crate) struct Stepped {
    pub(crate) state: State,
    /// The invariants that it broke, as a set.
    pub(crate) broken: u32,
    pub(crate) said: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) marks: u64,
    /// What happened to which node.
    pub(crate) effect: (u8, Arc<Effect>),
    /// What happened to others that could go on at once.
    pub(crate) synced: Vec<(u8, Arc<Effect>)>,
}

impl Stepped {
    /// The next state; the rest goes into the notes.
    pub(super) fn tell(self, notes: &mut Notes) -> State {
        crate::env::tell(notes, self.broken, &self.violations, self.marks.into(), self.said);
        self.state
    }
}
