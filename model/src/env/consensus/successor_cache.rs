//! What the choices of a state lead to, worked out while they are listed.
//!
//! Which messages there is no room for after a choice is known only once it was taken; so listing the choices of a state
//! takes them all. A search asks for the choices of a state and then for each successor: it finds them here.

use super::action::{Action, ActionKind};
use super::stepped::Stepped;
use super::{State, World};
use std::cell::RefCell;

/// The successors of one state, before anything is lost.
#[derive(Default)]
pub(super) struct SuccessorCache {
    /// Which world, and which state.
    of: (u64, (u64, u64)),
    /// In the order of the choices. One that was asked for is gone, unless it may be asked for again.
    steps: Vec<(ActionKind, Option<u8>, Option<Stepped>)>,
    next: usize,
}

thread_local! {
    static LATEST: RefCell<SuccessorCache> = RefCell::default();
}

impl SuccessorCache {
    /// The successors of a state, of which none is known yet.
    pub(super) fn of(world: &World, state: &State) -> Self {
        let mut steps = LATEST.take().steps;
        steps.clear();
        Self { of: (world.key, state.identity()), steps, next: 0 }
    }

    pub(super) fn note(&mut self, what: ActionKind, crash: Option<u8>, stepped: Stepped) {
        self.steps.push((what, crash, Some(stepped)));
    }

    /// Keeps them until the choices of another state are listed.
    pub(super) fn keep(self) {
        LATEST.set(self);
    }

    fn take(&mut self, action: Action) -> Option<Stepped> {
        let Action { what, crash, lose } = action;
        let is = |step: &(ActionKind, Option<u8>, _)| (step.0, step.1) == (what, crash);
        // Asked for in the order of the list, the next is the one, or the same as before.
        while !self.steps.get(self.next).is_none_or(is) {
            self.next += 1;
        }
        let (.., stepped) = self.steps.get_mut(self.next)?;
        if lose == 0 { stepped.take() } else { stepped.clone() }
    }
}

/// What a choice leads to, if that was worked out; nothing of it is lost yet.
pub(super) fn known(world: &World, state: &State, action: Action) -> Option<Stepped> {
    LATEST.with_borrow_mut(|latest| {
        (latest.of == (world.key, state.identity())).then(|| latest.take(action)).flatten()
    })
}
