//! Collects the violations that are found.

use super::{Id, Violation};
use alloc::string::String;
use alloc::vec::Vec;

/// The violations found so far: as a set of ids, and on request with their facts.
#[derive(Debug, Default)]
pub struct Findings {
    bits: u64,
    explain: bool,
    violations: Vec<Violation>,
}

impl Findings {
    /// An empty collection. With `explain`, the facts are kept as well as the ids.
    #[must_use]
    pub const fn new(explain: bool) -> Self {
        Self { bits: 0, explain, violations: Vec::new() }
    }

    /// The ids of the violated invariants, as a bit set.
    #[must_use]
    pub const fn bits(&self) -> u64 {
        self.bits
    }

    /// The violations with their facts; empty without `explain`.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Adds a violation of `id` unless `holds`. `facts` is called only if the facts are kept.
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
