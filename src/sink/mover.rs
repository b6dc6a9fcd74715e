//! Pulls the copies that a store is told to make, from the stores that have them.
//!
//! A pull keeps nothing: each of its steps begins with what the copy has on disk, so it goes on after any crash, of either end. It has one chunk
//! in memory, and asks for the next when the one before is durable.

use super::driver::{NoAnswer, SinkHandle};
use super::storage::Effect;
use crate::core::fence::{Body, Chunk, Export, Input, Refusal, Reply, Stuck};
use crate::core::ids::{MigrationId, PartitionId, Placement};
use core::future::Future;
use core::time::Duration;
use metrics::counter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Why a source handed over no chunk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoChunk {
    /// It refuses.
    Refused(Refusal),
    /// It cannot be asked, or did not answer.
    Unreachable(String),
}

/// The stores that copies are pulled from.
pub trait Sources: Send + Sync + 'static {
    /// Asks a store for the next part of a copy.
    fn export(
        &self,
        source: Placement,
        partition: PartitionId,
        export: Export,
    ) -> impl Future<Output = Result<Chunk, NoChunk>> + Send;
}

/// How copies are pulled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PullOptions {
    /// The most rows and changes in a chunk.
    pub items_max: u32,
    /// The most bytes of rows and changes per second and copy; `None`: as fast as both stores are.
    pub bytes_per_second: Option<u64>,
    /// The wait when the copy has all that the source has.
    pub poll: Duration,
    /// The longest wait after a failure. The first is as long as `poll`, and each is twice the one before.
    pub backoff_max: Duration,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self {
            items_max: 4096,
            bytes_per_second: None,
            poll: Duration::from_millis(5),
            backoff_max: Duration::from_secs(1),
        }
    }
}

/// The pulls of a store. Dropping it ends them.
pub struct Mover<S> {
    sink: SinkHandle,
    sources: Arc<S>,
    options: PullOptions,
    pulls: Mutex<BTreeMap<PartitionId, Pull>>,
}

struct Pull {
    migration: MigrationId,
    task: JoinHandle<()>,
    /// The most bytes per second that an order grants; 0: it grants all that the options do.
    ordered: Arc<AtomicU64>,
}

impl<S: Sources> Mover<S> {
    /// A mover without a pull.
    #[must_use]
    pub fn new(sink: SinkHandle, sources: Arc<S>, options: PullOptions) -> Self {
        Self { sink, sources, options, pulls: Mutex::default() }
    }

    /// Pulls the copy of a migration until it is finished, or another one of the partition is asked for. A pull that runs goes on.
    pub fn pull(&self, partition: PartitionId, migration: MigrationId, source: Placement) {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull) = pulls.get(&partition) {
            // A late request for an older copy ends nothing: its pull would find that it is of an older one, and end.
            if pull.migration > migration || (pull.migration == migration && !pull.task.is_finished()) {
                return;
            }
            pull.task.abort();
        }
        let (sink, sources, options) = (self.sink.clone(), Arc::clone(&self.sources), self.options);
        let ordered = Arc::new(AtomicU64::new(0));
        let rate = Rate { most: options.bytes_per_second, ordered: Arc::clone(&ordered) };
        let task = tokio::spawn(async move {
            let pulled = pull(&sink, &*sources, options, &rate, (partition, migration, source)).await;
            if let Err(error) = pulled {
                tracing::warn!(%partition, %migration, %error, "a pull ended with its store");
            }
        });
        // A pull that has ended is of no use any more: if a late request has it begin again, it finds out again.
        pulls.retain(|_, pull| !pull.task.is_finished());
        pulls.insert(partition, Pull { migration, task, ordered });
    }

    /// Sets how many bytes per second the copy of a migration may be pulled with; `None`: as many as the options say, which is the most.
    pub fn limit(&self, partition: PartitionId, migration: MigrationId, bytes_per_second: Option<u64>) {
        let pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull) = pulls.get(&partition).filter(|pull| pull.migration == migration) {
            pull.ordered.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// How many pulls are known: those that run, and those that have ended since the last one began.
    #[must_use]
    pub fn known(&self) -> usize {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Performs what the store wants done beyond its disk, as far as it is the mover's.
    pub fn perform(&self, partition: PartitionId, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Pull { migration, source } = effect {
                self.pull(partition, *migration, *source);
            }
        }
    }
}

impl<S> Drop for Mover<S> {
    fn drop(&mut self) {
        let pulls = self.pulls.get_mut().unwrap_or_else(PoisonError::into_inner);
        pulls.values().for_each(|pull| pull.task.abort());
    }
}

/// What a step of a pull led to.
enum Step {
    /// A chunk was taken, of so many bytes, for which the source took so long.
    Took(usize, Duration),
    /// The copy has all that the source has.
    CaughtUp,
    /// Something failed that may not fail again.
    Again,
    /// There is nothing more to pull.
    Ended,
}

/// How long a pull waits for its source, beyond any rate: a part waits at the source behind the writes of clients, so if it comes later than
/// when the source was idle, clients wait as well.
#[derive(Default)]
struct Pace {
    /// What the quickest part of late took.
    quickest: Option<Duration>,
}

