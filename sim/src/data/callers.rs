//! Callers of gateways: they read, write and delete rows with the production library, while partitions move.

use super::book::{Begun, Book, key};
use super::connections::Plain;
use super::operator::Mover;
use crate::event_log::{EventLog, lock};
use crate::host::Hosts;
use crate::stream::Stream;
use crate::workload::{library_client, machine};
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use cutover::client::gateway::{Gateway, GatewayError, GatewayOptions, Written};
use cutover::core::fence::{Cell, Key, Value};
use cutover::core::ids::PartitionId;
use cutover::core::invariant::history::registers::{Call, Outcome, Value as Register};
use madsim::runtime::NodeHandle;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::time::sleep;

/// The kind of the machines of gateways.
const KIND: u8 = 14;

/// The address that a gateway calls stores from.
#[must_use]
pub fn gateway_ip(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, KIND, number + 1))
}

/// A gateway of the production library.
pub(super) fn gateway(hosts: &Hosts, nodes: &[u8], number: u8, deadline_ms: u64) -> Option<Gateway> {
    let data = &hosts.options.data;
    let patience = Duration::from_millis(hosts.options.work.patience_ms);
    let client = library_client(nodes, patience, hosts.options.seed ^ 0x9a7e ^ u64::from(number) << 32)?;
    let options = GatewayOptions {
        deadline: Duration::from_millis(deadline_ms),
        attempt: Duration::from_millis(data.attempt_ms),
        operations_max: 64,
        writes_max: usize::from(data.callers).max(1),
        follows: number.is_multiple_of(2),
    };
    Some(Gateway::new(client, Arc::new(Plain), options))
}

fn value(text: &str) -> Option<Value> {
    Value::try_from(text.as_bytes()).ok()
}

/// A value as the register has it.
pub(super) fn register(found: Option<&Value>) -> Register {
    found.map(|value| String::from_utf8_lossy(value.bytes()).into_owned()).as_deref().into()
}

/// How an operation without a result ends.
fn of(error: &GatewayError) -> Outcome {
    if error.is_unknown() { Outcome::Unknown } else { Outcome::Failed }
}

fn of_write(written: &Result<Written, GatewayError>) -> Outcome {
    match written {
        Ok(Written::Applied { .. }) => Outcome::Done,
        Ok(Written::Differs { .. }) => Outcome::Refused,
        Err(error) => of(error),
    }
}

/// One caller.
struct Caller {
    gateway: Gateway,
    hosts: Hosts,
    book: Book,
    chance: Stream,
    number: u64,
}

impl Caller {
    async fn run(mut self) {
        let data = self.hosts.options.data.clone();
        let partitions: Vec<PartitionId> = data.all().collect();
        let every_us = 1_000_000 / data.requests_per_s.max(1);
        loop {
            sleep(Duration::from_micros(self.chance.below(2 * every_us))).await;
            let Some(partition) = self.chance.pick(&partitions) else { return };
            let row = self.chance.below(data.rows.into());
            let Some(name) = key(row) else { return };
            let (call, outcome) = match self.chance.below(100) {
                0..35 => ("reads", self.get(partition, name).await),
                35..62 => ("writes", self.put(partition, name).await),
                62..70 => ("deletes", self.delete(partition, name).await),
                70..86 => ("conditional writes", self.cas(partition, name).await),
                _ => ("batches", self.batch(partition, row).await),
            };
            let Some(outcome) = outcome else { return };
            let log: &EventLog = &self.hosts.event_log;
            let ended = match &outcome {
                Outcome::Done | Outcome::Read(_) => "gateway operations done",
                Outcome::Refused => "gateway operations refused",
                Outcome::Failed => "gateway operations not done",
                Outcome::Unknown => "gateway operations of unknown outcome",
            };
            log.count("client", ended);
            log.note("gateway", self.number, call, &[partition.0, row], || format!("{outcome}"));
        }
    }

    fn done(&self, begun: &Begun, outcome: Outcome) -> Option<Outcome> {
        self.book.end(begun, outcome.clone());
        Some(outcome)
    }

    async fn get(&self, partition: PartitionId, key: Key) -> Option<Outcome> {
        let begun = self.book.begin(partition, &key, Call::Read);
        let found = self.gateway.get(partition, key).await;
        let outcome = found.map_or_else(|error| of(&error), |found| Outcome::Read(register(found.as_ref())));
        self.done(&begun, outcome)
    }

    async fn put(&self, partition: PartitionId, key: Key) -> Option<Outcome> {
        let text = self.book.value();
        let begun = self.book.begin(partition, &key, Call::Write(text.as_str().into()));
        let put = self.gateway.put(partition, key, value(&text)?).await;
        self.done(&begun, put.map_or_else(|error| of(&error), |_| Outcome::Done))
    }

    async fn delete(&self, partition: PartitionId, key: Key) -> Option<Outcome> {
        let begun = self.book.begin(partition, &key, Call::Write(Register::Nothing));
        let deleted = self.gateway.delete(partition, key).await;
        self.done(&begun, deleted.map_or_else(|error| of(&error), |_| Outcome::Done))
    }

