//! One run: a cluster, its clients, faults for a while, and then none.

use crate::event_log::{EventLog, lock, now_ns};
use crate::heal;
use crate::host::{End, Hosts, registered};
use crate::judge::{Finding, Judge};
use crate::nemesis::Nemesis;
use crate::network::Network;
use crate::options::Options;
use crate::table::Table;
use crate::workload::{Client, History, Namer, Operator, ROAMING, Told, Watcher};
use core::time::Duration;
use cutover::core::control_plane::{ControlPlaneState, Founder};
use cutover::core::ids::{Incarnation, Index, NodeId};
use cutover::core::invariant::{Id, history};
use cutover::core::migration::Caps;
use cutover::core::raft::Peer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

pub use cutover_report::SeedVerdict as Verdict;

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What became of it.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// In a word: why it is not known, or where it is stuck.
    pub note: String,
    /// Over all events and states.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// How long it was, in nanoseconds.
    pub simulated_ns: u64,
    /// Faults, marks, and what clients did.
    pub counts: BTreeMap<(&'static str, &'static str), u64>,
    /// The events in words.
    pub log: Option<String>,
}

/// The place that everything comes after in a cluster that was just founded.
const FOUNDED: Index = Index(1);

fn founder(options: &Options) -> Founder {
    let voters = (1..=options.nodes).filter_map(|node| {
        let peer = Peer { node: NodeId(node), incarnation: Incarnation(1) };
        Some((peer, registered(node)?))
    });
    let caps = Caps {
        migrations_per_placement: options.work.migrations_max,
        migrations_overall: options.work.migrations_max * 2,
        old_copies_per_partition: 3,
        ..Caps::PRODUCTION
    };
    Founder { voters: voters.collect(), caps, sessions: options.sessions() }
}

/// Runs a seed's options, on the runtime that it is called on; with recordings of all nodes, replayed, if `lowering`.
pub async fn run(options: Options, event_log: EventLog, lowering: bool) -> Outcome {
    let options = Arc::new(options);
    let founder = Arc::new(founder(&options));
    let members = founder.voters.iter().map(|(peer, who)| (peer.node, who.clone()));
    let table = Table::new(ControlPlaneState::new(founder.caps, members), FOUNDED);
    let judge = Arc::new(Mutex::new(Judge::new(event_log.clone(), FOUNDED, table, lowering)));
    let network = Network::new(options.seed, options.link.clone(), event_log.clone());
    let (reports, heard) = mpsc::unbounded_channel();
    let hosts =
        Hosts::new(Arc::clone(&options), event_log.clone(), Arc::clone(&judge), network, founder, reports);
    for node in 1..=options.nodes {
        hosts.add(node, true);
        hosts.boot(node);
    }
    let (orders, to_operator) = mpsc::channel(1);
    let mut nemesis = Nemesis::new(hosts.clone(), heard, orders);
    let operator = machine(4, 1).spawn(Operator::new(hosts.clone(), to_operator).run());
    let work = Work::start(&hosts);
    nemesis.run(Instant::now() + Duration::from_secs(options.faulty_s)).await;
    operator.abort();
    let note = if lock(&judge).findings().is_empty() {
        heal::heal(&hosts, &mut nemesis, &work).await
    } else {
        Ok(())
    };
    work.stop();
    shut_down(&hosts).await;
    let note = note.and(judge_history(&judge, &event_log, work.history()));
    outcome(&judge, &event_log, note)
}

/// A machine for somebody who uses the cluster.
pub(crate) fn machine(kind: u8, number: u8) -> madsim::runtime::NodeHandle {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, kind, number + 1));
    madsim::runtime::Handle::current().create_node().name(format!("c{kind}.{number}")).ip(ip).build()
}

/// Everybody who uses the cluster.
pub struct Work {
    tasks: Vec<madsim::task::JoinHandle<()>>,
    watchers: Vec<madsim::task::JoinHandle<()>>,
    told: Told,
    history: History,
}

