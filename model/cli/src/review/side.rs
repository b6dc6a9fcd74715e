//! What a file says, as far as it is compared.

use cutover_report::{BaselineVerdict, Expect, InvariantVerdict as Verdict, Options, SeedVerdict};
use indicatif::HumanCount;
use std::collections::{BTreeMap, BTreeSet};

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// Everything within the bounds was visited.
    Complete,
    /// Something broke.
    Violation,
    /// A limit, an interrupt or a defect ended it.
    Early,
}

/// A file's contents, whatever the order of its lines.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Side {
    /// The file, as named.
    pub(super) file: String,
    /// Versions of the program that printed it.
    pub(super) versions: BTreeSet<String>,
    /// Scopes, by name and options.
    pub(super) scopes: BTreeMap<Key, Searched>,
    /// Mutants, by the names of their patches.
    pub(super) mutants: BTreeMap<String, Mutant>,
    /// The unmutated tree, by scope.
    pub(super) baselines: BTreeMap<String, Baseline>,
    /// Seeds of the simulator, by name.
    pub(super) seeds: BTreeMap<String, Seed>,
    /// Marks that they reached.
    pub(super) seed_marks: BTreeSet<String>,
    /// Whether it names every mutant that there is.
    pub(super) every_mutant: bool,
}

impl Side {
    /// The invariants judged in any scope.
    pub(super) fn invariants(&self) -> BTreeSet<&str> {
        self.scopes.values().flat_map(|scope| scope.rulings.keys()).map(String::as_str).collect()
    }
}

/// A scope, and the options under which it was searched.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub(super) scope: String,
    pub(super) options: BTreeMap<String, String>,
}

/// What a search found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Searched {
    pub(super) ending: Ending,
    /// The limit that ended it; not compared.
    pub(super) ended_by: Option<String>,
    /// None where the search stopped before the end: it would tell where.
    pub(super) unique: Option<u64>,
    pub(super) rulings: BTreeMap<String, Ruling>,
    /// Empty where the search stopped before the end.
    pub(super) reached: BTreeSet<String>,
    /// What it must reach, and did not.
    pub(super) missing: BTreeSet<String>,
    /// None in what early versions printed.
    pub(super) setup: Option<Setup>,
}

/// A verdict, and the length of the run that shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ruling {
    pub(super) verdict: Verdict,
    pub(super) steps: Option<u64>,
}

/// What the scope was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setup {
    pub(super) bounds: String,
    pub(super) faults: String,
    /// The invariant that a published design is known to break.
    pub(super) expect: Option<String>,
}

impl Searched {
    /// The invariant that is known to break here.
    pub(super) fn expect(&self) -> Option<&str> {
        self.setup.as_ref()?.expect.as_deref()
    }

    pub(super) fn expects(&self, invariant: &str) -> bool {
        self.expect() == Some(invariant)
    }

    pub(super) fn verdict(&self, invariant: &str) -> Option<Verdict> {
        self.rulings.get(invariant).map(|ruling| ruling.verdict)
    }

    /// Whether the search ended as it should.
    pub(super) fn ended_well(&self) -> bool {
        match self.expect() {
            Some(id) => self.verdict(id) == Some(Verdict::Violated),
            None => self.ending == Ending::Complete,
        }
    }

    /// Whether a verdict is what it should be. Where a design broke as it is known to, nothing else was decided.
    pub(super) fn is_right(&self, invariant: &str, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Holds => !self.expects(invariant),
            Verdict::Violated => self.expects(invariant),
            Verdict::Unknown => self.expect().is_some() && self.ended_well() && !self.expects(invariant),
        }
    }

    /// Whether all of it is as it should be.
    pub(super) fn is_well(&self) -> bool {
        self.ended_well()
            && self.missing.is_empty()
            && self.rulings.iter().all(|(id, ruling)| self.is_right(id, ruling.verdict))
    }

    /// Takes in what another search of the same says, unless the two differ in what is compared.
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

