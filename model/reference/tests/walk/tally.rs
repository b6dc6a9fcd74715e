//! How often each kind of command was made and refused, so that no walk passes that has asked nothing.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Default)]
pub struct Tally {
    made: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<String, u64>,
    recoveries: u64,
    marks: BTreeMap<&'static str, u64>,
}

/// The kinds, with how often each must have been made; each must have been refused as often.
const KINDS: &[(&str, u64)] = &[
    ("create", 100),
    ("create by name", 100),
    ("open", 300),
    ("begin", 1_000),
    ("start block", 300),
    ("enter cutover", 300),
    ("enter timed cutover", 100),
    ("record watermark", 100),
    ("complete", 300),
    ("abort", 300),
    ("force", 100),
    ("settle", 100),
    ("retire", 300),
    ("forget", 300),
    ("delete", 100),
    ("write off", 100),
    ("release", 50),
    ("add a store", 100),
    ("add a store in use", 10),
    ("move a store", 100),
    ("remove a store", 100),
    ("order the next move", 100),
    ("order a move in flight", 100),
    ("drain a store", 100),
    ("end a drain", 50),
    ("say when a copy is dropped", 50),
];

/// What must have been in a record after a command, and how often.
const MARKS: &[(&str, u64)] = &[
    ("abort keeps the copy", 100),
    ("abort keeps no copy", 100),
    ("begin goes on with a copy", 50),
    ("begin goes on with none", 300),
    ("complete of a kept copy", 10),
    ("force of all rows", 50),
    ("force of a copy that lacks rows", 20),
];

/// The refusals that must have been seen.
const REFUSALS: usize = 54;

impl Tally {
    pub fn notes(&mut self, kind: &'static str, refusal: Option<&str>) {
        match refusal {
            None => *self.made.entry(kind).or_default() += 1,
            Some(refusal) => {
                *self.refused.entry(kind).or_default() += 1;
                *self.refusals.entry(refusal.to_owned()).or_default() += 1;
            }
        }
    }

    /// What a command that was made left in the record.
    pub fn marks(&mut self, what: &'static str) {
        *self.marks.entry(what).or_default() += 1;
    }

    pub fn notes_recovery(&mut self) {
        self.recoveries += 1;
    }

    pub fn wants_each_kind_often(&self) {
        for (kind, least) in KINDS {
            let (made, refused) = (self.made.get(kind).unwrap_or(&0), self.refused.get(kind).unwrap_or(&0));
            assert!(made >= least, "{kind} was made {made} times: {self}");
            assert!(refused >= least, "{kind} was refused {refused} times: {self}");
        }
        assert_eq!(self.refusals.len(), REFUSALS, "some refusals were never seen: {self}");
        for (mark, least) in MARKS {
            let seen = self.marks.get(mark).unwrap_or(&0);
            assert!(seen >= least, "{mark}: {seen} times: {self}");
        }
        assert!(self.recoveries >= 20, "{} recoveries", self.recoveries);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = |of: &BTreeMap<&str, u64>| of.values().sum::<u64>();
        write!(
            f,
            "{} made, {} refused, {} recoveries;",
            total(&self.made),
            total(&self.refused),
            self.recoveries
        )?;
        for (kind, _) in KINDS {
            let (made, refused) = (self.made.get(kind).unwrap_or(&0), self.refused.get(kind).unwrap_or(&0));
            write!(f, " {kind} {made}/{refused},")?;
        }
        for (mark, count) in &self.marks {
            write!(f, " {mark}: {count},")?;
        }
        for (refusal, count) in &self.refusals {
            write!(f, " {refusal} {count}")?;
        }
        Ok(())
    }
}
