//! The load: a process that writes and reads rows through the gateway library, and records what it asked for and was told.
//!
//! Each writer has a register of its own, which it writes again and again, so that it sees how long the register is blocked. Others read all
//! registers, and compare and set them. Each write notes its value in a row of its client's ledger as well, in the same batch, so that it
//! can be read back although its register was written since.

use super::clock::now;
use super::event::{Act, CLIENTS, End, Event, key, ledger_row, process, value};
use crate::cli::connect::block_on;
use crate::cli::{Failed, exit};
use crate::client::gateway::{Gateway, GatewayError, GatewayOptions, Written};
use crate::client::{Client, Dialer, Options};
use crate::core::control_plane::{Address, PartitionName};
use crate::core::fence::{Cell, Key, Value};
use crate::core::ids::PartitionId;
use crate::node::proto::PartitionSelector;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The options of a gateway.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Client addresses of the nodes
    #[arg(long, short = 'e', required = true, value_delimiter = ',')]
    endpoint: Vec<Address>,
    /// The partition
    #[arg(long)]
    partition: PartitionName,
    /// Which of the gateways it is, from 0
    #[arg(long)]
    number: u64,
    /// How many gateways there are; clients are dealt out to them in turn
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    gateways: u64,
    /// How many clients of all gateways write, each a register of its own
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..CLIENTS / 2))]
    writers: u64,
    /// How many more of them read, and compare and set
    #[arg(long, value_parser = clap::value_parser!(u64).range(..CLIENTS / 2))]
    others: u64,
    /// How often it was started before
    #[arg(long)]
    life: u64,
    /// Where it records its operations
    #[arg(long)]
    record: PathBuf,
}

/// A gateway of a cluster without certificates.
pub(super) fn connect(endpoints: Vec<Address>) -> Result<(Client, Gateway), Failed> {
    let client = Client::new(endpoints, Arc::new(Dialer::Plain), Options::default());
    let client = client.map_err(|error| crate::cli::connect::failed(&error))?;
    let gateway = Gateway::new(client.clone(), Arc::new(Dialer::Plain), GatewayOptions::default());
    Ok((client, gateway))
}

/// A value as it stands in a row.
pub(super) fn stored(value: i64) -> Result<Value, Failed> {
    Value::try_from(value.to_string().as_bytes()).map_err(|error| Failed::new(exit::INTERNAL, error))
}

/// The number that stands in a row.
pub(super) fn found(value: Option<&Value>) -> Option<i64> {
    core::str::from_utf8(value?.bytes()).ok()?.parse().ok()
}

pub(super) fn row_key(text: &str) -> Result<Key, Failed> {
    Key::try_from(text.as_bytes()).map_err(|error| Failed::new(exit::INTERNAL, error))
}

/// The key of a row of a ledger.
pub(super) fn ledger_key((client, row): (u64, u64)) -> Result<Key, Failed> {
    row_key(&format!("c{client}/{row}"))
}

struct Load {
    gateway: Gateway,
    partition: PartitionId,
    record: File,
    writers: u64,
    stop: AtomicBool,
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let record = OpenOptions::new().create(true).append(true).open(&args.record);
    let record =
        record.map_err(|error| Failed::new(exit::INTERNAL, format!("{}: {error}", args.record.display())))?;
    block_on(async {
        let (_, gateway) = connect(args.endpoint.clone())?;
        let partition = gateway.partition(PartitionSelector::Name(args.partition.clone())).await;
        let partition = partition.map_err(|error| crate::cli::connect::failed(&error))?;
        let stop = AtomicBool::new(false);
        let load = Arc::new(Load { gateway, partition, record, writers: args.writers, stop });
        let told = Arc::clone(&load);
        std::thread::spawn(move || {
            let _end = std::io::stdin().read_to_end(&mut Vec::new());
            told.stop.store(true, Ordering::Relaxed);
        });
        let clients: Vec<_> = (0..args.writers + args.others)
            .filter(|client| client % args.gateways == args.number)
            .map(|client| tokio::spawn(Arc::clone(&load).client(client, args.life)))
            .collect();
        eprintln!("the gateway serves {} clients", clients.len());
        for client in clients {
            client.await.map_err(|error| Failed::new(exit::INTERNAL, error))??;
        }
        Ok(())
    })
}

impl Load {
    async fn client(self: Arc<Self>, client: u64, life: u64) -> Result<(), Failed> {
        let process = process(client, life);
        let mut random = ChaCha8Rng::seed_from_u64(process);
        let mut seen: BTreeMap<u64, Option<i64>> = BTreeMap::new();
        let mut serial = 0;
        while !self.stop.load(Ordering::Relaxed) {
            serial += 1;
            let new = value(process, serial);
            if client < self.writers {
                self.perform(process, client, Act::Write(new)).await?;
                continue;
            }
            // What was seen is compared with once: it may be another value by then.
            let key = random.next_u64() % self.writers;
            let act = seen.remove(&key).map_or(Act::Read, |seen| Act::Cas(seen, new));
            if let End::Found(found) = self.perform(process, key, act).await? {
                seen.insert(key, found);
            }
        }
        Ok(())
    }

    /// Performs an operation. It is recorded before it is sent, and when it has ended: who is killed in between has an operation that is
    /// open.
    async fn perform(&self, process: u64, key: u64, act: Act) -> Result<End, Failed> {
        let mut event = Event { time: now(), process, key, act, end: None };
        self.record(&event)?;
        let end = self.ask(key, act).await?;
        event.time = now();
        event.end = Some(end);
        self.record(&event)?;
        Ok(end)
    }

    fn record(&self, event: &Event) -> Result<(), Failed> {
        let line = event.line(true) + "\n";
        // One write, so that a process that is killed leaves no half of a line behind another's.
        let written = (&self.record).write_all(line.as_bytes());
        written.map_err(|error| Failed::new(exit::INTERNAL, format!("the record of operations: {error}")))
    }

    async fn ask(&self, number: u64, act: Act) -> Result<End, Failed> {
        let register = row_key(&key(number))?;
        let Some(value) = act.writes() else {
            let read = self.gateway.get(self.partition, register).await;
            return Ok(read.map_or(End::Failed, |value| End::Found(found(value.as_ref()))));
        };
        let expects = match act {
            Act::Cas(expected, _) => {
                Some(Cell { key: register.clone(), value: expected.map(stored).transpose()? })
            }
            Act::Read | Act::Write(_) => None,
        };
        let note = Cell { key: ledger_key(ledger_row(value))?, value: Some(stored(value)?) };
        let effects = vec![Cell { key: register, value: Some(stored(value)?) }, note];
        Ok(match self.gateway.batch(self.partition, expects, effects).await {
            Ok(Written::Applied { position }) => End::Done(position.0),
            Ok(Written::Differs { .. }) => End::Refused,
            Err(GatewayError::Unknown { last }) => {
                eprintln!("unknown: {last}");
                End::Unknown
            }
            Err(error @ (GatewayError::NotDone { .. } | GatewayError::Busy { .. })) => {
                eprintln!("{error}");
                End::Failed
            }
            Err(error @ GatewayError::Invalid(_)) => return Err(Failed::new(exit::INTERNAL, error)),
        })
    }
}
