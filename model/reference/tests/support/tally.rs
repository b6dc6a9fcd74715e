//! How often each thing was seen in a walk, so that none passes that has asked nothing.

#![allow(dead_code, reason = "each walk uses a part of it")]

use std::collections::BTreeMap;

#[derive(Default)]
pub struct Tally(BTreeMap<String, u64>);

impl Tally {
    pub fn notes(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// Each of these was seen at least so often.
    pub fn wants(&self, least: u64, all: &[&str]) {
        let seen = |what: &&&str| self.0.get(**what).copied().unwrap_or_default() < least;
        let missing: Vec<_> = all.iter().filter(seen).collect();
        assert!(missing.is_empty(), "seen less than {least} times: {missing:?}; seen: {:?}", self.0);
    }
}

/// The first word of a value's text: the name of its variant.
pub fn name(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}
