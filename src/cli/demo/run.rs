//! One demo from its beginning to its end.

use super::Args;
use super::chaos::Chaos;
use super::clock::{Micros, now};
use super::cluster::{Cluster, PARTITION, STORES};
use super::gateway::connect;
use super::history::{Events, final_reads, judge, keep, writes};
use super::memory::Memory;
use super::moves::{self, Followed, Stage};
use super::page::{Page, write as write_page};
use super::series::{bins, latencies, silence};
use super::table::{Shape, Table};
use super::told::{Findings, grouped, millis};
use super::verdict::{arrivals, blocked, duplicates, lost, percentile};
use crate::cli::connect::{block_on, failed};
use crate::cli::process::signals;
use crate::cli::{Failed, exit};
use crate::client::Client;
use crate::core::control_plane::Address;
use crate::core::ids::{Placement, Position};
use crate::node::proto::PartitionSelector;
use core::cell::{Cell, RefCell};
use core::time::Duration;
use cutover_report::Console;
use std::path::Path;

/// How long the load runs before the first move, and between two at least.
const LEAD: Duration = Duration::from_millis(1_500);
const BETWEEN: Duration = Duration::from_millis(500);

/// Runs it, and returns the exit code.
pub(super) fn run(console: &Console, args: &Args, seed: u64, directory: &Path) -> Result<u8, Failed> {
    let demo = Demo {
        console,
        args,
        directory,
        shape: Shape { rows: args.rows, value_bytes: args.value_bytes },
        memory: Memory::default(),
        chaos: Chaos::new(seed),
        followed: Followed::default(),
        events: RefCell::new(Events::new(directory)),
        aborts: Cell::new(0),
        is_over: Cell::new(false),
    };
    console.note(&format!("seed      {seed}"));
    block_on(async {
        tokio::select! {
            biased;
            code = demo.run() => code,
            // Whatever runs ends with the future that is dropped.
            () = signals() => demo.interrupted(),
        }
    })
}

struct Demo<'a> {
    console: &'a Console,
    args: &'a Args,
    directory: &'a Path,
    shape: Shape,
    memory: Memory,
    chaos: Chaos,
    followed: Followed,
    events: RefCell<Events>,
    aborts: Cell<u64>,
    is_over: Cell<bool>,
}

/// Where the cluster was when the load began.
struct Begun {
    table: Table,
    stores: [Placement; 2],
    first: Position,
    time: Micros,
}

