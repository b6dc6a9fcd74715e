//! Stores by hand: fences that have handled some requests, and the writes that they hold.

use super::commits::{ONE, P};
use cutover::core::fence::{
    Body, Chunk, Config, Durable, Enforcement, Fence, FenceLimits, Input, Prepare, Request, Seal,
};
use cutover::core::ids::{Epoch, MigrationId, Placement, Position, Serial, SessionId, WriteId};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow};

/// A store as in memory, and as on its disk.
#[derive(Clone)]
pub struct Sink {
    pub fence: Fence,
    pub data: Vec<WriteId>,
    pub durable: Durable,
    pub durable_data: Vec<WriteId>,
}

pub const fn write(serial: u64) -> WriteId {
    WriteId { session: SessionId(1), serial: Serial(serial) }
}

pub fn writes(serials: &[u64]) -> Vec<WriteId> {
    serials.iter().map(|serial| write(*serial)).collect()
}

pub fn request(store: Placement, body: Body) -> Request {
    Request { store, partition: P, body }
}

pub const fn prepare(migration: u64, closed: u64) -> Body {
    Body::Prepare(Prepare { migration: MigrationId(migration), closed_through: Epoch(closed) })
}

pub const fn seal(migration: u64, through: u64) -> Body {
    Body::Seal(Seal { migration: MigrationId(migration), through: Epoch(through), target: ONE })
}

pub fn chunk(migration: u64, serials: &[u64]) -> Body {
    let (migration, first) = (MigrationId(migration), Position(1));
    Body::Chunk(Chunk { migration, source: ONE, first, writes: writes(serials) })
}

impl Sink {
    /// A store that has handled these requests, holds these writes, and has all of it on its disk.
    pub fn of(store: Placement, bodies: &[Body], serials: &[u64]) -> Self {
        let config = Config {
            store,
            partition: P,
            incarnation: ONE,
            enforcement: Enforcement::Tokens,
            limits: FenceLimits::PRODUCTION,
        };
        let mut fence = Fence::unknown(config);
        for body in bodies {
            let _outputs = fence.handle(&Input::Request(request(store, body.clone())));
        }
        let (durable, data) = (fence.durable().clone(), writes(serials));
        Self { fence, durable, durable_data: data.clone(), data }
    }

    pub fn now(&self) -> SinkNow<'_> {
        let Self { fence, data, durable, durable_data } = self;
        SinkNow { fence, data, durable, durable_data }
    }
}

pub fn judged(monitor: &Monitor, fact: &Fact<'_>) -> Vec<&'static str> {
    let mut findings = Findings::new(true);
    monitor.judge(fact, &mut findings);
    let mut ids: Vec<_> = findings.violations().iter().map(|found| found.id.entry().id).collect();
    ids.dedup();
    ids
}

pub fn fresh() -> Monitor {
    Monitor::new(None, None)
}
