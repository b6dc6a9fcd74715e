//! A cache of the successors of the latest state.
//!
//! Only after an event is it known how many messages are in flight, and so which may be lost. Listing the actions
//! of a state therefore computes all its successors. A search lists the actions of a state and then asks for each
//! successor, and finds it here.

use super::action::{Action, ActionKind};
use super::stepped::Stepped;
use super::{Consensus, State};
use std::cell::RefCell;

/// The successors of one state, before any message is lost.
#[derive(Default)]
pub(super) struct SuccessorCache {
    /// The environment's key, and the identity of the state.
    of: (u64, (u64, u64)),
    /// The successors in the order of the actions. One is removed when it is taken, unless it is needed again.
    steps: Vec<(ActionKind, Option<u8>, Option<Stepped>)>,
    next: usize,
}

thread_local! {
    static LATEST: RefCell<SuccessorCache> = RefCell::default();
}

impl SuccessorCache {
    /// An empty cache for the successors of `state`.
    pub(super) fn of(env: &Consensus, state: &State) -> Self {
        let mut steps = LATEST.take().steps;
        steps.clear();
        Self { of: (env.key, state.identity()), steps, next: 0 }
    }

    pub(super) fn note(&mut self, what: ActionKind, crash: Option<u8>, stepped: Stepped) {
        self.steps.push((what, crash, Some(stepped)));
    }

    /// Keeps the successors until the actions of another state are listed.
    pub(super) fn keep(self) {
        LATEST.set(self);
    }

    fn take(&mut self, action: Action) -> Option<Stepped> {
        let Action { what, crash, lose } = action;
        let is = |step: &(ActionKind, Option<u8>, _)| (step.0, step.1) == (what, crash);
        // Successors are usually taken in order: the next one, or the same one again.
        while !self.steps.get(self.next).is_none_or(is) {
            self.next += 1;
        }
        let (.., stepped) = self.steps.get_mut(self.next)?;
        if lose == 0 { stepped.take() } else { stepped.clone() }
    }
}

/// The successor for an action, if it was computed; no message is lost in it yet.
pub(super) fn known(env: &Consensus, state: &State, action: Action) -> Option<Stepped> {
    LATEST.with_borrow_mut(|latest| {
        (latest.of == (env.key, state.identity())).then(|| latest.take(action)).flatten()
    })
}
