//! The contents of a file, as far as they are compared.

use cutover_report::{BaselineVerdict, Expect, InvariantVerdict as Verdict, Options, SeedVerdict};
use indicatif::HumanCount;
use std::collections::{BTreeMap, BTreeSet};

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// Every state within the bounds was visited.
    Complete,
    /// An invariant is violated.
    Violation,
    /// A limit, an interrupt or an error ended it.
    Early,
}

/// The results in a file, independent of the order of its lines.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Side {
    /// Path of the file, as given.
    pub(super) file: String,
    /// Versions of the program that wrote it.
    pub(super) versions: BTreeSet<String>,
    /// Searches, by scope and options.
    pub(super) scopes: BTreeMap<Key, Searched>,
    /// Mutants, by file name of their patches.
    pub(super) mutants: BTreeMap<String, Mutant>,
    /// Results of the unmutated tree, by scope.
    pub(super) baselines: BTreeMap<String, Baseline>,
    /// Seeds of the simulator, by name.
    pub(super) seeds: BTreeMap<String, Seed>,
    /// Marks that the seeds reached together.
    pub(super) seed_marks: BTreeSet<String>,
    /// Whether the file lists all mutants that exist.
    pub(super) every_mutant: bool,
}

impl Side {
    /// Ids of the invariants with a verdict in any scope.
    pub(super) fn invariants(&self) -> BTreeSet<&str> {
        self.scopes.values().flat_map(|scope| scope.rulings.keys()).map(String::as_str).collect()
    }
}

/// A scope together with the options of its search.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) scope: String,
    pub(super) options: BTreeMap<String, String>,
}

/// The result of a search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Searched {
    pub(super) ending: Ending,
    /// The limit that ended the search, if one did; not compared.
    pub(super) ended_by: Option<String>,
    /// `None` if the search was not complete: the number then only tells where it stopped.
    pub(super) unique: Option<u64>,
    pub(super) rulings: BTreeMap<String, Ruling>,
    /// Empty if the search was not complete.
    pub(super) reached: BTreeSet<String>,
    /// Marks that the scope requires and the search did not reach.
    pub(super) missing: BTreeSet<String>,
    /// `None` in files of early versions.
    pub(super) setup: Option<Setup>,
}

/// A verdict, and the length of the run that shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    pub(super) steps: Option<u64>,
}

/// The definition of a scope, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setup {
    pub(super) bounds: String,
    pub(super) faults: String,
    /// The invariant that the search is expected to find violated.
    pub(super) expect: Option<String>,
}

impl Searched {
    /// The invariant that the search is expected to find violated.
    pub(super) fn expect(&self) -> Option<&str> {
        self.setup.as_ref()?.expect.as_deref()
    }

    pub(super) fn expects(&self, invariant: &str) -> bool {
        self.expect() == Some(invariant)
    }

    pub(super) fn verdict(&self, invariant: &str) -> Option<Verdict> {
        self.rulings.get(invariant).map(|ruling| ruling.verdict)
    }

    /// Whether the search ended in the way that the scope expects.
    pub(super) fn ended_well(&self) -> bool {
        match self.expect() {
            Some(id) => self.verdict(id) == Some(Verdict::Violated),
            None => self.ending == Ending::Complete,
        }
    }

    /// Whether a verdict is as expected. In a scope with an expected violation, all other invariants may be
    /// undecided.
    pub(super) fn is_right(&self, invariant: &str, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Holds => !self.expects(invariant),
            Verdict::Violated => self.expects(invariant),
            Verdict::Unknown => self.expect().is_some() && self.ended_well() && !self.expects(invariant),
        }
    }

    /// Whether the search and all verdicts are as expected.
    pub(super) fn is_well(&self) -> bool {
        self.ended_well()
            && self.missing.is_empty()
            && self.rulings.iter().all(|(id, ruling)| self.is_right(id, ruling.verdict))
    }

    /// Merges another search of the same scope and options. Returns false if the two differ in anything that is
    /// compared.
    pub(super) fn merge(&mut self, other: Self) -> bool {
        let compared = |it: &Self| {
            let rulings: Vec<_> =
                it.rulings.iter().map(|(id, ruling)| (id.clone(), ruling.verdict)).collect();
            (it.ending, it.unique, rulings, it.reached.clone(), it.missing.clone(), it.setup.clone())
        };
        if compared(self) != compared(&other) {
            return false;
        }
        for (id, ruling) in other.rulings {
            if let Some(own) = self.rulings.get_mut(&id) {
                own.steps = own.steps.min(ruling.steps);
            }
        }
        self.ended_by = self.ended_by.take().min(other.ended_by);
        true
    }
}

/// The verdict on a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MutantResult {
    Killed,
    Survived,
    /// The search ended before it had a verdict.
    Unknown,
    /// The patch does not apply, or its build or check failed to run.
    Broken,
    /// The patch applies, but the mutant was not run.
    Applies,
    NotRun,
}

/// What the line of a mutant names that any violation kills.
const ANY: &str = "any";

