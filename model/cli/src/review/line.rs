//! The lines that matter here; others are for other readers.

use super::side::Verdict;
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Line {
    RunStarted(Started),
    RunFinished {
        exit: u64,
    },
    Scope(ScopeLine),
    Verdict {
        scope: String,
        invariant: String,
        verdict: Verdict,
        #[serde(default)]
        steps: Option<u64>,
    },
    Reached {
        scope: String,
        what: String,
    },
    Baseline {
        scope: Option<String>,
        verdict: String,
        states: Option<u64>,
    },
    Mutant(MutantLine),
    NotRun {
        patch: String,
    },
    Apply {
        patch: String,
        applies: bool,
        #[serde(default)]
        why: Option<String>,
    },
    Patch {
        patch: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(super) struct Started {
    pub(super) schema: String,
    pub(super) command: String,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) options: Map<String, Value>,
}

/// A scope's line. The second half is not in what early versions print.
#[derive(Debug, Deserialize)]
pub(super) struct ScopeLine {
    pub(super) scope: String,
    pub(super) complete: bool,
    pub(super) unique: u64,
    #[serde(default)]
    pub(super) ended_by: Option<String>,
    #[serde(default)]
    pub(super) bounds: Option<String>,
    #[serde(default)]
    pub(super) faults: String,
    #[serde(default)]
    pub(super) expect: Option<String>,
    #[serde(default)]
    pub(super) missing: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct MutantLine {
    pub(super) patch: String,
    pub(super) verdict: Judged,
    #[serde(default)]
    pub(super) unknown: bool,
    pub(super) expect: String,
    pub(super) as_expected: bool,
    pub(super) named: String,
    #[serde(default)]
    pub(super) by: Option<String>,
    #[serde(default)]
    pub(super) why: String,
}

/// The scoreboard's verdict.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Judged {
    Killed,
    Survived,
    Broken,
}
