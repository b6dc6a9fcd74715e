//! How a walk chooses: the odds of each kind of action, which change at a few points of the walk.

use super::dice::Dice;
use crate::protocol::{Protocol, Sort};
use std::marker::PhantomData;

/// What the weight of a sort is multiplied with, in sixteenths, drawn for each walk anew: rare combinations come where some sorts
/// are left out and others are frequent.
const FACTORS: [u64; 8] = [0, 4, 8, 16, 16, 16, 32, 64];
/// Steps between two changes of the odds, on the average.
const CHANGES_EVERY: u64 = 400;
/// Steps between two quiet phases, at least and on the average more.
const RESTS_AFTER: u64 = 150;

/// Steps between two stretches in which only what has begun is taken further, on the average, and the most steps of one.
const ONWARD_EVERY: u64 = 30;
const ONWARD: u64 = 60;

/// The odds of a walk.
pub(super) struct Bias<P> {
    odds: Vec<u64>,
    /// Steps left of such a stretch.
    onward: u64,
    rests_at: u64,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Bias<P> {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let odds = P::sorts().iter().map(|sort| odds(sort, dice)).collect();
        Self { odds, onward: 0, rests_at: next_rest(0, dice), protocol: PhantomData }
    }

    /// The next action and its kind. `None` if nothing can happen.
    pub(super) fn choose(
        &mut self,
        protocol: &P,
        state: &P::State,
        step: u64,
        dice: &mut Dice,
    ) -> Option<(usize, P::Action)> {
        if dice.below(CHANGES_EVERY) == 0 {
            let at = usize::try_from(dice.below(u64::try_from(self.odds.len()).unwrap_or(1))).unwrap_or(0);
            self.odds[at] = odds(&P::sorts()[at], dice);
        }
        let mut list = Vec::new();
        if let Some(rest) = P::rest()
            && step >= self.rests_at
        {
            self.rests_at = next_rest(step, dice);
            protocol.enabled_of(state, rest, &mut list);
            let place = dice.place(list.len(), false);
            return list.into_iter().nth(place).map(|action| (rest, action));
        }
        // A kind of which nothing can happen is left out of the draw, until something is found.
        self.onward = self.onward.saturating_sub(1);
        if self.onward == 0 && dice.below(ONWARD_EVERY) == 0 {
            self.onward = dice.below(ONWARD);
        }
        let onward = self.onward > 0;
        let mut left = self.odds.clone();
        for (odds, sort) in left.iter_mut().zip(P::sorts()) {
            if onward {
                *odds = if sort.onward { u64::from(sort.weight) } else { 0 };
            }
        }
        if let Some(rest) = P::rest() {
            left[rest] = 0;
        }
        loop {
            let all: u64 = left.iter().sum();
            if all == 0 {
                return self.any(protocol, state, dice);
            }
            let mut at = dice.below(all);
            let kind = left.iter().position(|odds| {
                let found = at < *odds;
                at = at.saturating_sub(*odds);
                found
            })?;
            protocol.enabled_of(state, kind, &mut list);
            if !list.is_empty() {
                let place = if onward && P::sorts()[kind].newest && dice.percent(80) {
                    list.len() - 1
                } else {
                    dice.place(list.len(), P::sorts()[kind].newest)
                };
                return Some((kind, list.swap_remove(place)));
            }
            left[kind] = 0;
        }
    }

    /// Whether it is time to ask for the goals: where a quiet phase would be, if the protocol had one.
    pub(super) fn asks_for_goals(&mut self, step: u64, dice: &mut Dice) -> bool {
        let due = P::rest().is_none() && step >= self.rests_at;
        if due {
            self.rests_at = next_rest(step, dice);
        }
        due
    }

    /// Where the odds leave nothing: any action at all.
    fn any(&self, protocol: &P, state: &P::State, dice: &mut Dice) -> Option<(usize, P::Action)> {
        let many = self.odds.len();
        let from = usize::try_from(dice.below(u64::try_from(many).unwrap_or(1))).unwrap_or(0);
        let mut list = Vec::new();
        let mut kinds = (0..many).map(|at| (from + at) % many).filter(|kind| Some(*kind) != P::rest());
        let kind = kinds.find(|kind| {
            protocol.enabled_of(state, *kind, &mut list);
            !list.is_empty()
        })?;
        let place = dice.place(list.len(), P::sorts()[kind].newest);
        Some((kind, list.swap_remove(place)))
    }
}

fn odds(sort: &Sort, dice: &mut Dice) -> u64 {
    u64::from(sort.weight) * FACTORS[usize::try_from(dice.below(8)).unwrap_or(0)]
}

fn next_rest(step: u64, dice: &mut Dice) -> u64 {
    step + RESTS_AFTER + dice.below(RESTS_AFTER * 6)
}
