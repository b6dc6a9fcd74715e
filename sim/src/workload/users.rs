//! Clients and watchers, started and stopped together.

use super::client::{Client, History, ROAMING};
use super::names::Namer;
use super::watch::{Told, Watcher};
use crate::host::Hosts;
use std::sync::Arc;

/// A machine for a client, a watcher or an operator.
pub fn machine(kind: u8, number: u8) -> madsim::runtime::NodeHandle {
    let ip = std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 0, kind, number + 1));
    madsim::runtime::Handle::current().create_node().name(format!("c{kind}.{number}")).ip(ip).build()
}

/// All clients and watchers of a run.
pub struct Users {
    tasks: Vec<madsim::task::JoinHandle<()>>,
    watchers: Vec<madsim::task::JoinHandle<()>>,
    told: Told,
    history: History,
}

impl Users {
    /// Starts all clients and watchers that the options have.
    #[must_use]
    pub fn start(hosts: &Hosts) -> Self {
        let history = History::default();
        let work = &hosts.options.work;
        let roaming = (0..work.roaming).map(|number| ROAMING + 2 * number);
        let clients = (0..work.clients).chain(roaming).map(|number| {
            machine(2, number).spawn(Client::new(number, hosts, hosts.all(), Arc::clone(&history)).run())
        });
        let namers = (0..work.namers).map(|number| machine(5, number).spawn(Namer::new(number, hosts).run()));
        let tasks = clients.chain(namers).collect();
        let told = Told::default();
        let watchers = (0..work.watchers)
            .map(|number| machine(3, number).spawn(Watcher::new(number, hosts, told.clone()).run()));
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

    /// Stops clients and watchers.
    pub fn stop(&self) {
        self.stop_clients();
        self.watchers.iter().for_each(madsim::task::JoinHandle::abort);
    }
}