impl Work {
    fn start(hosts: &Hosts) -> Self {
        let history = History::default();
        let (options, nodes) = (&hosts.options, hosts.all());
        let roaming = (0..options.work.roaming).map(|number| ROAMING + 2 * number);
        let clients = (0..options.work.clients).chain(roaming).map(|number| {
            let client = Client::new(
                number,
                Arc::clone(options),
                Arc::clone(&hosts.judge),
                hosts.event_log.clone(),
                Arc::clone(&history),
                hosts.lull.clone(),
                nodes.clone(),
            );
            machine(2, number).spawn(client.run())
        });
        let namers = (0..options.work.namers).map(|number| {
            let (judge, event_log) = (Arc::clone(&hosts.judge), hosts.event_log.clone());
            let lull = hosts.lull.clone();
            let namer = Namer::new(number, Arc::clone(options), judge, event_log, lull, nodes.clone());
            machine(5, number).spawn(namer.run())
        });
        let tasks = clients.chain(namers).collect();
        let told = Told::default();
        let watchers = (0..options.work.watchers).map(|number| {
            let (judge, event_log) = (Arc::clone(&hosts.judge), hosts.event_log.clone());
            let watcher = Watcher::new(number, options, judge, event_log, nodes.clone(), told.clone());
            machine(3, number).spawn(watcher.run())
        });
        Self { tasks, watchers: watchers.collect(), told, history }
    }

    /// What clients saw.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// How far watchers have been told.
    #[must_use]
    pub const fn told(&self) -> &Told {
        &self.told
    }

    /// Clients ask for nothing more.
    pub fn stop_clients(&self) {
        self.tasks.iter().for_each(madsim::task::JoinHandle::abort);
    }

    fn stop(&self) {
        self.stop_clients();
        self.watchers.iter().for_each(madsim::task::JoinHandle::abort);
    }
}

/// Stops what runs in order, and then for good: tasks that outlive a runtime are never freed.
async fn shut_down(hosts: &Hosts) {
    for node in hosts.all() {
        hosts.pause(node, false);
        if let Some(handle) = hosts.handle(node) {
            // One that is stuck is ended below.
            let _told = timeout(Duration::from_secs(1), handle.stop()).await;
        }
    }
    sleep(Duration::from_secs(3)).await;
    for node in hosts.all() {
        hosts.end(node, End::Process);
    }
    sleep(Duration::from_millis(10)).await;
}

/// Configurations that the judge of the history may visit for one partition.
const CONFIGURATIONS: u64 = 300_000;

/// Is there an order that explains what clients were told?
fn judge_history(
    judge: &Arc<Mutex<Judge>>,
    event_log: &EventLog,
    history: &History,
) -> Result<(), (Verdict, String)> {
    let operations = lock(history);
    let id = Id::Linearizable.entry().id;
    match history::judge(&operations, CONFIGURATIONS) {
        Ok(judged) => match judged.verdict {
            history::Verdict::Linearizable => event_log.count("client", "histories judged"),
            history::Verdict::NotLinearizable(failure) => {
                lock(judge).find(id, failure.found, failure.against)
            }
            history::Verdict::Unknown { partition } => {
                return Err((
                    Verdict::Unknown,
                    format!("the history of {partition} was not judged to its end"),
                ));
            }
        },
        Err(error) => lock(judge).find(id, error.to_string(), "an operation".to_owned()),
    }
    Ok(())
}

fn outcome(judge: &Arc<Mutex<Judge>>, event_log: &EventLog, note: Result<(), (Verdict, String)>) -> Outcome {
    let judge = lock(judge);
    let findings = judge.findings().to_vec();
    let (verdict, note) = match note {
        _ if !findings.is_empty() => (Verdict::Violated, String::new()),
        Ok(()) => (Verdict::Holds, String::new()),
        Err((verdict, note)) => (verdict, note),
    };
    Outcome {
        verdict,
        findings,
        note,
        hash: event_log.hash(),
        events: event_log.events(),
        simulated_ns: now_ns(),
        counts: event_log.counts(),
        log: event_log.text(),
    }
}
