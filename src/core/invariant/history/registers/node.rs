//! A configuration of the search: what is placed by now, and what the register holds.

use super::op::{Number, Slot, index};
use alloc::vec::Vec;

/// What the register holds between two writes of which nothing sees the first: something that the next write must overwrite.
pub(super) const OVERWRITTEN: Number = Number::MAX;

/// For each class of open operations, how many are placed, as far as that can still matter.
pub(super) type Used = Vec<(u32, u32)>;

#[derive(Clone)]
pub(super) struct Node {
    /// The number of events taken so far.
    pub(super) event: usize,
    pub(super) state: Number,
    /// Operations invoked and not placed.
    pub(super) open: Vec<Slot>,
    /// The lanes of operations that are placed and whose answer has not been reached yet.
    pub(super) ahead: Lanes,
    pub(super) used: Used,
}

impl Node {
    pub(super) fn used(&self, class: u32) -> u32 {
        self.used.iter().find(|(other, _)| *other == class).map_or(0, |(_, count)| *count)
    }

    pub(super) fn uses(&mut self, class: u32) {
        match self.used.iter_mut().find(|(other, _)| *other == class) {
            Some((_, count)) => *count += 1,
            None => self.used.push((class, 1)),
        }
    }
}

/// A set of lanes. Few histories have more than 64 operations open at once.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Lanes {
    low: u64,
    /// The lanes from 64 on; no zeros at the end.
    more: Vec<u64>,
}

impl Lanes {
    pub(super) fn has(&self, lane: u32) -> bool {
        let word = match lane.checked_sub(64) {
            None => self.low,
            Some(rest) => self.more.get(word(rest)).copied().unwrap_or_default(),
        };
        word >> (lane % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, lane: u32) {
        let bit = 1 << (lane % 64);
        let Some(rest) = lane.checked_sub(64) else {
            self.low |= bit;
            return;
        };
        if self.more.len() <= word(rest) {
            self.more.resize(word(rest) + 1, 0);
        }
        self.more.get_mut(word(rest)).into_iter().for_each(|word| *word |= bit);
    }

    pub(super) fn remove(&mut self, lane: u32) {
        let bit: u64 = 1 << (lane % 64);
        let Some(rest) = lane.checked_sub(64) else {
            self.low &= !bit;
            return;
        };
        self.more.get_mut(word(rest)).into_iter().for_each(|word| *word &= !bit);
        while self.more.last() == Some(&0) {
            self.more.pop();
        }
    }
}

fn word(rest: u32) -> usize {
    index(rest / 64)
}
