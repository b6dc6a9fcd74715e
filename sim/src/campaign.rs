//! Many seeds. A sample of them is run twice, and so is every seed that fails.

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

/// Seeds to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The first.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// At once.
    pub jobs: usize,
    /// Stops at the first that fails.
    pub fail_fast: bool,
    /// Each of them twice.
    pub twice: bool,
    /// Also hands what each node was given to the recorder's replay.
    pub check_recordings: bool,
    /// Looks what the first seeds that fail can do without.
    pub shrinks: bool,
    /// What no seed does.
    pub without: Vec<LeaveOut>,
}

impl Campaign {
    /// Seeds from one on, each once, with everything in it.
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

    /// What a seed expands into.
    #[must_use]
    pub fn options(&self, seed: u64) -> Options {
        let mut options = expand::options(seed);
        self.without.iter().for_each(|leave_out| leave_out.of(&mut options));
        options
    }
}

/// Failing seeds that are shrunk; each takes twenty runs.
const SHRUNK: u64 = 3;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Which.
    pub seed: u64,
    /// What became of it.
    pub outcome: Outcome,
    /// The hash of the second run, if it differs.
    pub differs: Option<u64>,
    /// How long the first run took.
    pub wall: Duration,
    /// The same with less in it.
    pub shrunk: Option<Shrunk>,
}

/// Runs a seed, and once more if it failed or is in the sample.
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
        outcome.log = again.log;
    }
    Ran { seed, outcome, differs, wall, shrunk: None }
}

/// Runs all of them, and hands on each that is done.
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
