//! One start of a store: opens its disk and serves it, with the production service.

use super::Hosts;
use super::store_disk::Watched;
use super::store_front::SinkFront;
use crate::data::{address, placement};
use crate::disk::Disk;
use crate::disk_time::DiskTime;
use crate::ended::{Ended, NO_ROOM};
use crate::event_log::lock;
use crate::faults::ANSWER_PPM;
use crate::judge::own;
use crate::stream::Stream;
use core::time::Duration;
use cutover::core::fence::{Config, Enforcement, FenceLimits};
use cutover::core::ids::{DirectoryId, Incarnation, PartitionId};
use cutover::core::placement::Guarantee;
use cutover::node::driver::Stopped;
use cutover::node::proto::v1::sink_server::SinkServer;
use cutover::sink::access::SinkAccess;
use cutover::sink::driver::{QueueLimits, start};
use cutover::sink::mover::{Mover, PullOptions};
use cutover::sink::server::{Description, SinkService};
use cutover::sink::sources::GrpcSources;
use cutover::sink::storage::{Beginning, Setup, SinkIdentity, Storage};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tonic::transport::Server;

/// A start of a store before it runs.
pub struct StartStore {
    /// All machines.
    pub hosts: Hosts,
    /// Number of the store's machine.
    pub machine: u8,
    /// Number of the start.
    pub boot: u64,
    /// The number of its disk, and what the log had committed when it was created on it.
    pub began: (DirectoryId, Beginning),
    /// Its disk.
    pub disk: Disk,
    /// The times of its disk.
    pub disk_time: DiskTime,
    /// False after its power has failed.
    pub alive: Arc<AtomicBool>,
}

impl StartStore {
    fn setup(&self) -> Setup {
        let data = &self.hosts.options.data;
        let limits = FenceLimits {
            chunk_items_max: data.chunk_items,
            sessions_max: data.sessions,
            ..FenceLimits::PRODUCTION
        };
        let enforcement = match data.guarantee(placement(data, self.machine)) {
            Guarantee::Sealed => Enforcement::Tokens,
            Guarantee::Timed => Enforcement::Nothing,
        };
        Setup { enforcement, limits }
    }

    fn identity(&self) -> SinkIdentity {
        let store = placement(&self.hosts.options.data, self.machine);
        let incarnation = Incarnation((self.began.0.0 - 1) << 8 | u64::from(self.machine));
        SinkIdentity { store, incarnation }
    }

    fn config(&self) -> Config {
        let (SinkIdentity { store, incarnation }, Setup { enforcement, limits }) =
            (self.identity(), self.setup());
        Config { store, partition: PartitionId(0), incarnation, enforcement, limits }
    }

    fn open(&self) -> Result<Storage, String> {
        let (identity, setup) = (self.identity(), self.setup());
        let empty = redb::StorageBackend::len(&self.disk.mount()).map_err(|error| error.to_string())? == 0;
        let opened = if empty {
            Storage::create_on(self.disk.mount(), identity, setup, &self.began.1)
        } else {
            Storage::open_on(self.disk.mount(), identity.store, setup)
        };
        opened.map_err(|error| error.to_string())
    }

    /// Runs the store until its disk fails or its machine is killed.
    pub async fn run(self) {
        let (node, boot, hosts) = (self.machine, self.boot, self.hosts.clone());
        let storage = match self.open() {
            Ok(opened) => opened,
            Err(error) if self.disk.had_no_room() && error.contains(NO_ROOM) => {
                hosts.event_log.count("fault", "start-on-a-full-disk");
                let _ended = hosts.ended.send(Ended::NoRoom { node, boot });
                return;
            }
            Err(error) => {
                let found = format!("the store on machine {node} cannot open its disk: {error}");
                lock(&hosts.judge).find(own::DURABLE, found, "nothing but crashes came over it".to_owned());
                return;
            }
        };
        hosts.event_log.count("store", "starts");
        lock(&hosts.judge).store_opened(node, &storage);
        let data = &hosts.options.data;
        let which = u64::from(node) << 32 | boot;
        let watched = Watched {
            storage,
            disk: self.disk.clone(),
            time: self.disk_time.clone(),
            hosts: hosts.clone(),
            config: self.config(),
            chance: Stream::new(hosts.options.seed, "disk", which),
            rereads: Stream::new(hosts.options.seed, "rereads", which),
            machine: node,
            boot,
            alive: Arc::clone(&self.alive),
            failed: false,
            took: Duration::ZERO,
        };
        let limits = QueueLimits { group_max: data.group_max, ..QueueLimits::default() };
        let (sink, running) = start(watched, limits);
        hosts.serves(node, &sink);
        let deadline = Duration::from_millis(data.attempt_ms);
        let sources = Arc::new(GrpcSources::plain(deadline));
        let pulls = PullOptions { items_max: data.chunk_items, ..PullOptions::default() };
        let mover = Arc::new(Mover::new(sink.clone(), Arc::clone(&sources), pulls));
        let (Ok(kind), Ok(known_as)) = ("reference".parse(), format!("CN=d{node}").parse()) else { return };
        let description =
            Description { identity: self.identity(), enforcement: self.setup().enforcement, kind, known_as };
        let service = SinkService::new(sink, description, (mover, sources), SinkAccess::plain(), deadline);
        let front = SinkFront {
            service,
            machine: node,
            ppm: hosts.options.value(&ANSWER_PPM),
            patience_ms: data.attempt_ms,
            chance: Arc::new(Mutex::new(Stream::new(hosts.options.seed, "sink", which))),
            hosts: hosts.clone(),
        };
        let services = Server::builder().add_service(SinkServer::new(front));
        madsim::task::spawn(async move {
            let _ended = services.serve(address(node)).await;
        });
        let why = match running.await {
            Ok(Ok(())) => Stopped::Requested,
            Ok(Err(error)) => Stopped::Disk(error.to_string()),
            Err(_) => return,
        };
        let _ended = hosts.ended.send(Ended::Stopped { node, boot, why });
    }
}
