//! The violations that were found.

use super::{Id, Violation};
use alloc::string::String;
use alloc::vec::Vec;

/// Collects violations, with or without their facts.
#[derive(Debug, Default)]
pub struct Findings {
    bits: u32,
    explain: bool,
    violations: Vec<Violation>,
}

impl Findings {
    /// An empty collection. `explain`: keep the facts, not only the ids.
    #[must_use]
    pub const fn new(explain: bool) -> Self {
        Self { bits: 0, explain, violations: Vec::new() }
    }

    /// The ids of the broken invariants, as a bit set.
    #[must_use]
    pub const fn bits(&self) -> u32 {
        self.bits
    }

    /// The violations, empty without `explain`.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Adds a violation of `id` unless it holds.
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