impl Demo<'_> {
    fn note(&self, text: &str) {
        let since = self.console.elapsed();
        self.console.note(&format!("{:>5}.{} s  {text}", since.as_secs(), since.subsec_millis() / 100));
    }

    async fn run(&self) -> Result<u8, Failed> {
        let cluster = Cluster::found(self.directory.to_owned(), self.args.writers).await?;
        self.note("three nodes and two stores serve");
        let begun = self.begin(&cluster).await?;
        let loaded = tokio::try_join!(self.play(&cluster, &begun), self.tick(&cluster), async {
            if self.args.chaos {
                self.chaos.rage(&cluster, &self.followed, &|text| self.note(text)).await?;
            }
            Ok(())
        });
        loaded?;
        cluster.end_gateways().await;
        cluster.check()?;
        self.note("the load has ended; all is read back");
        let findings = self.judge(&begun).await?;
        cluster.end().await;
        findings.tell(self.console);
        Ok(findings.code())
    }

    async fn begin(&self, cluster: &Cluster) -> Result<Begun, Failed> {
        let addresses: Result<Vec<Address>, _> =
            cluster.addresses().iter().map(|at| Address::try_from(at.to_string())).collect();
        let addresses = addresses.map_err(|error| Failed::new(exit::INTERNAL, error))?;
        let (client, gateway) = connect(addresses)?;
        let name = PARTITION.parse().map_err(|error| Failed::new(exit::INTERNAL, error))?;
        let partition = gateway.partition(PartitionSelector::Name(name)).await;
        let partition = partition.map_err(|error| failed(&error))?;
        let stores = stores(&client).await?;
        tokio::spawn(self.followed.clone().follow(client, partition));
        let table = Table { gateway, partition };
        let first = table.load(self.shape).await?;
        self.note(&format!("{} rows are written", grouped(self.args.rows)));
        cluster.start_gateways().await?;
        Ok(Begun { table, stores, first, time: now() })
    }

    /// The moves, and the load around them.
    async fn play(&self, cluster: &Cluster, begun: &Begun) -> Result<(), Failed> {
        let load = Duration::from_secs(self.args.seconds);
        let (from, until) = (tokio::time::Instant::now() + LEAD, tokio::time::Instant::now() + load);
        let each = load.saturating_sub(LEAD) / u32::try_from(self.args.moves).unwrap_or(u32::MAX);
        let mut next = from;
        for number in 0..self.args.moves {
            tokio::time::sleep_until(next).await;
            next += each;
            let target = usize::from(number.is_multiple_of(2));
            let names = (STORES.get(1 - target), STORES.get(target));
            if let (Some(from), Some(to)) = names {
                self.note(&format!("move {} of {}: {from} to {to}", number + 1, self.args.moves));
            }
            self.chaos.begins();
            let aborts = moves::to(cluster, &self.followed, begun.stores, target).await?;
            self.aborts.set(self.aborts.get() + aborts);
            let arrivals = arrivals(&self.followed.all());
            if let Some(last) = arrivals.last() {
                let (copied, blocked) = (last.blocked - last.begun, last.flipped - last.blocked);
                self.note(&format!(
                    "move {}: copied for {} ms, blocked for {} ms, the old copy is dropped",
                    number + 1,
                    millis(copied),
                    millis(blocked)
                ));
            }
            next = next.max(tokio::time::Instant::now() + BETWEEN);
        }
        tokio::time::sleep_until(until).await;
        self.chaos.stop();
        self.is_over.set(true);
        Ok(())
    }

    /// A line each second, and a look at the processes more often.
    async fn tick(&self, cluster: &Cluster) -> Result<(), Failed> {
        let mut seen = 0;
        for turn in 1_u64.. {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if self.is_over.get() {
                break;
            }
            cluster.check()?;
            cluster.look(&self.memory);
            if !turn.is_multiple_of(10) {
                continue;
            }
            let mut events = self.events.borrow_mut();
            events.read()?;
            let new = events.events.get(seen..).unwrap_or_default();
            let mut latencies: Vec<Micros> = writes(new)
                .iter()
                .filter_map(|write| Some(write.acknowledged?.0.saturating_sub(write.begun)))
                .collect();
            latencies.sort_unstable();
            seen = events.events.len();
            let stage = self.followed.last().map_or("at rest", |last| last.stage.word());
            self.note(&format!(
                "{:>7} writes/s   p50 {:>3} ms   p99 {:>4} ms   {stage}",
                grouped(latencies.len() as u64),
                millis(percentile(&latencies, 50)),
                millis(percentile(&latencies, 99)),
            ));
        }
        Ok(())
    }

    async fn judge(&self, begun: &Begun) -> Result<Findings, Failed> {
        let mut events = self.events.replace(Events::new(self.directory));
        events.read()?;
        events.sort();
        let rest = self.followed.last().map(|last| last.stage);
        if rest != Some(Stage::Rest) {
            return Err(Failed::new(exit::UNSETTLED, format!("at the end the partition is {rest:?}")));
        }
        let last = begun.table.mark().await?;
        let writes = writes(&events.events);
        let ledger = begun.table.ledger(writes.iter().map(|write| write.value)).await?;
        let registers = begun.table.registers(self.args.writers).await?;
        let missing = begun.table.missing(self.shape).await?;
        events.events.extend(final_reads(&registers, now()));
        let (linearizable, why) = judge(&events.events)?;
        let changes = self.followed.all();
        let arrivals = arrivals(&changes);
        let acknowledged = writes.iter().filter(|write| write.acknowledged.is_some()).count();
        let kills = self.chaos.kills();
        let findings = Findings {
            rows: self.args.rows,
            acknowledged: acknowledged as u64,
            lost: lost(&writes, &ledger) + missing,
            unknown: (writes.len() - acknowledged) as u64,
            duplicates: duplicates(&writes, (begun.first.0, last.0)),
            blocked: blocked(&writes, &arrivals),
            silence: silence(&writes),
            at_rest: latencies(&writes, &changes, begun.time, Stage::Rest),
            copying: latencies(&writes, &changes, begun.time, Stage::Copying),
            resident: self.memory.seen(),
            arrivals,
            aborts: self.aborts.get(),
            kills: kills.len() as u64,
            operations: events.events.iter().filter(|event| event.end.is_none()).count() as u64,
            linearizable,
            why,
            bytes: self.shape.bytes(),
        };
        let page = Page {
            findings: &findings,
            bins: bins(&writes, begun.time),
            from: begun.time,
            changes: &changes,
            kills: &kills,
        };
        write_page(&self.args.html, &page)?;
        self.console.note(&format!("page      {}", self.args.html.display()));
        if self.args.dir.is_some() || findings.code() != exit::DONE {
            let path = self.directory.join("history.jsonl");
            keep(&path, &events.events)?;
            self.console.note(&format!("history   cutover history {}", path.display()));
        }
        Ok(findings)
    }

    fn interrupted(&self) -> Result<u8, Failed> {
        let mut events = Events::new(self.directory);
        events.read()?;
        events.sort();
        let acknowledged = writes(&events.events).iter().filter(|write| write.acknowledged.is_some()).count();
        let (acknowledged, moves) = (grouped(acknowledged as u64), arrivals(&self.followed.all()).len());
        let line = format!(
            "interrupted after {acknowledged} acknowledged writes and {moves} moves; nothing was read back, nothing judged"
        );
        Err(Failed::new(exit::INDETERMINATE, line))
    }
}

/// The numbers of both stores, in the order of their names here.
async fn stores(client: &Client) -> Result<[Placement; 2], Failed> {
    let found = client.stores().await.map_err(|error| failed(&error))?.stores;
    let number =
        |name: &str| found.iter().find(|store| store.name == name).map(|store| Placement(store.store));
    let [first, second] = STORES.map(number);
    let both = first.zip(second);
    both.map(|(first, second)| [first, second])
        .ok_or_else(|| Failed::new(exit::INTERNAL, "the log does not know both stores"))
}
