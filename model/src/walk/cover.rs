//! What walks have covered: marks, abstract states, and the kinds of actions that were taken from each.

use crate::protocol::{MarkSet, Protocol, marks_in};
use std::collections::BTreeMap;
use std::time::Duration;

/// The extent of walks.
#[derive(Clone, Debug, Default)]
pub struct Covered {
    /// Walks that have ended.
    pub walks: u64,
    /// Steps taken and judged.
    pub steps: u64,
    /// Wall time.
    pub took: Duration,
    /// The marks reached.
    pub marks: MarkSet,
    /// The number of walks that reached each mark.
    pub walks_to: Vec<u64>,
    /// Steps taken of each kind, and actions of it that changed nothing.
    pub kinds: Vec<(u64, u64)>,
    /// How often each abstract state was left by a step, and by which kinds.
    pub abstractions: BTreeMap<u64, (u64, u64)>,
    seen: Vec<u64>,
}

impl Covered {
    pub(super) fn of<P: Protocol>() -> Self {
        let (sorts, marks) = (P::sorts().len(), P::marks().len());
        Self { kinds: vec![(0, 0); sorts], walks_to: vec![0; marks], ..Self::default() }
    }

    pub(super) fn refused(&mut self, kind: usize) {
        if let Some((_, refused)) = self.kinds.get_mut(kind) {
            *refused += 1;
        }
    }

    pub(super) fn took<P: Protocol>(&mut self, protocol: &P, state: &P::State, kind: usize) {
        self.steps += 1;
        if let Some((taken, _)) = self.kinds.get_mut(kind) {
            *taken += 1;
        }
        self.seen.clear();
        protocol.abstractions(state, &mut self.seen);
        for code in &self.seen {
            let (times, kinds) = self.abstractions.entry(*code).or_default();
            *times += 1;
            *kinds |= 1 << kind;
        }
    }

    /// A walk has ended that reached these marks.
    pub(super) fn ended(&mut self, marks: MarkSet) {
        self.walks += 1;
        self.marks |= marks;
        for (at, walks) in self.walks_to.iter_mut().enumerate() {
            *walks += u64::from(marks & (1 << at) != 0);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.walks += other.walks;
        self.steps += other.steps;
        self.marks |= other.marks;
        self.kinds.resize(self.kinds.len().max(other.kinds.len()), (0, 0));
        for (all, (taken, refused)) in self.kinds.iter_mut().zip(&other.kinds) {
            *all = (all.0 + taken, all.1 + refused);
        }
        self.walks_to.resize(self.walks_to.len().max(other.walks_to.len()), 0);
        for (all, walks) in self.walks_to.iter_mut().zip(&other.walks_to) {
            *all += walks;
        }
        for (code, (times, kinds)) in &other.abstractions {
            let all = self.abstractions.entry(*code).or_default();
            *all = (all.0 + times, all.1 | kinds);
        }
    }

    /// Pairs of an abstract state and a kind of action that was taken from it.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.abstractions.values().map(|(_, kinds)| u64::from(kinds.count_ones())).sum()
    }
}

/// What walks covered, in words.
#[derive(Clone, Debug)]
pub struct WalkedText {
    /// The texts of the marks reached, and the number of walks that reached each.
    pub marks: Vec<(&'static str, u64)>,
    /// The texts of the marks that were not reached.
    pub unreached: Vec<&'static str>,
    /// Each kind of action: its name, how often it was taken, and how often it changed nothing.
    pub kinds: Vec<(&'static str, u64, u64)>,
    /// Each abstract state in words, and how often a step was taken in it; the rarest first.
    pub states: Vec<(String, u64)>,
}

impl WalkedText {
    /// In the words of this protocol.
    #[must_use]
    pub fn of<P: Protocol>(covered: &Covered) -> Self {
        let reached = marks_in::<P>(covered.marks);
        let unreached = P::marks().iter().copied().filter(|mark| !reached.contains(mark)).collect();
        let all = P::marks().iter().copied().zip(covered.walks_to.iter().copied());
        let marks = all.filter(|(mark, _)| reached.contains(mark)).collect();
        let kinds = P::sorts().iter().map(|sort| sort.name).zip(&covered.kinds);
        let kinds = kinds.map(|(name, (taken, refused))| (name, *taken, *refused)).collect();
        let states = covered.abstractions.iter();
        let mut states: Vec<_> =
            states.map(|(code, (times, _))| (P::abstraction_text(*code), *times)).collect();
        states.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
        Self { marks, unreached, kinds, states }
    }
}
