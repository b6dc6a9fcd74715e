//! A copy is pulled from a store that serves writes, by a store that is killed meanwhile.

use super::twin::Random;
use cutover::core::fence::{
    Body, Chunk, Enforcement, EvidenceQuery, Export, FenceLimits, Input, Key, Mutation, Prepare, Refusal,
    Reply, Seal, SealReceipt, Stuck, Value, Write,
};
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Serial, SessionId, WriteId,
};
use cutover::sink::driver::{NoAnswer, QueueLimits, SinkHandle, start};
use cutover::sink::mover::{Mover, NoChunk, PullOptions, Sources};
use cutover::sink::storage::{Beginning, Effect, Setup, SinkIdentity, Storage};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The partition that moves.
pub const PARTITION: PartitionId = PartitionId(1);
/// Where it is.
pub const SOURCE: Placement = Placement(0);
/// Where it moves to.
pub const TARGET: Placement = Placement(1);
const SETUP: Setup = Setup {
    enforcement: Enforcement::Tokens,
    limits: FenceLimits { chunk_items_max: 32, ..FenceLimits::PRODUCTION },
};

/// The source, asked in this process. Every third question goes unanswered.
struct Near(SinkHandle, AtomicU64);

impl Sources for Near {
    async fn export(
        &self,
        source: Placement,
        partition: PartitionId,
        export: Export,
    ) -> Result<Chunk, NoChunk> {
        assert_eq!(source, SOURCE);
        if self.1.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            return Err(NoChunk::Unreachable("the line is cut".to_owned()));
        }
        let effects = self.0.request(partition, Body::Export(export)).await;
        match effects.map_err(|error| NoChunk::Unreachable(error.to_string()))?.into_iter().next() {
            Some(Effect::Chunk { chunk, .. }) => chunk.map_err(NoChunk::Refused),
            Some(Effect::Reply(Reply::Refused { refusal, .. })) => Err(NoChunk::Refused(refusal)),
            other => panic!("{other:?}"),
        }
    }
}

/// The storage in this directory, which is made if it is not there.
pub fn storage(path: &Path, store: Placement) -> Storage {
    let identity = SinkIdentity { store, incarnation: Incarnation(7) };
    if path.exists() {
        Storage::open(path, store, SETUP).unwrap()
    } else {
        Storage::create(path, identity, SETUP, &Beginning::EMPTY).unwrap()
    }
}

