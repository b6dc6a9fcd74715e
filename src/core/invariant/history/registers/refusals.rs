//! Which writes a refused compare-and-swap may rest on.
//!
//! A write whose value nothing sees can be placed early, since it is in nobody's way; but a refusal of `x` may need it, if it comes
//! after a write of `x`. Such a write of `x` is open when the other one is, or has no end, and the refusal ends after it began.

use super::op::{Effect, Facts, Kind, Op, Open, Slot, index};
use alloc::vec;
use alloc::vec::Vec;

/// For each answered operation, whether a refusal may rest on it.
pub(super) fn needed(ops: &[Op], opens: &[Open], events: &[(u64, Kind, Slot)], facts: &[Facts]) -> Vec<bool> {
    let mut needed = vec![false; ops.len()];
    if facts.iter().all(|facts| facts.excluded_until == 0) {
        return needed;
    }
    // How long a refusal may rest on what follows this write.
    let until = |effect: Effect, invoked: u64| {
        let facts = effect.writes().and_then(|value| facts.get(index(value)));
        facts.map(|facts| facts.excluded_until).filter(|until| *until > invoked)
    };
    let mut unanswered: Vec<(u64, u64)> = Vec::new();
    for open in opens {
        let first = open.invoked.first().map_or(u64::MAX, |(invoked, _)| *invoked);
        unanswered.extend(until(open.effect, first).map(|until| (first, until)));
    }
    unanswered.sort_unstable();
    let mut unanswered = unanswered.into_iter().peekable();
    let mut longest = 0;
    let mut active: Vec<Slot> = Vec::new();
    let mark = |needed: &mut Vec<bool>, slot: Slot| {
        needed.get_mut(index(slot)).into_iter().for_each(|needed| *needed = true);
    };
    for (time, kind, slot) in events {
        while let Some((_, until)) = unanswered.next_if(|(first, _)| first < time) {
            longest = longest.max(until);
        }
        let Some(op) = ops.get(index(*slot)).filter(|op| op.effect.writes().is_some()) else { continue };
        match kind {
            Kind::Asked => {
                for other in &active {
                    let Some(before) = ops.get(index(*other)) else { continue };
                    if until(op.effect, op.invoked).is_some() {
                        mark(&mut needed, *other);
                    }
                    if until(before.effect, before.invoked).is_some() {
                        mark(&mut needed, *slot);
                    }
                }
                active.push(*slot);
            }
            Kind::Answered => {
                active.retain(|other| other != slot);
                if longest > op.invoked {
                    mark(&mut needed, *slot);
                }
            }
        }
    }
    needed
}
