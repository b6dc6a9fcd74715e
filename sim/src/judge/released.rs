//! What leaves a node, held against its disk as it is then.

use super::Judge;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::invariant::{ClusterFact, Id, NodeNow};
use cutover::core::raft::{Body, HardState, Message};

impl Judge {
    /// A message leaves a node, with what is on the disk now.
    pub fn sent(&mut self, node: u8, message: &Message<ControlPlaneEntry>) {
        let vote = message.vote_claim();
        self.with(node, |now, this| {
            this.feed_one(&ClusterFact::Told { by: now, vote });
            this.rests_on(now, message, vote);
        });
    }

    /// Nothing is said before what it rests on is durable.
    fn rests_on(&mut self, now: NodeNow<'_>, message: &Message<ControlPlaneEntry>, said: HardState) {
        let disk = now.disk.hard_state;
        let kept = disk.term > said.term
            || (disk.term == said.term && (said.voted_for.is_none() || said.voted_for == disk.voted_for));
        self.demand(kept, Id::VoteDurable.entry().id, || {
            (
                format!("{} says {} in {}", message.from, message.body, said.term),
                format!("its disk has {disk:?}"),
            )
        });
        if let Body::Appended { matched, .. } = message.body
            && disk.term == message.term
        {
            let through = now.disk.log.last().index.max(now.disk.snapshot.last.index);
            self.demand(through >= matched, Id::StateMachineSafety.entry().id, || {
                (
                    format!("{} acknowledges what it has through {matched}", message.from),
                    format!("its disk has it through {through}"),
                )
            });
        }
    }
}
