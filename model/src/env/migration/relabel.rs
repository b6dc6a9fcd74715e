//! Renames gateways in the parts of a state, for symmetry reduction.

use super::parts::{Clients, Controllers, Gateway, Held, Leaving, Log, Message, Net, Sink};
use cutover::core::fence::{Reply, Request};
use cutover::core::ids::{Names, Relabel, SessionId};

impl Relabel for Message {
    fn relabel(&self, names: &dyn Names) -> Self {
        Self::new(Request::relabel(self, names))
    }
}

impl Relabel for Log {
    fn relabel(&self, _: &dyn Names) -> Self {
        self.clone()
    }
}

impl Relabel for Controllers {
    fn relabel(&self, _: &dyn Names) -> Self {
        self.clone()
    }
}

impl Relabel for Sink {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut held: Vec<_> = self
            .held
            .iter()
            .map(|held| {
                let output = match &held.output {
                    Leaving::Reply(reply) => Leaving::Reply(relabel_reply(reply, names)),
                    Leaving::Chunk(chunk) => Leaving::Chunk(chunk.relabel(names)),
                    value @ Leaving::Value { .. } => value.clone(),
                };
                Held { output, ..held.clone() }
            })
            .collect();
        held.sort();
        let (fence, disk) = (self.fence.relabel(names), self.disk.relabel(names));
        // A statement has the digest of a copy that the sink has, or has had: it was wrapped before.
        for (was, is) in [(self.fence.durable(), fence.durable()), (&self.disk, &disk)] {
            if let (Some(was), Some(is)) = (was.copy(), is.copy()) {
                names.digest(was.digest().ids, is.digest().ids);
            }
        }
        Self { fence, data: self.data.relabel(names), disk, disk_data: self.disk_data.relabel(names), held }
    }
}

impl Relabel for Net {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut writes: Vec<_> = self.writes.iter().map(|(w, age)| (w.relabel(names), *age)).collect();
        writes.sort();
        let mut chunks = self.chunks.relabel(names);
        chunks.sort();
        let mut answers: Vec<_> = self.answers.iter().map(|reply| relabel_reply(reply, names)).collect();
        answers.sort();
        Self { writes, chunks, answers }
    }
}

impl Relabel for Clients {
    fn relabel(&self, names: &dyn Names) -> Self {
        let mut gateways: Vec<(SessionId, Gateway)> = self
            .gateways
            .iter()
            .zip(1..)
            .map(|(gateway, session)| {
                let operation = gateway.operation.relabel(names);
                (names.session(SessionId(session)), Gateway { operation, ..gateway.clone() })
            })
            .collect();
        gateways.sort_by_key(|(session, _)| *session);
        let gateways = gateways.into_iter().map(|(_, gateway)| gateway).collect();
        Self { gateways, ..self.clone() }
    }
}

fn relabel_reply(reply: &Reply, names: &dyn Names) -> Reply {
    match reply {
        Reply::Applied { write, position } => {
            Reply::Applied { write: write.relabel(names), position: *position }
        }
        Reply::Refused { request, refusal } => {
            Reply::Refused { request: request.relabel(names), refusal: refusal.clone() }
        }
        other @ (Reply::Prepared(_)
        | Reply::Sealed(_)
        | Reply::Evidence(_)
        | Reply::Watermark(_)
        | Reply::Dropped(_)
        | Reply::Ended(_)
        | Reply::ChunkTaken(_)) => other.clone(),
    }
}
