//! The events of a run: a rolling hash, counters, and the events as text if wanted.

use core::fmt::Write as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::Xxh3Default;

/// Locks a mutex, and ignores poisoning: a panic ends the run anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Simulated time since the start of the run, in nanoseconds.
#[must_use]
pub fn now_ns() -> u64 {
    let elapsed = madsim::time::TimeHandle::current().elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

struct Inner {
    hash: Xxh3Default,
    events: u64,
    counts: BTreeMap<(&'static str, &'static str), u64>,
    text: Option<String>,
}

/// The events of a run. Clones share them.
#[derive(Clone)]
pub struct EventLog(Arc<Mutex<Inner>>);

impl EventLog {
    /// An empty log. `words`: also keep the events as text.
    #[must_use]
    pub fn new(words: bool) -> Self {
        let text = words.then(String::new);
        let counts = BTreeMap::new();
        Self(Arc::new(Mutex::new(Inner { hash: Xxh3Default::new(), events: 0, counts, text })))
    }

    /// Records an event of a participant, with numbers that identify it. `words` is called only if text is kept.
    pub fn note(
        &self,
        who: &'static str,
        which: u64,
        what: &'static str,
        facts: &[u64],
        words: impl FnOnce() -> String,
    ) {
        let at = now_ns();
        let mut inner = lock(&self.0);
        inner.events += 1;
        inner.hash.update(&at.to_le_bytes());
        inner.hash.update(who.as_bytes());
        inner.hash.update(&which.to_le_bytes());
        inner.hash.update(what.as_bytes());
        for fact in facts {
            inner.hash.update(&fact.to_le_bytes());
        }
        if let Some(text) = &mut inner.text {
            let (seconds, rest) = (at / 1_000_000_000, at % 1_000_000_000);
            let _ = writeln!(text, "{seconds:>4}.{rest:09} {who}{which} {what} {facts:x?} {}", words());
        }
    }

    /// Increments a counter. `group` is `fault`, `mark`, or another kind of counter.
    pub fn count(&self, group: &'static str, name: &'static str) {
        *lock(&self.0).counts.entry((group, name)).or_default() += 1;
    }

    /// The hash of all events so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        lock(&self.0).hash.digest()
    }

    /// Number of events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        lock(&self.0).events
    }

    /// The counters, by group and name.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        lock(&self.0).counts.clone()
    }

    /// Whether the events are kept as text.
    #[must_use]
    pub fn keeps_text(&self) -> bool {
        lock(&self.0).text.is_some()
    }

    /// The events as text, if text is kept.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        lock(&self.0).text.clone()
    }
}
