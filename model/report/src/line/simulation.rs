//! The lines that `sim`, the simulator, prints.

use super::Options;
use crate::Seconds;
use crate::words::SeedVerdict;
use serde::{Deserialize, Serialize};

/// The result of a seed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Seed {
    /// The seed in hexadecimal, as `--seed` takes it.
    pub seed: String,
    /// The verdict on the run.
    pub verdict: SeedVerdict,
    /// Id of the invariant that the run violates.
    #[serde(default)]
    pub invariant: Option<String>,
    /// The two facts in conflict, in words.
    #[serde(default)]
    pub found: Option<String>,
    /// Why the run is `STUCK` or `UNKNOWN`.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether a second run of the seed had the same hash; true if there was no second run.
    #[serde(default)]
    pub deterministic: bool,
    /// Hash of all events of the run.
    #[serde(default)]
    pub hash: String,
    /// Simulated time.
    #[serde(default)]
    pub simulated_s: Seconds,
    /// Wall time.
    #[serde(default)]
    pub wall_s: Seconds,
    /// Number of events.
    #[serde(default)]
    pub events: u64,
    /// The options that the seed expands into.
    #[serde(default)]
    pub options: Options,
}