async fn reply(sink: &SinkHandle, body: Body) -> Reply {
    match sink.request(PARTITION, body).await.unwrap().into_iter().next() {
        Some(Effect::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

/// A write of one of 400 rows, or its deletion.
async fn write(sink: &SinkHandle, random: &mut Random, serial: u64) -> Reply {
    let number = random.below(400);
    let key = Key::try_from(format!("row {number:03}").as_bytes()).unwrap();
    let value = Value::try_from(format!("written by {serial}").repeat(number % 9).as_bytes()).unwrap();
    let mutation = if number.is_multiple_of(5) { Mutation::delete(key) } else { Mutation::put(key, value) };
    let id = WriteId { session: SessionId(1 + serial % 3), serial: Serial(serial) };
    reply(sink, Body::Write(Write { id, token: Epoch(2), mutation })).await
}

fn prepare(migration: u64, source: Option<Placement>) -> Body {
    let closed_through = Epoch(if source.is_some() { 2 } else { 0 });
    Body::Prepare(Prepare { migration: MigrationId(migration), closed_through, source, keep: None })
}

fn options() -> PullOptions {
    PullOptions { items_max: 16, poll: Duration::from_millis(1), ..PullOptions::default() }
}

/// Starts the target and has it pull the copy of the second migration.
async fn pulling(path: &Path, source: &SinkHandle) -> (SinkHandle, Mover<Near>, tokio::task::JoinHandle<()>) {
    let (target, task) = start(storage(path, TARGET), QueueLimits::default());
    let mover = Mover::new(target.clone(), Arc::new(Near(source.clone(), AtomicU64::new(0))), options());
    let effects = target.request(PARTITION, prepare(2, Some(SOURCE))).await.unwrap();
    mover.perform(PARTITION, &effects);
    let ended = tokio::spawn(async move { task.await.unwrap().unwrap() });
    (target, mover, ended)
}

async fn evidence(target: &SinkHandle, at_least: Position) -> Reply {
    let query = EvidenceQuery { migration: MigrationId(2), epoch: Epoch(3), at_least };
    reply(target, Body::Evidence(query)).await
}

/// Ends the writes at the source.
async fn sealed(source: &SinkHandle) -> SealReceipt {
    let seal = Seal { migration: MigrationId(2), through: Epoch(2), target: Incarnation(7) };
    let said = reply(source, Body::Seal(seal)).await;
    let Reply::Sealed(receipt) = said else { panic!("{said:?}") };
    receipt
}

#[tokio::test]
async fn a_copy_that_is_pulled_under_writes_is_the_sources() {
    let directory = tempfile::tempdir().unwrap();
    let (source, _running) = start(storage(&directory.path().join("source"), SOURCE), QueueLimits::default());
    let _created = reply(&source, prepare(1, None)).await;
    let mut random = Random(5);
    for serial in 1..=600 {
        assert!(matches!(write(&source, &mut random, serial).await, Reply::Applied { .. }));
    }
    let at = directory.path().join("target");
    let (mut target, mut mover, mut ended) = pulling(&at, &source).await;
    for serial in 601..=900 {
        assert!(matches!(write(&source, &mut random, serial).await, Reply::Applied { .. }));
        if serial % 100 == 0 {
            // The target ends at any place of its pull, and goes on from its disk.
            drop((target, mover));
            ended.await.unwrap();
            (target, mover, ended) = pulling(&at, &source).await;
        }
    }
    let receipt = sealed(&source).await;
    let refused = write(&source, &mut random, 901).await;
    assert!(matches!(refused, Reply::Refused { refusal: Refusal::Sealed { .. }, .. }), "{refused:?}");
    let found = loop {
        let said = evidence(&target, receipt.watermark()).await;
        if let Reply::Evidence(found) = said {
            break found;
        }
        let Reply::Refused { refusal: Refusal::Behind { .. } | Refusal::Incomplete { .. }, .. } = said else {
            panic!("{said:?}")
        };
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!((found.position(), found.digest()), (receipt.watermark(), receipt.digest()));
    // A retry of the last write that was acknowledged is known at the target.
    let state = target.look(PARTITION).await.unwrap().unwrap();
    assert_eq!(state.newest(), MigrationId(2));
    drop(mover);
}

/// A source that has forgotten changes says so, and the target passes it on: the copy has to begin again.
#[tokio::test]
async fn a_copy_that_cannot_go_on_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (source, _running) = start(storage(&directory.path().join("source"), SOURCE), QueueLimits::default());
    let _created = reply(&source, prepare(1, None)).await;
    let mut random = Random(6);
    for serial in 1..=50 {
        let _applied = write(&source, &mut random, serial).await;
    }
    let at = directory.path().join("target");
    let (target, mover, ended) = pulling(&at, &source).await;
    while !matches!(evidence(&target, Position(50)).await, Reply::Evidence(_)) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop((target, mover));
    ended.await.unwrap();
    for serial in 51..=60 {
        let _applied = write(&source, &mut random, serial).await;
    }
    let _trimmed = source.ask(PARTITION, Input::Trim { through: Position(55) }).await.unwrap();
    let (target, _mover, _ended) = pulling(&at, &source).await;
    let why = loop {
        let said = evidence(&target, Position(60)).await;
        if let Reply::Refused { refusal: Refusal::Stuck { why, .. }, .. } = said {
            break why;
        }
        let Reply::Refused { refusal: Refusal::Behind { .. }, .. } = said else { panic!("{said:?}") };
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    assert_eq!(why, Stuck::Trimmed);
    let again = reply(&target, prepare(2, Some(SOURCE))).await;
    assert!(matches!(again, Reply::Refused { refusal: Refusal::Stuck { .. }, .. }), "{again:?}");
}

/// Everything that was handed over before the last handle is gone is answered, and the file is closed.
#[tokio::test]
async fn a_store_that_stops_answers_what_it_took() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("source");
    let (source, running) =
        start(storage(&at, SOURCE), QueueLimits { inputs_max: 4, group_max: 3, kib_max: 2 });
    let _created = reply(&source, prepare(1, None)).await;
    let mut asked = Vec::new();
    for client in 0..20_u64 {
        let source = source.clone();
        asked.push(tokio::spawn(async move { write(&source, &mut Random(client), client + 1).await }));
    }
    drop(source);
    for asked in asked {
        let reply = asked.await.unwrap();
        assert!(matches!(reply, Reply::Applied { .. }), "{reply:?}");
    }
    running.await.unwrap().unwrap();
    let position = storage(&at, SOURCE).fence(PARTITION).unwrap().durable().copy().unwrap().position();
    assert_eq!(position, Position(20));
}

/// Whoever still has a handle of a store that was told to stop gets no answer, and keeps nothing open.
#[tokio::test]
async fn a_store_that_is_told_to_stop_ends() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().join("source");
    let (source, running) = start(storage(&at, SOURCE), QueueLimits::default());
    let _created = reply(&source, prepare(1, None)).await;
    assert!(matches!(write(&source, &mut Random(1), 1).await, Reply::Applied { .. }));
    source.stop().await;
    source.stop().await;
    running.await.unwrap().unwrap();
    let ended = source.request(PARTITION, prepare(1, None)).await;
    assert_eq!((ended, source.look(PARTITION).await), (Err(NoAnswer::Stopped), Err(NoAnswer::Stopped)));
    let again = storage(&at, SOURCE);
    assert_eq!(again.fence(PARTITION).unwrap().durable().copy().unwrap().position(), Position(1));
}

/// A store that lives long has many pulls behind it.
#[tokio::test]
async fn pulls_that_have_ended_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let (source, _running) = start(storage(&directory.path().join("source"), SOURCE), QueueLimits::default());
    let mover = Mover::new(source.clone(), Arc::new(Near(source, AtomicU64::new(0))), options());
    // The store has no copy of these: each pull ends at once.
    (1..=50).for_each(|partition| mover.pull(PartitionId(partition), MigrationId(1), SOURCE));
    assert_eq!(mover.known(), 50, "none has run yet");
    let pruned = async {
        while mover.known() > 1 {
            tokio::time::sleep(Duration::from_millis(2)).await;
            mover.pull(PARTITION, MigrationId(1), SOURCE);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), pruned).await.expect("one pull that is known");
}
