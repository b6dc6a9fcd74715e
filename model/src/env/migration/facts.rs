//! A state as pairs of name and value, for people and for comparing two states.

use super::{SINKS, State, text};
use cutover::core::fence::Frontier;
use std::fmt::Write;

impl State {
    /// The state as pairs of name and value, with the same names in all states of a scope.
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("log".to_owned(), text::record(self.log.current().map(AsRef::as_ref)))];
        for (store, sink) in SINKS.iter().zip(&self.sinks) {
            let durable = sink.fence.durable();
            let copy = match durable.copy() {
                Some(copy) => {
                    let reach = match copy.frontier() {
                        Frontier::Everything => String::new(),
                        frontier @ (Frontier::Nothing | Frontier::Through(_)) => format!(" up to {frontier}"),
                    };
                    format!("copy {} at {}{reach}", durable.newest(), copy.position())
                }
                None => format!("no copy, newest {}", durable.newest()),
            };
            let mut value = format!(
                "{copy} {} sealed {} closed {}",
                text::contents(&sink.data),
                durable.sealed_through(),
                durable.closed_through()
            );
            if !sink.is_synced() {
                let _ = write!(value, ", durable {}", text::contents(&sink.disk_data));
            }
            facts.push((store.to_string(), value));
        }
        for (number, gateway) in (1..).zip(&self.clients.gateways) {
            let stage = match (gateway.operation.is_done(), gateway.operation.is_idle()) {
                (true, _) => "done",
                (_, true) => "idle",
                _ => "under way",
            };
            facts.push((format!("gw{number}"), format!("write {} {stage}", gateway.serial)));
        }
        for (number, reader) in (1..).zip(&self.clients.readers) {
            facts.push((format!("rd{number}"), format!("{} reads done", reader.done)));
        }
        for (number, manager) in self.controllers.machines.iter().enumerate() {
            let timers: Vec<_> = manager.timers.iter().map(|(_, counted)| counted.to_string()).collect();
            facts.push((format!("c{number}"), format!("waits counted [{}]", timers.join(" "))));
        }
        facts
    }
}
