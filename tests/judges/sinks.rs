//! Stores by hand: fences that have handled some requests, and the rows that they hold.

use super::story::{A, ONE, P};
use cutover::core::fence::{
    Body, Chunk, Config, Contents, Durable, End, Enforcement, Export, Fence, FenceLimits, Frontier, Input,
    Key, Mutation, Output, Prepare, Request, Row, Rows, Seal, Source, Value, Write,
};
use cutover::core::ids::{Epoch, MigrationId, Placement, Position, Serial, SessionId, WriteId};
use cutover::core::invariant::{Fact, Findings, Monitor, SinkNow, SinkStep};
use cutover::core::migration::PartitionRecord;

/// A store as in memory, and as on its disk.
#[derive(Clone)]
pub struct Sink {
    pub fence: Fence,
    pub data: Contents,
    pub durable: Durable,
    pub durable_data: Contents,
}

pub const fn write(serial: u64) -> WriteId {
    WriteId { session: SessionId(1), serial: Serial(serial) }
}

pub fn writes(serials: &[u64]) -> Vec<WriteId> {
    serials.iter().map(|serial| write(*serial)).collect()
}

pub fn key(text: &str) -> Key {
    Key::try_from(text.as_bytes()).unwrap()
}

/// A row with this value, set at this position.
pub fn row(text: &str, position: u64) -> Row {
    Row { value: Value::try_from(text.as_bytes()).unwrap(), position: Position(position) }
}

pub fn request(store: Placement, body: Body) -> Request {
    Request { store, partition: P, body }
}

pub const fn prepare(migration: u64, closed: u64) -> Body {
    let (migration, closed_through) = (MigrationId(migration), Epoch(closed));
    Body::Prepare(Prepare { migration, closed_through, source: None, keep: None })
}

/// The preparation for a copy from A.
pub const fn prepare_copy(migration: u64, closed: u64) -> Body {
    let (migration, closed_through) = (MigrationId(migration), Epoch(closed));
    Body::Prepare(Prepare { migration, closed_through, source: Some(A), keep: None })
}

pub const fn seal(migration: u64, through: u64) -> Body {
    Body::Seal(Seal { migration: MigrationId(migration), through: Epoch(through), target: ONE })
}

pub const fn end(migration: u64, epoch: u64) -> Body {
    Body::End(End { migration: MigrationId(migration), epoch: Epoch(epoch) })
}

/// The write under this number, with a token of the first ownership: `k1=v1` under 1.
pub fn put(serial: u64) -> Body {
    set(serial, &format!("k{serial}"), &format!("v{serial}"))
}

/// A write of a row under this number.
pub fn set(serial: u64, of: &str, value: &str) -> Body {
    let mutation = Mutation::put(key(of), row(value, 0).value);
    Body::Write(Write { id: write(serial), token: Epoch(1), mutation })
}

impl Sink {
    /// A store that has handled these requests and applied these writes, and has all of it on its disk.
    pub fn of(store: Placement, bodies: &[Body]) -> Self {
        let config = Config {
            store,
            partition: P,
            incarnation: ONE,
            enforcement: Enforcement::Tokens,
            limits: FenceLimits::PRODUCTION,
        };
        let (fence, data) = (Fence::unknown(config), Contents::default());
        let (durable, durable_data) = (fence.durable().clone(), data.clone());
        Self { fence, data, durable, durable_data }.with(bodies)
    }

    /// The store after these requests too.
    pub fn with(mut self, bodies: &[Body]) -> Self {
        for body in bodies {
            let request = request(self.fence.config().store, body.clone());
            self.input(&Input::Request(request));
            if let Body::Write(write) = body {
                self.input(&Input::Apply(write.clone()));
            }
        }
        self.synced()
    }

    fn input(&mut self, input: &Input) {
        let rows = self.data.rows().clone();
        self.fence.handle(input, &rows).iter().for_each(|output| self.data.perform(output));
    }

    /// The store whose disk has what its memory has.
    pub fn synced(mut self) -> Self {
        self.durable = self.fence.durable().clone();
        self.durable_data = self.data.clone();
        self
    }

    /// The store with another row, or without it, of which its fence knows nothing.
    pub fn altered(mut self, key: &str, row: Option<Row>) -> Self {
        self.data.perform(&Output::Import { rows: vec![(self::key(key), row)] });
        self.durable_data = self.data.clone();
        self
    }

    /// The chunk that follows there, of as many rows and changes.
    pub fn cut(&self, migration: u64, after: Frontier, position: u64, limit: u32) -> Chunk {
        let export = Export { migration: MigrationId(migration), after, position: Position(position), limit };
        let Config { store, incarnation, limits, .. } = *self.fence.config();
        let source = Source { store, incarnation, durable: &self.durable, limits };
        Chunk::cut(source, &export, &self.durable_data).unwrap()
    }

    pub fn now(&self) -> SinkNow<'_> {
        let Self { fence, data, durable, durable_data } = self;
        SinkNow { fence, data, durable, durable_data }
    }

    pub fn rows(&self) -> &Rows {
        self.data.rows()
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
    Monitor::new(None, Vec::new())
}

/// Tells a monitor of a write that took a store from one state to another.
pub fn wrote(monitor: &mut Monitor, record: &PartitionRecord, (before, after): (&Sink, &Sink), body: &Body) {
    let asked = request(before.fence.config().store, body.clone());
    let (before, after) = (before.now(), after.now());
    let step = SinkStep { request: Some(&asked), before, after, record: Some(record) };
    monitor.feed(&Fact::SinkStepped(step), &mut Findings::new(false));
}

/// The owner at A after these writes, of which the monitor was told.
pub fn owner(monitor: &mut Monitor, record: &PartitionRecord, bodies: &[Body]) -> Sink {
    let mut sink = Sink::of(A, &[prepare(1, 0)]);
    for body in bodies {
        let after = sink.clone().with(std::slice::from_ref(body));
        wrote(monitor, record, (&sink, &after), body);
        sink = after;
    }
    sink
}