/// The result of a mutant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mutant {
    pub(super) fate: MutantResult,
    /// Id of the invariant that failed, or `the compiler`.
    pub(super) by: Option<String>,
    /// Id of the invariant that must fail; empty if the line does not contain it.
    pub(super) named: String,
    /// The verdict that the patch demands, if the line contains it.
    pub(super) expect: Option<Expect>,
    pub(super) as_expected: bool,
    /// The reason for the verdict; not compared.
    pub(super) why: String,
}

impl Mutant {
    /// A mutant that was not run.
    pub(super) fn unjudged(fate: MutantResult, why: String) -> Self {
        let as_expected = fate == MutantResult::Applies;
        Self { fate, by: None, named: String::new(), expect: None, as_expected, why }
    }

    /// Whether the mutant has a verdict.
    pub(super) fn was_run(&self) -> bool {
        match self.fate {
            MutantResult::Killed | MutantResult::Survived | MutantResult::Unknown | MutantResult::Broken => {
                true
            }
            MutantResult::Applies | MutantResult::NotRun => false,
        }
    }

    /// Whether the verdict is the one that the patch demands.
    pub(super) fn is_well(&self) -> bool {
        let by_another =
            self.fate == MutantResult::Killed && self.expect == Some(Expect::Killed) && self.by_another();
        self.as_expected && !by_another
    }

    /// Merges the result of another run, or of another engine where any may find the mutant. Returns false if the two
    /// differ in anything that is compared.
    pub(super) fn merge(&mut self, other: Self) -> bool {
        match (self.by_any(), other.by_any()) {
            (true, true) if other.rank() > self.rank() => *self = other,
            (true, false) => *self = other,
            (true, true) | (false, true) => {}
            (false, false) => return self.merge_same(other),
        }
        true
    }

    fn by_any(&self) -> bool {
        self.named == ANY
    }

    fn rank(&self) -> u8 {
        match self.fate {
            MutantResult::Killed => 3,
            MutantResult::Survived => 2,
            MutantResult::Unknown => 1,
            MutantResult::Broken | MutantResult::Applies | MutantResult::NotRun => 0,
        }
    }

    fn merge_same(&mut self, other: Self) -> bool {
        let same = self.text() == other.text() && (&self.named, self.expect) == (&other.named, other.expect);
        if same && other.why < self.why {
            self.why = other.why;
        }
        same
    }

    /// Whether the two patches demand different verdicts or invariants, as far as their lines contain them.
    pub(super) fn expects_otherwise(&self, other: &Self) -> bool {
        self.expect != other.expect && self.expect.is_some() && other.expect.is_some()
    }

    fn by_another(&self) -> bool {
        !self.by_any() && self.by.as_ref().is_some_and(|by| *by != self.named)
    }

    /// The result in words. Equal results have equal texts, and only those.
    pub(super) fn text(&self) -> String {
        let (named, by) = (self.named.as_str(), self.by.as_deref());
        match (self.fate, by) {
            (MutantResult::Killed, Some(by)) if self.expect == Some(Expect::Survives) => {
                format!("KILLED by {by}, was to survive")
            }
            (MutantResult::Killed, Some(by)) if self.expect == Some(Expect::Killed) && self.by_another() => {
                format!("KILLED by {by}, not by {named}")
            }
            (MutantResult::Killed, Some(by)) => format!("KILLED by {by}"),
            (MutantResult::Killed, None) => "KILLED".to_owned(),
            (MutantResult::Survived, _) if self.as_expected => "SURVIVED, as it should".to_owned(),
            (MutantResult::Survived, Some(by)) => format!("SURVIVED: {by} fails, not {named}"),
            (MutantResult::Survived, None) => "SURVIVED".to_owned(),
            (MutantResult::Unknown, _) => "UNKNOWN".to_owned(),
            (MutantResult::Broken, _) => "BROKEN".to_owned(),
            (MutantResult::Applies | MutantResult::NotRun, _) => "not run".to_owned(),
        }
    }
}

/// The result of the unmutated tree in a scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Baseline {
    pub(super) verdict: BaselineVerdict,
    /// Number of unique states, only if the tree holds: otherwise it only tells where the search stopped.
    pub(super) states: Option<u64>,
}

impl Baseline {
    /// The result in words.
    pub(super) fn text(&self) -> String {
        match self.states {
            Some(states) => format!("{}, {} states", self.verdict, HumanCount(states)),
            None => self.verdict.to_string(),
        }
    }
}

/// The result of a seed.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seed {
    pub(super) verdict: SeedVerdict,
    /// Id of the violated invariant.
    pub(super) invariant: Option<String>,
    pub(super) deterministic: bool,
    /// The options that the seed expands into; compared apart from the verdict.
    pub(super) options: Options,
}

impl Seed {
    /// The result in words. Equal results have equal texts, and only those.
    pub(super) fn text(&self) -> String {
        let again = if self.deterministic { "" } else { ", and something else the second time" };
        match &self.invariant {
            Some(invariant) => format!("{} of {invariant}{again}", self.verdict),
            None => format!("{}{again}", self.verdict),
        }
    }

    pub(super) fn is_well(&self) -> bool {
        self.deterministic && matches!(self.verdict, SeedVerdict::Holds | SeedVerdict::Unknown)
    }
}
