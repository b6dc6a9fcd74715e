//! The verdict on one key.

use super::decide::{Decided, decide, stuck};
use super::explain;
use super::key::Key;
use super::verdict::Verdict;
use alloc::borrow::ToOwned;
use alloc::boxed::Box;

impl Key {
    /// Judges the key's operations. The search may visit `budget` configurations; returns how many it did.
    #[must_use]
    pub fn judge(&self, budget: u64) -> (Verdict, u64) {
        let ops = self.ops();
        let mut left = budget;
        let verdict = match decide(&ops, &mut left) {
            Decided::Order => Verdict::Linearizable,
            Decided::NoOrder { reached, stuck: known } => match known.or_else(|| stuck(&ops, reached)) {
                Some(stuck) => Verdict::NotLinearizable(Box::new(explain::failure(self, &ops, &stuck))),
                None => Verdict::Linearizable,
            },
            Decided::Budget => Verdict::Unknown { key: self.name().to_owned() },
        };
        (verdict, budget - left)
    }
}
