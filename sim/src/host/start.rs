//! One start of a node: opens its disk and runs the production server on it, with a judge that sees each call of
//! the engine.

use super::callers::{Claimed, access};
use super::{Hosts, address};
use crate::data::controllers;
use crate::disk::Disk;
use crate::disk_time::DiskTime;
use crate::ended::{Ended, NO_ROOM};
use crate::event_log::lock;
use crate::faults::{ANSWER_PPM, Rate};
use crate::front::Front;
use crate::judge::{Judge, own};
use crate::network::Wire;
use crate::storage::Storage;
use crate::stream::{Stream, generator};
use core::time::Duration;
use cutover::core::control_plane::{
    ControlPlaneConsensus, ControlPlaneEntry, ControlPlaneInput, ReplicatedControlPlane,
};
use cutover::core::migration::Policy;
use cutover::core::raft::{Config, Durable, Peer};
use cutover::node::controllers as production;
use cutover::node::driver::{Clock, DriverConfig, Environment, Recorder, RecorderError};
use cutover::node::proto::v1::{
    cluster_server::ClusterServer, migrations_server::MigrationsServer, placements_server::PlacementsServer,
    sessions_server::SessionsServer, stores_server::StoresServer,
};
use cutover::node::server::{self, Parts, QuotaLimits, RemovalNotice, StreamTimeouts};
use cutover::node::store::{Store, StoreIdentity};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use tonic::transport::Server;

/// A start of a node before it runs.
pub(super) struct Start {
    pub(super) hosts: Hosts,
    /// Number of the machine, which is that of the node unless this is a copy of it.
    pub(super) machine: u8,
    pub(super) me: Peer,
    pub(super) founded: bool,
    pub(super) boot: u64,
    pub(super) disk: Disk,
    pub(super) disk_time: DiskTime,
    pub(super) alive: Arc<AtomicBool>,
}

impl Start {
    fn open(&self) -> Result<(Store, Durable<ControlPlaneEntry>), String> {
        let identity = StoreIdentity { node: self.me.node, directory: self.me.directory };
        // The disk is empty at its first start, and also if that start did not complete founding
        // it.
        let empty = redb::StorageBackend::len(&self.disk.mount()).map_err(|error| error.to_string())? == 0;
        if !empty {
            return Store::open_on(self.disk.mount(), identity.node).map_err(|error| error.to_string());
        }
        let founder = &self.hosts.founder;
        let disk = if self.founded { founder.disk() } else { founder.empty_disk() };
        let disk = disk.map_err(|error| error.to_string())?;
        let store =
            Store::create_on(self.disk.mount(), &identity, &disk).map_err(|error| error.to_string())?;
        Ok((store, disk))
    }

