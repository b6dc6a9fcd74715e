//! Many seeds. Each has a thread of its own, which is as good as a process: what a thread keeps (the keys of hash maps,
//! the runtime) begins anew. A sample is run twice, and so is every seed that fails.

use crate::event_log::EventLog;
use crate::judge::{Finding, own};
use crate::options::{LeaveOut, Options};
use crate::run::{Outcome, Verdict, run};
use crate::shrink::{Shrunk, shrink};
use core::cell::RefCell;
use core::time::Duration;
use madsim::Config;
use madsim::runtime::Runtime;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Once, mpsc};
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
        let mut options = Options::of(seed);
        self.without.iter().for_each(|leave_out| leave_out(&mut options));
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

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps what a panic says for the run that it ends.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|info| {
            let place =
                info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
            let text = info.payload_as_str().unwrap_or("no words").to_owned();
            PANIC.with_borrow_mut(|kept| *kept = Some(format!("{text}{place}")));
        }));
    });
}

/// Runs the options of a seed on a thread of its own.
#[must_use]
pub fn once(options: &Options, words: bool, lowering: bool) -> Outcome {
    hear_panics();
    let options = options.clone();
    let event_log = EventLog::new(words);
    let kept = event_log.clone();
    let ran = std::thread::Builder::new().name("seed".to_owned()).spawn(move || {
        let mut config = Config::default();
        config.net.send_latency = Duration::from_micros(50)..Duration::from_micros(300);
        let seed = options.seed;
        let work = AssertUnwindSafe(|| {
            Runtime::with_seed_and_config(seed, config).block_on(run(options, event_log, lowering))
        });
        catch_unwind(work).map_err(|_| PANIC.take().unwrap_or_default())
    });
    let result = ran
        .map_err(|error| error.to_string())
        .and_then(|thread| thread.join().map_err(|_| "the thread of the run died".to_owned())?);
    result.unwrap_or_else(|panic| crashed(&kept, panic))
}

fn crashed(event_log: &EventLog, panic: String) -> Outcome {
    let finding =
        Finding { at_ns: 0, id: own::PANIC, found: panic, against: "a run without a panic".to_owned() };
    Outcome {
        verdict: Verdict::Crashed,
        findings: vec![finding],
        note: String::new(),
        hash: event_log.hash(),
        events: event_log.events(),
        simulated_ns: 0,
        counts: event_log.counts(),
        log: event_log.text(),
    }
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