/// What became of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Killed,
    Survived,
    /// The search ended before it could tell.
    Unknown,
    /// It does not apply, or does not compile, or its check does not work.
    Broken,
    /// It applies; nobody ran it.
    Applies,
    NotRun,
}

/// A mutant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mutant {
    pub(super) fate: Fate,
    /// What failed.
    pub(super) by: Option<String>,
    /// What was to fail; empty where the line does not say.
    pub(super) named: String,
    /// What was to become of it, where the line says so.
    pub(super) expect: Option<Expect>,
    pub(super) as_expected: bool,
    /// The reason; not compared.
    pub(super) why: String,
}

impl Mutant {
    /// A mutant that was not run.
    pub(super) fn unjudged(fate: Fate, why: String) -> Self {
        let as_expected = fate == Fate::Applies;
        Self { fate, by: None, named: String::new(), expect: None, as_expected, why }
    }

    /// Whether something is known of it.
    pub(super) fn was_run(&self) -> bool {
        match self.fate {
            Fate::Killed | Fate::Survived | Fate::Unknown | Fate::Broken => true,
            Fate::Applies | Fate::NotRun => false,
        }
    }

    /// Whether it came to what its patch says.
    pub(super) fn is_well(&self) -> bool {
        let by_another =
            self.fate == Fate::Killed && self.expect == Some(Expect::Killed) && self.by_another();
        self.as_expected && !by_another
    }

    /// Takes in what another run of the same says, unless the two differ in what is compared.
    pub(super) fn merge(&mut self, other: Self) -> bool {
        let same = self.text() == other.text() && (&self.named, self.expect) == (&other.named, other.expect);
        if same && other.why < self.why {
            self.why = other.why;
        }
        same
    }

    /// Whether the two patches say different things, as far as their lines tell.
    pub(super) fn expects_otherwise(&self, other: &Self) -> bool {
        self.expect != other.expect && self.expect.is_some() && other.expect.is_some()
    }

    fn by_another(&self) -> bool {
        self.by.as_ref().is_some_and(|by| *by != self.named)
    }

    /// In words. Two with the same words came to the same.
    pub(super) fn text(&self) -> String {
        let (named, by) = (self.named.as_str(), self.by.as_deref());
        match (self.fate, by) {
            (Fate::Killed, Some(by)) if self.expect == Some(Expect::Survives) => {
                format!("KILLED by {by}, was to survive")
            }
            (Fate::Killed, Some(by)) if self.expect == Some(Expect::Killed) && self.by_another() => {
                format!("KILLED by {by}, not by {named}")
            }
            (Fate::Killed, Some(by)) => format!("KILLED by {by}"),
            (Fate::Killed, None) => "KILLED".to_owned(),
            (Fate::Survived, _) if self.as_expected => "SURVIVED, as it should".to_owned(),
            (Fate::Survived, Some(by)) => format!("SURVIVED: {by} fails, not {named}"),
            (Fate::Survived, None) => "SURVIVED".to_owned(),
            (Fate::Unknown, _) => "UNKNOWN".to_owned(),
            (Fate::Broken, _) => "BROKEN".to_owned(),
            (Fate::Applies | Fate::NotRun, _) => "not run".to_owned(),
        }
    }
}

/// The unmutated tree over one scope.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Baseline {
    pub(super) verdict: BaselineVerdict,
    /// Only where it holds: elsewhere it would tell where the search stopped.
    pub(super) states: Option<u64>,
}

impl Baseline {
    /// In words.
    pub(super) fn text(&self) -> String {
        match self.states {
            Some(states) => format!("{}, {} states", self.verdict, HumanCount(states)),
            None => self.verdict.to_string(),
        }
    }
}

/// What a seed came to.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seed {
    pub(super) verdict: SeedVerdict,
    /// What it violates.
    pub(super) invariant: Option<String>,
    pub(super) deterministic: bool,
    /// What it expands into; no part of its verdict.
    pub(super) options: Options,
}

impl Seed {
    /// In words. Two with the same words came to the same.
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
