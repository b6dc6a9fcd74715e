//! Starts and stops all clients and watchers of a run.

use super::burst::Crowd;
use super::client::{Client, History, ROAMING};
use super::guest::Guest;
use super::names::NamedClient;
use super::probe::Prober;
use super::reader::Reader;
use super::resumer::Resumer;
use super::tickets::Holder;
use super::watch::{WatchProgress, Watcher};
use crate::host::Hosts;
use std::sync::Arc;

/// The simulated machine of a client, watcher or operator.
pub fn machine(kind: u8, number: u8) -> madsim::runtime::NodeHandle {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, kind, number + 1));
    madsim::runtime::Handle::current().create_node().name(format!("c{kind}.{number}")).ip(ip).build()
}

/// All clients and watchers of a run.
pub struct Users {
    tasks: Vec<madsim::task::JoinHandle<()>>,
    watchers: Vec<madsim::task::JoinHandle<()>>,
    progress: WatchProgress,
    history: History,
}

impl Users {
    /// Starts the clients and watchers that the options ask for.
    #[must_use]
    pub fn start(hosts: &Hosts) -> Self {
        let history = History::default();
        let work = &hosts.options.work;
        let roaming = (0..work.roaming).map(|number| ROAMING + 2 * number);
        let clients = (0..work.clients).chain(roaming).map(|number| {
            machine(2, number).spawn(Client::new(number, hosts, hosts.all(), Arc::clone(&history)).run())
        });
        let namers =
            (0..work.namers).map(|number| machine(5, number).spawn(NamedClient::new(number, hosts).run()));
        let readers =
            (0..work.readers).map(|number| machine(6, number).spawn(Reader::new(number, hosts).run()));
        let holders =
            (0..work.holders).map(|number| machine(7, number).spawn(Holder::new(number, hosts).run()));
        let resumers = (0..work.holders)
            .filter_map(|number| Some(machine(8, number).spawn(Resumer::new(number, hosts)?.run())));
        let probers =
            (0..work.probers).map(|number| machine(9, number).spawn(Prober::new(number, hosts).run()));
        let guests =
            (0..work.guests).map(|number| machine(11, number).spawn(Guest::new(number, hosts).run()));
        let crowds = (0..work.crowds).map(|number| machine(12, number).spawn(Crowd::new(hosts).run()));
        let tasks = clients
            .chain(namers)
            .chain(readers)
            .chain(holders)
            .chain(resumers)
            .chain(probers)
            .chain(guests)
            .chain(crowds)
            .collect();
        let progress = WatchProgress::default();
        let watchers = (0..work.watchers)
            .map(|number| machine(3, number).spawn(Watcher::new(number, hosts, progress.clone()).run()));
        // Watchers with an odd number use the library.
        let gateways = (0..work.gateways).map(|number| {
            let watcher = Watcher::new(51 + 2 * number, hosts, progress.clone());
            machine(13, number).spawn(watcher.run())
        });
        Self { tasks, watchers: watchers.chain(gateways).collect(), progress, history }
    }

    /// The operations of all clients.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The newest revision that each watcher has received.
    #[must_use]
    pub const fn progress(&self) -> &WatchProgress {
        &self.progress
    }

    /// Stops clients from making further requests.
    pub fn stop_clients(&self) {
        self.tasks.iter().for_each(madsim::task::JoinHandle::abort);
    }

    /// Stops clients and watchers.
    pub fn stop(&self) {
        self.stop_clients();
        self.watchers.iter().for_each(madsim::task::JoinHandle::abort);
    }
}
