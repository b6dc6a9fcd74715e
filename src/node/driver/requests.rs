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
            Request::Read(read) if self.to_read.len() < self.config.queues.requests => {
                self.to_read.push(read)
            }
            Request::Read(read) => {
                counter!("cutover_refused_total", "reason" => "busy").increment(1);
                let max = u32::try_from(self.config.queues.requests).unwrap_or(u32::MAX);
                read.refuse(ControlPlaneError::ReadRefused(ReadRefusal::Busy { max }));
            }
            Request::Transfer { to, reply } => self.transfer(to, reply),
        }
    }

    /// Requests a read index for all waiting reads together. A read that arrives later waits for the next
    /// one.
    pub(super) fn begin_read(&mut self) {
        if self.reading.is_some() {
            return;
        }
        self.to_read.retain(|read| !read.is_gone());
        if self.to_read.is_empty() {
            return;
        }
        let waiting = std::mem::take(&mut self.to_read);
        self.early.clear();
        match self.handle(ControlPlaneInput::Read).and_then(Accepted::read) {
            Ok(id) => {
                self.reading = Some((id, waiting));
                // A sole voter confirms at once: the outcome may be among the outputs of the call.
                for outcome in std::mem::take(&mut self.early) {
                    self.finish_read(outcome.0, outcome.1);
                }
            }
            Err(error) => waiting.into_iter().for_each(|read| read.refuse(error.clone())),
        }
    }

    pub(super) fn finish_read(&mut self, id: ReadId, outcome: Result<Index, ReadRefusal>) {
        match self.reading.take() {
            Some((expected, waiting)) if expected == id => {
                let refusal = outcome.err().map(ControlPlaneError::ReadRefused);
                let view = self.show();
                for read in waiting {
                    match (refusal.clone(), read) {
                        (Some(refusal), read) => read.refuse(refusal),
                        (None, Reading::View(reply)) => {
                            let _gone = reply.send(Ok(view.clone()));
                        }
                        (None, Reading::Applied(reply)) if reply.is_closed() => {}
                        (None, Reading::Applied(reply)) => {
                            let _gone = reply.send(Ok(Box::new(self.engine.applied().clone())));
                        }
                    }
                }
            }
            other => {
                self.reading = other;
                self.early.push((id, outcome));
            }
        }
    }

    fn transfer(&mut self, to: Option<NodeId>, reply: oneshot::Sender<Result<NodeId, TransferRefusal>>) {
        // A leader without other voters transfers to itself, which the engine refuses with the right reason.
        let to = to.or(self.engine.successor()).unwrap_or(self.engine.status().config.me.node);
        if self.transfer.is_some() {
            let _gone = reply.send(Err(TransferRefusal::Transferring { to }));
            return;
        }
        self.transfer = Some(reply);
        self.input(ControlPlaneInput::Transfer(to));
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
