//! Two stores on disk, asked in this process.

use super::{A, B, Body, Call, Epoch, PartitionId, Placement, Reply, Request, Stores, key};
use cutover::core::control_plane::Store;
use cutover::core::fence::{Chunk, Enforcement, Export, FenceLimits, Frontier, Input, Read};
use cutover::core::ids::Incarnation;
use cutover::core::migration::Said;
use cutover::node::controllers::{CopySize, Look};
use cutover::sink::driver::{QueueLimits, SinkHandle, start};
use cutover::sink::mover::{Mover, NoChunk, PullOptions, Sources};
use cutover::sink::storage::{Beginning, Effect, Setup, SinkIdentity, Storage};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

const SETUP: Setup = Setup {
    enforcement: Enforcement::Tokens,
    limits: FenceLimits { chunk_items_max: 32, ..FenceLimits::PRODUCTION },
};

/// Each store as a source of the other one's copies.
#[derive(Default)]
struct Others(OnceLock<[SinkHandle; 2]>);

impl Sources for Others {
    async fn export(
        &self,
        source: Placement,
        partition: PartitionId,
        export: Export,
    ) -> Result<Chunk, NoChunk> {
        let effects = self.0.get().unwrap()[at(source)].request(partition, Body::Export(export)).await;
        match effects.map_err(|error| NoChunk::Unreachable(error.to_string()))?.into_iter().next() {
            Some(Effect::Chunk { chunk, .. }) => chunk.map_err(NoChunk::Refused),
            Some(Effect::Reply(Reply::Refused { refusal, .. })) => Err(NoChunk::Refused(refusal)),
            other => panic!("{other:?}"),
        }
    }
}

fn at(store: Placement) -> usize {
    usize::try_from(store.0).unwrap()
}

/// The stores A and B. Clones share them.
#[derive(Clone)]
pub struct Near {
    stores: Arc<[(SinkHandle, Mover<Others>); 2]>,
    _directory: Arc<TempDir>,
}

impl Near {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let others = Arc::new(Others::default());
        let options = PullOptions { poll: Duration::from_millis(1), ..PullOptions::default() };
        let stores = [A, B].map(|store| {
            let identity = SinkIdentity { store, incarnation: Incarnation(7) };
            let path = directory.path().join(store.to_string());
            let storage = Storage::create(&path, identity, SETUP, &Beginning::EMPTY).unwrap();
            let (sink, _running) = start(storage, QueueLimits::default());
            (sink.clone(), Mover::new(sink, Arc::clone(&others), options))
        });
        let _ = others.0.set([stores[0].0.clone(), stores[1].0.clone()]);
        Self { stores: Arc::new(stores), _directory: Arc::new(directory) }
    }

    /// The store's answer. A copy that it is to make is begun.
    pub async fn asked(&self, store: Placement, partition: u64, body: Body) -> Reply {
        let (sink, mover) = &self.stores[at(store)];
        let partition = PartitionId(partition);
        let request = Request { store, partition, body };
        let effects = sink.ask(partition, Input::Request(request)).await.unwrap();
        mover.perform(partition, &effects);
        let reply = effects
            .into_iter()
            .find_map(|effect| if let Effect::Reply(reply) = effect { Some(reply) } else { None });
        reply.unwrap()
    }

    pub async fn applied(&self, store: Placement, partition: u64, body: Body) {
        let reply = self.asked(store, partition, body).await;
        assert!(matches!(reply, Reply::Applied { .. }), "{reply:?}");
    }

    /// The number of rows that a read with this token finds; 0 if the store refuses.
    pub async fn rows(&self, store: Placement, partition: u64, token: Epoch) -> usize {
        let (sink, _) = &self.stores[at(store)];
        let mut found = 0;
        for number in 0..200 {
            let read = Body::Read(Read { token, key: key(number) });
            let effects = sink.request(PartitionId(partition), read).await.unwrap();
            found += usize::from(matches!(effects.first(), Some(Effect::Value { row: Some(_), .. })));
        }
        found
    }
}

impl Stores for Near {
    async fn ask(&self, call: Call) -> Result<Reply, String> {
        let Request { store, partition, body } = call.request;
        assert_eq!(call.store.facts.name.as_ref(), format!("s{}", store.0), "what the log says of the store");
        Ok(self.asked(store, partition.0, body).await)
    }

    async fn look(&self, number: Placement, _: Store, partition: PartitionId) -> Result<Look, String> {
        let known = self.stores[at(number)].0.look(partition).await.map_err(|error| error.to_string())?;
        let size = known.as_ref().and_then(|known| known.copy()).map(|copy| {
            let (size, position) = (copy.size(), copy.position());
            let complete = *copy.frontier() == Frontier::Everything;
            CopySize { rows: size.rows, bytes: size.bytes, position, complete }
        });
        Ok(Look { said: known.as_ref().map_or(Said::NOTHING, Said::of), size })
    }
}
