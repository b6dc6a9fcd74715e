//! The search in breadth, level by level: the first violation that it finds has a shortest run.

use super::{Searched, Shared, Tally};
use crate::protocol::Protocol;

/// How a state was reached: the number of its parent, and which of the parent's actions led to it.
type Step = (u32, u32);

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl<P: Protocol> Searched<P> {
    /// Searches on this thread, without symmetry. Returns the way to the first violation.
    pub(super) fn widen(&self, shared: &Shared, first: P::State) -> Option<Vec<P::Action>> {
        // The steps of all states in the order of discovery; the initial state has none.
        let mut steps: Vec<Step> = vec![(0, 0)];
        let mut level = vec![(0, first)];
        let (mut actions, mut depth) = (Vec::new(), 0);
        while !level.is_empty() {
            let mut next_level = Vec::new();
            for (parent, state) in level {
                if shared.stopped() {
                    return None;
                }
                let mut tally = Tally::default();
                self.protocol.enabled(&state, &mut actions);
                for (at, action) in actions.drain(..).enumerate() {
                    let Some(next) = self.successor(&state, &action, &mut tally) else { continue };
                    if !shared.seen.insert(next.fingerprint(false)) {
                        continue;
                    }
                    tally.unique += 1;
                    steps.push((parent, number(at)));
                    if self.is_violation(&next) {
                        shared.add(&tally, depth + 1);
                        return self.way(&steps);
                    }
                    next_level.push((number(steps.len() - 1), next.state));
                }
                shared.add(&tally, depth);
            }
            level = next_level;
            depth += 1;
        }
        None
    }

    /// The actions on the way to the newest state.
    fn way(&self, steps: &[Step]) -> Option<Vec<P::Action>> {
        let mut numbers = Vec::new();
        let mut at = steps.len().checked_sub(1)?;
        while at > 0 {
            let (parent, action) = *steps.get(at)?;
            numbers.push(action);
            at = usize::try_from(parent).ok()?;
        }
        let (mut state, mut way, mut actions) = (self.protocol.initial(), Vec::new(), Vec::new());
        for number in numbers.into_iter().rev() {
            actions.clear();
            self.protocol.enabled(&state, &mut actions);
            let action = actions.get(usize::try_from(number).ok()?)?.clone();
            state = self.successor(&state, &action, &mut Tally::default())?.state;
            way.push(action);
        }
        Some(way)
    }
}