impl Pace {
    /// The longest pause after one part.
    const MOST: Duration = Duration::from_millis(500);

    /// The pause after a part that took so long: as long as it took beyond twice the quickest.
    fn pause(&mut self, took: Duration) -> Duration {
        // What was quick an hour ago, with smaller parts, is no measure for ever.
        let quickest = self.quickest.map_or(took, |quickest| (quickest + quickest / 64).min(took));
        self.quickest = Some(quickest);
        took.saturating_sub(quickest * 2).min(Self::MOST)
    }
}

/// How fast a copy is pulled: the lesser of what the options and an order grant.
struct Rate {
    most: Option<u64>,
    ordered: Arc<AtomicU64>,
}

impl Rate {
    fn now(&self) -> Option<u64> {
        let ordered = Some(self.ordered.load(Ordering::Relaxed)).filter(|rate| *rate > 0);
        self.most.into_iter().chain(ordered).min()
    }
}

/// A partition, the migration that its copy is for, and where it is pulled from.
type Pulled = (PartitionId, MigrationId, Placement);

async fn pull<S: Sources>(
    sink: &SinkHandle,
    sources: &S,
    options: PullOptions,
    rate: &Rate,
    of: Pulled,
) -> Result<(), NoAnswer> {
    let (mut backoff, mut pace) = (options.poll, Pace::default());
    loop {
        let began = Instant::now();
        match step(sink, sources, options.items_max, of).await? {
            Step::Took(bytes, source_took) => {
                counter!("cutover_sink_pulled_bytes_total")
                    .increment(u64::try_from(bytes).unwrap_or(u64::MAX));
                backoff = options.poll;
                let by_rate = rate.now().map_or(Duration::ZERO, |rate| takes(bytes, rate));
                sleep(by_rate.saturating_sub(began.elapsed()).max(pace.pause(source_took))).await;
            }
            Step::CaughtUp => {
                backoff = options.poll;
                sleep(options.poll).await;
            }
            Step::Again => {
                sleep(backoff).await;
                backoff = (backoff * 2).min(options.backoff_max);
            }
            Step::Ended => return Ok(()),
        }
    }
}

/// How long so many bytes take at this rate.
fn takes(bytes: usize, rate: u64) -> Duration {
    let nanos =
        u128::try_from(bytes).unwrap_or(u128::MAX).saturating_mul(1_000_000_000) / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

async fn step<S: Sources>(
    sink: &SinkHandle,
    sources: &S,
    items_max: u32,
    (partition, migration, source): Pulled,
) -> Result<Step, NoAnswer> {
    let known = sink.look(partition).await?;
    let Some(export) = known.and_then(|durable| Export::next(&durable, migration, items_max)) else {
        return Ok(Step::Ended);
    };
    let asked = Instant::now();
    let refused = match sources.export(source, partition, export.clone()).await {
        Ok(chunk) => {
            let source_took = asked.elapsed();
            let (bytes, body) = (chunk.bytes(), Body::Chunk(chunk));
            let effects = sink.request(partition, body.clone()).await?;
            match effects.into_iter().next() {
                Some(Effect::Reply(Reply::ChunkTaken(_))) => return Ok(Step::Took(bytes, source_took)),
                Some(Effect::Reply(Reply::Refused { refusal, .. })) => (body, refusal),
                _ => return Ok(Step::Again),
            }
        }
        Err(NoChunk::Refused(Refusal::NothingNew { .. })) => return Ok(Step::CaughtUp),
        Err(NoChunk::Refused(refusal)) => (Body::Export(export), refusal),
        Err(NoChunk::Unreachable(error)) => {
            tracing::debug!(%partition, %migration, %source, %error, "the source of a copy cannot be asked");
            return Ok(Step::Again);
        }
    };
    let Some(why) = Stuck::found(&refused.0, &refused.1) else { return Ok(Step::Again) };
    tracing::warn!(%partition, %migration, %source, refusal = %refused.1, "a copy cannot go on");
    sink.ask(partition, Input::Stuck { migration, why }).await?;
    Ok(Step::Ended)
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use core::time::Duration;

    const fn ms(of: u64) -> Duration {
        Duration::from_millis(of)
    }

    #[test]
    fn a_pull_leaves_a_source_alone_that_slows_down() {
        let mut pace = Pace::default();
        assert_eq!(
            [10, 12, 19, 10].map(|took| pace.pause(ms(took))),
            [Duration::ZERO; 4],
            "as quick as ever"
        );
        assert!(pace.pause(ms(60)) >= ms(35), "its clients wait for six times as long");
        assert_eq!(pace.pause(ms(5_000)), Pace::MOST, "a pull goes on, however slow");
        assert_eq!(pace.pause(ms(10)), Duration::ZERO, "and as before when the source is");
    }

    #[test]
    fn what_was_quick_once_is_no_measure_for_ever() {
        let mut pace = Pace::default();
        pace.pause(ms(1));
        let pauses: Vec<_> = (0..400).map(|_| pace.pause(ms(20))).collect();
        assert!(pauses[0] > ms(15) && pauses[399] == Duration::ZERO, "{:?}", (pauses[0], pauses[399]));
    }
}
