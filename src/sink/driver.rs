//! Runs a [`Storage`] behind a bounded queue. What arrives while a group is committed is the next group.

use super::storage::{Effect, Storage, StorageError};
use crate::core::fence::{AppliedIds, Body, Chunk, Durable, Fence, Input, Request};
use crate::core::ids::{PartitionId, Placement};
use core::time::Duration;
use metrics::{counter, histogram};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

/// How much waits before a store's disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueLimits {
    /// The most inputs in one group.
    pub group_max: usize,
    /// The most inputs in the queue.
    pub inputs_max: usize,
    /// The most bytes of keys, values and remembered writes in the queue and in the group that is committed, in KiB. A chunk larger than all
    /// of it has it alone.
    pub kib_max: u32,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self { group_max: 256, inputs_max: 1024, kib_max: 64 << 10 }
    }
}

/// Why an input has no answer. Nothing is known of its effect if it was a request that changes something.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum NoAnswer {
    /// The disk failed.
    #[error("{0}")]
    Disk(StorageError),
    /// The store is shutting down, or has.
    #[error("the store has stopped: found a closed queue, expected an open one")]
    Stopped,
}

type Answer = Result<Vec<Effect>, NoAnswer>;

enum Job {
    Input {
        partition: PartitionId,
        input: Input,
        answer: oneshot::Sender<Answer>,
        _room: OwnedSemaphorePermit,
    },
    Look {
        partition: PartitionId,
        answer: oneshot::Sender<Option<Durable>>,
    },
    /// Ends the store. What comes after it in the queue has no answer.
    Stop,
}

/// Hands inputs to a running store. Clones share it; the store stops, and closes its file, when the last is gone.
#[derive(Clone, Debug)]
pub struct SinkHandle {
    store: Placement,
    jobs: mpsc::Sender<Job>,
    room: Arc<Semaphore>,
    kib_max: u32,
}

/// Performs groups of inputs, each durably before it returns. Called on a thread that may block.
pub trait Groups: Send + 'static {
    /// The placement of the store.
    fn store(&self) -> Placement;

    /// As [`Storage::perform`].
    ///
    /// # Errors
    /// The error of the disk, also from then on.
    fn perform(&mut self, inputs: &[(PartitionId, Input)]) -> Result<Vec<Vec<Effect>>, StorageError>;

    /// As [`Storage::fence`].
    fn fence(&self, partition: PartitionId) -> Option<&Fence>;

    /// As [`Storage::close`].
    ///
    /// # Errors
    /// An error of the file system.
    fn close(self) -> Result<(), StorageError>;

    /// The duration of the last group, for a simulator whose clock stops meanwhile. Zero on a real disk.
    fn took(&mut self) -> Duration {
        Duration::ZERO
    }
}

impl Groups for Storage {
    fn store(&self) -> Placement {
        self.identity().store
    }

    fn perform(&mut self, inputs: &[(PartitionId, Input)]) -> Result<Vec<Vec<Effect>>, StorageError> {
        Self::perform(self, inputs)
    }

    fn fence(&self, partition: PartitionId) -> Option<&Fence> {
        Self::fence(self, partition)
    }

    fn close(self) -> Result<(), StorageError> {
        Self::close(self)
    }
}

/// Starts a store. The task ends when it is stopped or no handle is left, and with the error of the disk. If the storage panics, so does the
/// task: that is a defect, and whoever waits for the task has to end loudly.
pub fn start<G: Groups>(
    storage: G,
    limits: QueueLimits,
) -> (SinkHandle, JoinHandle<Result<(), StorageError>>) {
    let (jobs, queue) = mpsc::channel(limits.inputs_max.max(1));
    let kib_max = limits.kib_max.max(1);
    let room = Arc::new(Semaphore::new(usize::try_from(kib_max).unwrap_or(usize::MAX)));
    let handle = SinkHandle { store: storage.store(), jobs, room, kib_max };
    (handle, tokio::spawn(run(storage, queue, limits.group_max.max(1))))
}

impl SinkHandle {
    /// The placement of the store.
    #[must_use]
    pub const fn store(&self) -> Placement {
        self.store
    }

    /// Hands over an input, and returns what is to be done about it, once that is durable. Waits while the queue is full. If the caller
    /// gives up meanwhile, an input that is still in the queue is dropped.
    ///
    /// # Errors
    /// [`NoAnswer`], if the store stops before it answers.
    pub async fn ask(&self, partition: PartitionId, input: Input) -> Answer {
        let kib = kib(&input).clamp(1, self.kib_max);
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| NoAnswer::Stopped)?;
        let (answer, answered) = oneshot::channel();
        let job = Job::Input { partition, input, answer, _room: room };
        self.jobs.send(job).await.map_err(|_| NoAnswer::Stopped)?;
        answered.await.unwrap_or(Err(NoAnswer::Stopped))
    }

    /// Sends a request to the store itself.
    ///
    /// # Errors
    /// As for [`SinkHandle::ask`].
    pub async fn request(&self, partition: PartitionId, body: Body) -> Answer {
        let request = Request { store: self.store, partition, body };
        self.ask(partition, Input::Request(request)).await
    }

    /// The durable state of a partition, without the sessions; `None` if the store does not know it.
    ///
    /// # Errors
    /// As for [`SinkHandle::ask`].
    pub async fn look(&self, partition: PartitionId) -> Result<Option<Durable>, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job::Look { partition, answer }).await.map_err(|_| NoAnswer::Stopped)?;
        answered.await.map_err(|_| NoAnswer::Stopped)
    }

    /// Has the store end, and close its file, once all that was handed over before is answered. Other handles may live on.
    pub async fn stop(&self) {
        // It may have stopped already.
        let _gone = self.jobs.send(Job::Stop).await;
    }
}