    /// A write that expects what the cache has, or something else.
    async fn cas(&mut self, partition: PartitionId, key: Key) -> Option<Outcome> {
        let seen = self.gateway.get_cached(partition, key.clone()).await.unwrap_or(None);
        let text = self.book.value();
        let new = if self.chance.below(8) == 0 { None } else { value(&text) };
        let call = Call::Cas { expected: register(seen.as_ref()), new: register(new.as_ref()) };
        let begun = self.book.begin(partition, &key, call);
        let written = self.gateway.cas(partition, key, seen, new).await;
        self.done(&begun, of_write(&written))
    }

    /// Several rows at once. In half of the cases, the first has to be as the cache has it.
    async fn batch(&mut self, partition: PartitionId, first: u64) -> Option<Outcome> {
        let rows = u64::from(self.hosts.options.data.rows);
        let others = self.chance.below(rows.min(3));
        let keys: Option<Vec<Key>> = (0..=others).map(|step| key((first + step) % rows.max(1))).collect();
        let (keys, conditional) = (keys?, self.chance.below(2) == 0);
        let expects = match keys.first() {
            Some(key) if conditional => {
                let seen = self.gateway.get_cached(partition, key.clone()).await.unwrap_or(None);
                Some(Cell { key: key.clone(), value: seen })
            }
            _ => None,
        };
        let mut begun = Vec::new();
        let mut effects = Vec::new();
        for key in keys {
            let text = self.book.value();
            let new = register(value(&text).as_ref());
            let call = match expects.as_ref().filter(|cell| cell.key == key) {
                Some(cell) => Call::Cas { expected: register(cell.value.as_ref()), new },
                None => Call::Write(new),
            };
            let conditional = matches!(call, Call::Cas { .. });
            begun.push((self.book.begin(partition, &key, call), conditional));
            effects.push(Cell { key, value: Some(value(&text)?) });
        }
        let outcome = of_write(&self.gateway.batch(partition, expects, effects).await);
        for (begun, conditional) in &begun {
            let refused = outcome == Outcome::Refused && !conditional;
            self.book.end(begun, if refused { Outcome::Failed } else { outcome.clone() });
        }
        Some(outcome)
    }
}

/// All callers of gateways, and the operator of moves.
pub struct DataUsers {
    machines: Vec<NodeHandle>,
    /// What the callers saw.
    pub book: Book,
}

impl DataUsers {
    /// Starts those that the options ask for.
    #[must_use]
    pub fn start(hosts: &Hosts) -> Self {
        let (data, book) = (&hosts.options.data, Book::new(lock(&hosts.judge).recorded()));
        let mut machines = Vec::new();
        if data.stores > 0 {
            for number in 0..data.gateways {
                let gateway = machine(KIND, number);
                gateway.spawn(serve(hosts.clone(), number, 0, book.clone()));
                // It is killed, paused and started again from elsewhere.
                let fate = machine(KIND + 3, number);
                fate.spawn(fates(hosts.clone(), gateway.clone(), number, book.clone()));
                machines.extend([fate, gateway]);
            }
            if let Some(mover) = Mover::new(hosts, book.clone()) {
                let machine = machine(15, 0);
                machine.spawn(mover.run());
                machines.push(machine);
            }
        }
        Self { machines, book }
    }

    /// Ends their processes.
    pub fn stop(&self) {
        self.machines.iter().for_each(|machine| madsim::runtime::Handle::current().kill(machine.id()));
    }
}

/// A gateway with its callers.
async fn serve(hosts: Hosts, number: u8, life: u64, book: Book) {
    let Some(gateway) = gateway(&hosts, &hosts.all(), number, hosts.options.data.deadline_ms) else { return };
    let callers = (0..hosts.options.data.callers).map(|caller| {
        let number = life << 16 | u64::from(number) << 8 | u64::from(caller);
        let chance = Stream::new(hosts.options.seed, "caller", number);
        let (gateway, hosts, book) = (gateway.clone(), hosts.clone(), book.clone());
        madsim::task::spawn(Caller { gateway, hosts, book, chance, number }.run())
    });
    for caller in callers.collect::<Vec<_>>() {
        let _ended = caller.await;
    }
}

/// What becomes of a gateway's process: now and then it is killed, and starts again, or is paused.
async fn fates(hosts: Hosts, gateway: NodeHandle, number: u8, book: Book) {
    let mut chance = Stream::new(hosts.options.seed, "gateway", number.into());
    let simulator = madsim::runtime::Handle::current();
    let mut life = 0;
    let every_ms = hosts.options.data.gateways_end_ms;
    if every_ms == 0 {
        return;
    }
    loop {
        sleep(Duration::from_millis(chance.tail(every_ms) + 1)).await;
        let (kills, pause_ms) = (chance.below(2) == 0, chance.tail(300));
        if hosts.calm.load(Ordering::Relaxed) {
            return;
        }
        if kills {
            hosts.event_log.count("fault", "gateway-kill");
            life += 1;
            simulator.kill(gateway.id());
            sleep(Duration::from_millis(pause_ms)).await;
            simulator.restart(gateway.id());
            gateway.spawn(serve(hosts.clone(), number, life, book.clone()));
        } else {
            hosts.event_log.count("fault", "gateway-pause");
            simulator.pause(gateway.id());
            sleep(Duration::from_millis(pause_ms)).await;
            simulator.resume(gateway.id());
        }
    }
}
