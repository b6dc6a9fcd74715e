//! One run: a cluster with clients, a phase with faults, and a phase without in which it must recover.

use crate::data::{DataUsers, all_stores, machine_of};
use crate::event_log::{EventLog, lock, now_ns};
use crate::faults::End;
use crate::heal;
use crate::host::{HISTORY, Hosts, registered};
use crate::judge::{Judge, own};
use crate::nemesis::Nemesis;
use crate::network::Network;
use crate::options::Options;
pub use crate::outcome::{Outcome, Verdict};
use crate::past;
use crate::table::Table;
use crate::workload::{Operator, Users, machine};
use core::time::Duration;
use cutover::core::control_plane::{ControlPlaneState, Founder};
use cutover::core::ids::{ClusterId, DirectoryId, Index, NodeId};
use cutover::core::migration::Caps;
use cutover::core::raft::Peer;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Log index of the founding configuration; all other entries come after it.
const FOUNDED: Index = Index(1);

fn founder(options: &Options) -> Founder {
    let voters = (1..=options.nodes).filter_map(|node| {
        let peer = Peer { node: NodeId(node), directory: DirectoryId(1) };
        Some((peer, registered(node)?))
    });
    let caps = Caps {
        migrations_per_placement: options.work.migrations_max,
        migrations_overall: options.work.migrations_max * 2,
        old_copies_per_partition: 3,
        ..Caps::PRODUCTION
    };
    Founder {
        cluster: ClusterId(1),
        history: HISTORY,
        voters: voters.collect(),
        caps,
        sessions: options.sessions(),
        stores: all_stores(options),
    }
}

/// Runs a seed's options on the current runtime. `lowering`: record each node's calls and replay the recordings.
pub async fn run(options: Options, event_log: EventLog, lowering: bool) -> Outcome {
    let options = Arc::new(options);
    let founder = Arc::new(founder(&options));
    let members = founder.voters.iter().map(|(peer, who)| (peer.node, who.clone()));
    let state =
        ControlPlaneState::new(founder.cluster, founder.caps, members).with_stores(founder.stores.clone());
    let table = Table::new(state, FOUNDED);
    let judge = Arc::new(Mutex::new(Judge::new(event_log.clone(), &founder, FOUNDED, table, lowering)));
    let network = Network::new(options.seed, options.link.clone(), event_log.clone(), Arc::clone(&judge));
    let (ended, reports) = mpsc::unbounded_channel();
    let hosts =
        Hosts::new(Arc::clone(&options), event_log.clone(), Arc::clone(&judge), network, founder, ended);
    for node in 1..=options.nodes {
        hosts.add(node, true);
        hosts.boot(node);
    }
    for store in (0..options.data.stores).map(machine_of) {
        hosts.add(store, true);
        hosts.boot(store);
    }
    let (tasks, to_operator) = mpsc::channel(1);
    let mut nemesis = Nemesis::new(hosts.clone(), reports, tasks);
    let operator = machine(4, 1).spawn(Operator::new(hosts.clone(), to_operator).run());
    let users = Users::start(&hosts);
    let data = DataUsers::start(&hosts);
    nemesis.run(Instant::now() + Duration::from_secs(options.faulty_s)).await;
    while hosts.is_lost() {
        sleep(Duration::from_millis(100)).await;
    }
    operator.abort();
    hosts.retire_copies();
    let note = if lock(&judge).findings().is_empty() {
        heal::heal(&hosts, &mut nemesis, &users, &data).await
    } else {
        Ok(())
    };
    users.stop();
    data.stop();
    shut_down(&hosts).await;
    {
        let mut judge = lock(&judge);
        judge.nothing_came_late();
        judge.timeouts_differ();
    }
    let note = note.and(past::judge(&judge, &event_log, users.history()));
    let note = note.and(past::judge_rows(&judge, &event_log, &data.book));
    lock(&judge).check_recordings();
    outcome(&judge, &event_log, note)
}

/// Stops all nodes in order, then kills what is left: tasks that outlive a runtime are never freed.
async fn shut_down(hosts: &Hosts) {
    for node in hosts.all() {
        hosts.pause(node, false);
        if let Some(handle) = hosts.handle(node) {
            // A driver that does not stop in time is killed below.
            handle.stop();
        }
    }
    sleep(Duration::from_secs(3)).await;
    for node in hosts.all().into_iter().chain(hosts.stores()) {
        hosts.pause(node, false);
        hosts.end(node, End::Process);
    }
    sleep(Duration::from_millis(10)).await;
}

fn outcome(judge: &Arc<Mutex<Judge>>, event_log: &EventLog, note: Result<(), (Verdict, String)>) -> Outcome {
    let judge = lock(judge);
    if let Some(twin) = judge.twins() {
        event_log.count("twins", twin.text());
    }
    let note = if note.is_err() && !judge.is_judged(own::CONVERGES) {
        event_log.count("twins", "runs that did not end after both were answered, not judged");
        Ok(())
    } else {
        note
    };
    let findings = judge.findings().to_vec();
    let failed = !findings.is_empty() || note.is_err();
    let recordings = if failed && event_log.keeps_text() { judge.recordings() } else { Vec::new() };
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
        recordings,
    }
}