/// The bytes of a write that is remembered: serial and position.
const REMEMBERED_WRITE: usize = 16;
/// The bytes of a session whose writes are remembered, beside these: its id, its last position, what it has forgotten.
const REMEMBERED_SESSION: usize = 24;

/// The bytes of the write ids that the first chunk of a copy brings.
fn remembered(chunk: &Chunk) -> usize {
    let session = |(_, window): (_, &crate::core::fence::Window)| {
        REMEMBERED_SESSION + REMEMBERED_WRITE * window.applied.len()
    };
    chunk.applied.as_ref().map_or(0, |applied: &AppliedIds| applied.sessions().map(session).sum())
}

/// The size of what a client or a mover sends, in KiB, rounded up.
fn kib(input: &Input) -> u32 {
    let bytes = match input {
        Input::Request(Request { body: Body::Write(write), .. }) => write.mutation.bytes(),
        Input::Request(Request { body: Body::Chunk(chunk), .. }) => chunk.bytes() + remembered(chunk),
        Input::Request(_) | Input::Apply(_) | Input::Trim { .. } | Input::Stuck { .. } => 0,
    };
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

#[cfg_attr(
    madsim,
    allow(deprecated, reason = "in a simulation it runs at once, and `took` returns the duration")
)]
async fn run<G: Groups>(
    mut storage: G,
    mut queue: mpsc::Receiver<Job>,
    group_max: usize,
) -> Result<(), StorageError> {
    let mut stopping = false;
    while !stopping {
        let Some(first) = queue.recv().await else { break };
        let (mut inputs, mut waiting) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Look { partition, answer } => {
                    // Whoever asked may have given up.
                    let _gone = answer.send(storage.fence(partition).map(|fence| fence.durable().outline()));
                }
                Job::Input { answer, .. } if answer.is_closed() => {}
                Job::Input { partition, input, answer, _room } => {
                    inputs.push((partition, input));
                    waiting.push((answer, _room));
                }
                Job::Stop => {
                    stopping = true;
                    break;
                }
            }
            next = if inputs.len() < group_max { queue.try_recv().ok() } else { None };
        }
        if inputs.is_empty() {
            continue;
        }
        let began = Instant::now();
        let performed = tokio::task::spawn_blocking(move || {
            let effects = storage.perform(&inputs);
            (storage, effects)
        });
        let (back, effects) = outcome(performed.await);
        storage = back;
        let took = storage.took();
        if !took.is_zero() {
            tokio::time::sleep(took).await;
        }
        histogram!("cutover_sink_group_seconds").record(began.elapsed());
        counter!("cutover_sink_groups_total").increment(1);
        match effects {
            Ok(effects) => {
                for ((answer, _room), effects) in waiting.into_iter().zip(effects) {
                    let _gone = answer.send(Ok(effects));
                }
            }
            Err(error) => {
                for (answer, _room) in waiting {
                    let _gone = answer.send(Err(NoAnswer::Disk(error.clone())));
                }
                return Err(error);
            }
        }
    }
    drop(queue);
    outcome(tokio::task::spawn_blocking(move || storage.close()).await)
}

/// What a blocking task returned. Its panic goes on here: what is on disk is then whatever it is, and an end without a word would look like
/// a store that was asked to stop.
fn outcome<T>(ended: Result<T, JoinError>) -> T {
    match ended {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(Box::new(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fence::{Frontier, Key, Row, Value};
    use crate::core::ids::{Incarnation, MigrationId, Position, Serial, SessionId, WriteId};

    /// A store that stopped because of a defect does not look like one that was asked to.
    #[tokio::test]
    async fn a_panic_of_the_storage_ends_whoever_waits_for_it() {
        let task = tokio::spawn(async {
            outcome(tokio::task::spawn_blocking(|| -> u8 { panic!("a defect") }).await)
        });
        let ended = task.await.unwrap_err();
        assert!(ended.is_panic(), "{ended:?}");
        let panic = ended.into_panic();
        let told = panic.downcast_ref::<String>();
        assert!(told.is_some_and(|told| told.contains("a defect")), "{told:?}");
    }

    /// The first chunk of a copy brings what is remembered of writes, which may be more than its rows are.
    #[test]
    fn the_write_ids_of_a_chunk_take_room_in_the_queue() {
        let (key, value) = (Key::try_from(&b"key"[..]).unwrap(), Value::try_from(&[7; 2045][..]).unwrap());
        let chunk = |applied| Chunk {
            migration: MigrationId(1),
            source: Incarnation(1),
            after: Frontier::Nothing,
            from: Position::ZERO,
            through: Frontier::Everything,
            position: Position(9),
            changes: Vec::new(),
            rows: vec![(key.clone(), Row { value: value.clone(), position: Position(1) })],
            applied,
        };
        let takes = |applied| {
            let (store, partition) = (Placement(1), PartitionId(1));
            kib(&Input::Request(Request { store, partition, body: Body::Chunk(chunk(applied)) }))
        };
        let mut applied = AppliedIds::new();
        for number in 0..640 {
            let id = WriteId { session: SessionId(1 + number / 64), serial: Serial(1 + number % 64) };
            applied.remember(id, Position(number + 1), 4096, 64);
        }
        assert_eq!((takes(None), takes(Some(AppliedIds::new()))), (2, 2));
        assert_eq!(takes(Some(applied)), 13, "2,048 bytes of a row, 640 writes of 16, 10 sessions of 24");
    }
}
