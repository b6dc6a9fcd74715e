//! Requests of callers, as the pump handles them.

use super::feed::Applied;
use super::handle::{Reading, Request};
use super::pump::Pump;
use super::transport::{Known, Registry, Transport};
use super::view::View;
use crate::core::control_plane::{Accepted, ControlPlaneError, ControlPlaneInput};
use crate::core::ids::{Index, NodeId};
use crate::core::raft::{ReadId, ReadRefusal, TransferRefusal};
use metrics::counter;
use std::sync::Arc;
use tokio::sync::oneshot;

impl Reading {
    fn refuse(self, error: ControlPlaneError) {
        let _gone = match self {
            Self::View(reply) => reply.send(Err(error)).is_err(),
            Self::Applied(reply) => reply.send(Err(error)).is_err(),
        };
    }

    /// Whether the caller has given up.
    fn is_gone(&self) -> bool {
        match self {
            Self::View(reply) => reply.is_closed(),
            Self::Applied(reply) => reply.is_closed(),
        }
    }
}

impl<T: Transport> Pump<T> {
    pub(super) fn take(&mut self, request: Request) {
        match request {
            // The caller has given up, so the entry need not be proposed.
            Request::Submit { reply, .. } if reply.is_closed() => {}
            Request::Submit { content, reply } => {
                counter!("cutover_proposals_total").increment(1);
                match self.handle(ControlPlaneInput::Propose(content)).and_then(Accepted::proposal) {
                    // The entry is not durable yet, so the outcome cannot have come before this insert.
                    Ok(id) => {
                        self.proposals.insert(id, reply);
                    }
                    Err(error) => {
                        let _gone = reply.send(Err(error));
                    }
                }
            }
            // The caller has given up.
            Request::Read(read) if read.is_gone() => {}
            Request::Read(read) => self.read(read),
            Request::Transfer { to, reply } => self.transfer(to, reply),
        }
    }

    /// Requests a read index. The engine lets reads that wait share a round of heartbeats.
    fn read(&mut self, read: Reading) {
        match self.give(ControlPlaneInput::Read).and_then(Accepted::read) {
            // A sole voter confirms at once: the outcome may be among the outputs of the call.
            Ok(id) => {
                self.reads.insert(id, read);
            }
            Err(error) => {
                if let ControlPlaneError::ReadRefused(ReadRefusal::Busy { .. }) = error {
                    counter!("cutover_refused_total", "reason" => "busy").increment(1);
                }
                read.refuse(error);
            }
        }
        self.perform_outputs();
    }

    pub(super) fn finish_read(&mut self, id: ReadId, outcome: Result<Index, ReadRefusal>) {
        let Some(read) = self.reads.remove(&id) else { return };
        match (outcome, read) {
            (Err(refusal), read) => read.refuse(ControlPlaneError::ReadRefused(refusal)),
            (Ok(_), Reading::View(reply)) => {
                let _gone = reply.send(Ok(self.show()));
            }
            (Ok(_), Reading::Applied(reply)) if reply.is_closed() => {}
            (Ok(_), Reading::Applied(reply)) => {
                let _gone = reply.send(Ok(Box::new(self.engine.applied().clone())));
            }
        }
    }

    fn transfer(&mut self, to: Option<NodeId>, reply: oneshot::Sender<Result<NodeId, TransferRefusal>>) {
        // The engine refuses a second transfer; the first goes on, and so does its reply.
        let first = self.transfer.take();
        self.transfer = Some(reply);
        self.input(ControlPlaneInput::Transfer(to));
        if first.is_some() {
            self.transfer = first;
        }
    }

    /// Publishes the node as it is now, if it has changed, and returns it.
    pub(super) fn show(&mut self) -> View {
        if std::mem::take(&mut self.changed) {
            self.views.send_replace(View::of(&*self.engine));
        }
        self.views.borrow().clone()
    }

    /// Whether the feed has not been told of all changes.
    pub(super) fn owes_feed(&self) -> bool {
        self.installed || !self.touched.is_empty()
    }

    /// Passes the changes on to the feed, unless its queue is full: then more of them go together later.
    fn publish(&mut self) {
        let view = self.show();
        if self.owes_feed()
            && let Ok(permit) = self.to_feed.try_reserve()
        {
            let installed = std::mem::take(&mut self.installed);
            let mut touched = std::mem::take(&mut self.touched);
            if installed {
                // The watchers get the whole state, with these changes in it.
                touched.clear();
            }
            permit.send(Applied { installed, touched, view });
        }
    }

    /// At the end of a turn: publishes changes, status and members to their observers.
    pub(super) fn settle(&mut self) {
        self.publish();
        let status = self.engine.status();
        let changed = self.status.send_if_modified(|before| std::mem::replace(before, status) != status);
        if changed {
            self.gauges.set(&status);
        }
        let committed = self.engine.applied().configuration();
        let later = self.engine.uncommitted_configurations();
        if self.configurations.0 != *committed || self.configurations.1 != later {
            self.configurations = (committed.clone(), later.to_vec());
            let registry: Registry = Arc::new(Known {
                cluster: status.cluster,
                members: self.engine.members(),
                removed: committed.removed().to_vec(),
            });
            self.transport.members(&registry);
            self.registry.send_replace(registry);
        }
    }
}
