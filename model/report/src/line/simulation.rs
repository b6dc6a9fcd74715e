//! What the simulator prints.

use super::Options;
use crate::Seconds;
use crate::words::SeedVerdict;
use serde::{Deserialize, Serialize};

/// A seed of the simulator.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Seed {
    /// In hexadecimal.
    pub seed: String,
    /// The verdict.
    pub verdict: SeedVerdict,
    /// What it violates.
    #[serde(default)]
    pub invariant: Option<String>,
    /// The two facts in conflict.
    #[serde(default)]
    pub found: Option<String>,
    /// Why it is stuck or unknown.
    #[serde(default)]
    pub note: Option<String>,
    /// Whether a second run of it, if there was one, did the same.
    #[serde(default)]
    pub deterministic: bool,
    /// Of all events.
    #[serde(default)]
    pub hash: String,
    /// Time in the simulation.
    #[serde(default)]
    pub simulated_s: Seconds,
    /// Time on the wall.
    #[serde(default)]
    pub wall_s: Seconds,
    /// How many events there were.
    #[serde(default)]
    pub events: u64,
    /// What the seed expands into.
    #[serde(default)]
    pub options: Options,
}
