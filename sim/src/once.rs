//! Runs one seed on a thread of its own. That isolates runs as well as a process would: thread-local state, such as
//! the keys of hash maps and the runtime, starts fresh.

use crate::event_log::EventLog;
use crate::judge::{Finding, own};
use crate::options::Options;
use crate::outcome::{Outcome, Verdict};
use crate::run::run;
use core::cell::RefCell;
use core::time::Duration;
use madsim::Config;
use madsim::runtime::Runtime;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs a panic hook that keeps the message for the run that the panic ends.
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

/// Runs a seed's options on a thread of its own.
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
    let against = "a run without a panic".to_owned();
    let finding = Finding { at_ns: 0, id: own::PANIC, found: panic, against, partition: None };
    Outcome {
        verdict: Verdict::Crashed,
        findings: vec![finding],
        note: String::new(),
        hash: event_log.hash(),
        events: event_log.events(),
        simulated_ns: 0,
        counts: event_log.counts(),
        log: event_log.text(),
        recordings: Vec::new(),
    }
}
