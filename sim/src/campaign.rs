//! Runs many seeds. Every failing seed, and a sample of the others, runs twice to check determinism.

use crate::expand;
pub use crate::once::once;
use crate::options::Options;
use crate::outcome::{Outcome, Verdict};
use crate::shrink::{Shrunk, shrink};
use crate::without::LeaveOut;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// The seeds to run, and how.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// Number of seeds.
    pub seeds: u64,
    /// Number of seeds that run in parallel.
    pub jobs: usize,
    /// Whether to stop at the first failing seed.
    pub fail_fast: bool,
    /// Whether to run every seed twice.
    pub twice: bool,
    /// Whether to record each node's calls and replay the recording.
    pub check_recordings: bool,
    /// Whether to shrink the first failing seeds.
    pub shrinks: bool,
    /// The kinds of faults and clients to switch off in every seed.
    pub without: Vec<LeaveOut>,
}

impl Campaign {
    /// A campaign that runs each seed once, with all kinds of faults and clients.
    #[must_use]
    pub const fn new(from: u64, seeds: u64) -> Self {
        Self {
            from,
            seeds,
            jobs: 1,
            fail_fast: false,
            twice: false,
            check_recordings: false,
            shrinks: false,
            without: Vec::new(),
        }
    }

    /// The options that a seed expands into, after those switched off.
    #[must_use]
    pub fn options(&self, seed: u64) -> Options {
        let mut options = expand::options(seed);
        self.without.iter().for_each(|leave_out| leave_out.of(&mut options));
        options
    }
}

/// Maximum number of failing seeds that are shrunk; each takes about twenty runs.
const SHRUNK: u64 = 3;

/// The result of a seed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// The result of its first run.
    pub outcome: Outcome,
    /// The hash of the second run, if it differs from that of the first.
    pub differs: Option<u64>,
    /// Wall time of the first run.
    pub wall: Duration,
    /// A smaller failing run, if the seed failed and was shrunk.
    pub shrunk: Option<Shrunk>,
}

/// Runs a seed; runs it a second time if it failed or is in the sample.
#[must_use]
pub fn seed(seed: u64, campaign: &Campaign) -> Ran {
    let options = campaign.options(seed);
    let began = Instant::now();
    let mut outcome = once(&options, false, campaign.check_recordings);
    let wall = began.elapsed();
    let failed = outcome.verdict != Verdict::Holds;
    let sampled = campaign.twice || crate::stream::Stream::new(seed, "twice", 0).below(20) == 0;
    let mut differs = None;
    if failed || sampled {
        let again = once(&options, failed, campaign.check_recordings);
        differs = (again.hash != outcome.hash || again.verdict != outcome.verdict).then_some(again.hash);
        (outcome.log, outcome.recordings) = (again.log, again.recordings);
    }
    Ran { seed, outcome, differs, wall, shrunk: None }
}

/// Runs all seeds, and passes each result to `done`.
pub fn all(campaign: &Campaign, mut done: impl FnMut(Ran)) {
    let (next, failed, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..campaign.jobs.max(1) {
            let sender = sender.clone();
            let (next, failed, stop) = (&next, &failed, &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= campaign.seeds {
                        return;
                    }
                    let mut ran = seed(campaign.from.wrapping_add(at), campaign);
                    let broken = ran.outcome.verdict != Verdict::Holds && ran.differs.is_none();
                    if campaign.fail_fast && broken {
                        stop.store(true, Ordering::Relaxed);
                    }
                    if campaign.shrinks && broken && failed.fetch_add(1, Ordering::Relaxed) < SHRUNK {
                        ran.shrunk =
                            shrink(&campaign.options(ran.seed), &ran.outcome, campaign.check_recordings);
                    }
                    if sender.send(ran).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        while let Ok(ran) = results.recv() {
            done(ran);
        }
    });
}