    /// Runs the node until it stops or its machine is killed.
    pub(super) async fn run(self) {
        let (node, boot, hosts) = (self.machine, self.boot, self.hosts.clone());
        let (store, durable) = match self.open() {
            Ok(opened) => opened,
            Err(error) if self.disk.had_no_room() && error.contains(NO_ROOM) => {
                hosts.event_log.count("fault", "start-on-a-full-disk");
                let _ended = hosts.ended.send(Ended::NoRoom { node, boot });
                return;
            }
            Err(error) => {
                let found = format!("n{node} cannot open its disk: {error}");
                lock(&hosts.judge).find(own::DURABLE, found, "nothing but crashes came over it".to_owned());
                return;
            }
        };
        let config = Config { me: self.me, limits: hosts.options.limits() };
        let (rate, timing) = (Rate::of(&hosts.options, node), hosts.options.timing);
        let bound = |ms| u64::try_from(rate.until(Duration::from_millis(ms)).as_nanos()).unwrap_or(u64::MAX);
        let bounds = (bound(timing.election_timeout_ms_min), bound(timing.election_timeout_ms_max));
        lock(&hosts.judge).started(node, config, durable.clone());
        lock(&hosts.judge).timed(node, bounds);
        let Ok(engine) = ReplicatedControlPlane::start(config, durable) else { return };
        let running = server::start(self.parts(engine, store));
        hosts.network.plug(node, Some(running.inbox.clone()));
        if let Some(up) = lock(&hosts.hosts).get_mut(&node).and_then(|host| host.up.as_mut()) {
            up.handle = Some(running.handle.clone());
        }
        let data = &hosts.options.data;
        let mut board = None;
        if data.stores > 0 {
            let (stores, config) = controllers(data);
            let which = u64::from(node) << 32 | boot;
            let clock: Box<dyn Clock> = Box::new(Rate::of(&hosts.options, node));
            let chance = generator(hosts.options.seed, "controllers", which);
            let shown = board.insert(production::Board::default()).clone();
            production::start(running.handle.clone(), stores, config, shown, (clock, chance));
        }
        let service = running.service.showing(board).with(
            StreamTimeouts::default(),
            QuotaLimits { all: hosts.options.watches_max, reserved: 0, each: hosts.options.watches_each },
            RemovalNotice::default(),
        );
        let front = Front {
            service: service.clone(),
            ppm: hosts.options.value(&ANSWER_PPM),
            patience_ms: hosts.options.work.patience_ms,
            chance: Arc::new(Mutex::new(Stream::new(
                hosts.options.seed,
                "front",
                u64::from(node) << 32 | boot,
            ))),
            event_log: hosts.event_log.clone(),
            calm: Arc::clone(&hosts.calm),
        };
        let services = Server::builder()
            .add_service(StoresServer::new(service.clone()))
            .add_service(PlacementsServer::new(service))
            .add_service(MigrationsServer::new(front.clone()))
            .add_service(SessionsServer::new(front.clone()))
            .add_service(ClusterServer::new(front));
        madsim::task::spawn(async move {
            let _ended = services.serve(address(node)).await;
        });
        let why = match running.task.await {
            Ok(why) => why,
            Err(_) => return,
        };
        let _ended = hosts.ended.send(Ended::Stopped { node, boot, why });
    }

    fn parts(self, engine: ReplicatedControlPlane, store: Store) -> Parts<Storage, Wire> {
        let (node, hosts) = (self.machine, &self.hosts);
        let options = &hosts.options;
        let which = u64::from(node) << 32 | self.boot;
        let transport = Wire {
            process: (node, self.boot),
            network: hosts.network.clone(),
            judge: Arc::clone(&hosts.judge),
            alive: Arc::clone(&self.alive),
        };
        let storage = Storage {
            store,
            disk: self.disk,
            options: options.disk.clone(),
            chance: Stream::new(options.seed, "disk", which),
            rereads: Stream::new(options.seed, "rereads", which),
            node,
            boot: self.boot,
            judge: Arc::clone(&hosts.judge),
            event_log: hosts.event_log.clone(),
            ended: hosts.ended.clone(),
            alive: self.alive,
            calm: Arc::clone(&hosts.calm),
            took: Duration::ZERO,
            time: self.disk_time.clone(),
        };
        let environment = Environment {
            clock: Box::new(Rate::of(options, node)),
            jitter: generator(options.seed, "jitter", which),
            recorder: Some(Box::new(Tap {
                node,
                judge: Arc::clone(&hosts.judge),
                time: self.disk_time,
                limit: options.timing.disk_stall(),
            })),
        };
        Parts {
            engine: Box::new(engine),
            driver: DriverConfig { timing: options.timing, queues: options.queues() },
            storage,
            transport,
            environment,
            access: hosts.access(node).unwrap_or_else(|| access(true).into()),
            identify: Arc::new(Claimed),
            introducer: Arc::new(hosts.clone()),
            policy: Policy::PRODUCTION,
        }
    }
}

/// Passes the inputs of an engine to the judge and to the recording.
struct Tap {
    node: u8,
    judge: Arc<Mutex<Judge>>,
    time: DiskTime,
    limit: Duration,
}

impl Recorder for Tap {
    fn record(
        &mut self,
        before: &dyn ControlPlaneConsensus,
        input: &ControlPlaneInput,
    ) -> Result<(), RecorderError> {
        let mut judge = lock(&self.judge);
        if self.time.must_be_given_up(self.limit) {
            let against = format!("its disk has made no progress for more than {:?}", self.limit);
            judge.find(own::STOP, format!("n{} goes on", self.node), against);
        }
        judge.called(self.node, before, input);
        Ok(())
    }

    fn end(&mut self, after: &dyn ControlPlaneConsensus) -> Result<(), RecorderError> {
        lock(&self.judge).ended(self.node, after);
        Ok(())
    }
}
