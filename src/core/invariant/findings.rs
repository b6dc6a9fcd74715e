//! What was found broken.

use super::{Id, Violation};
use alloc::string::String;
use alloc::vec::Vec;

/// Collects violations; without `explain` only which.
#[derive(Debug, Default)]
pub struct Findings {
    bits: u32,
    explain: bool,
    violations: Vec<Violation>,
}

impl Findings {
    /// Keeps the ids alone, or the facts too.
    #[must_use]
    pub const fn new(explain: bool) -> Self {
        Self { bits: 0, explain, violations: Vec::new() }
    }

    /// The ids found broken, as a set.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// The facts.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Notes that `id` is broken unless it holds.
    pub fn demand(&mut self, holds: bool, id: Id, facts: impl FnOnce() -> (String, String)) {
        if holds {
            return;
        }
        self.bits |= id.bit();
        if self.explain {
            let (found, against) = facts();
            self.violations.push(Violation { id, found, against });
        }
    }
}
