//! Linearizable reads without a log entry: ReadIndex (thesis, section 6.4).
//!
//! A leader records its commit index and then confirms its leadership: a quorum must answer an append that was sent
//! after the read arrived. Each attempt has a round number, and one round is under way at a time. Reads that arrive
//! meanwhile share the next round. If one joined the round under way, an answer that was sent before the read arrived could
//! confirm it, after the leader was deposed in between (etcd issue 20418).
//!
//! The next round begins when the one under way is confirmed, or with the next heartbeat: the messages of a round may be lost.

use super::configuration::Peer;
use super::io::{Output, ReadId, ReadRefusal};
use super::machine::Machine;
use super::mark::Mark;
use super::quorum;
use super::role::{Leader, Role, Waiting};
use super::turn::Turn;
use alloc::vec::Vec;

impl<M: Machine> Turn<'_, M> {
    pub(super) fn read(&mut self, id: ReadId) {
        if let Err(refusal) = self.begin_read(id) {
            self.emit(Output::Read { id, outcome: Err(refusal) });
        }
    }

    fn begin_read(&mut self, id: ReadId) -> Result<(), ReadRefusal> {
        let (index, max) = (self.node.commit(), self.node.config.limits.reads_max);
        let hint = self.hint();
        let Some(leader) = self.leader() else { return Err(ReadRefusal::NotLeader { leader: hint }) };
        if index < leader.opened {
            self.mark(Mark::ReadNotYetInTerm);
            return Err(ReadRefusal::NotYetInTerm);
        }
        if leader.reads.len() >= usize::try_from(max).unwrap_or(usize::MAX) {
            return Err(ReadRefusal::Busy { max });
        }
        let first = leader.reads.is_empty();
        let round = leader.round + 1;
        leader.reads.push(Waiting { id, index, round });
        if first {
            self.begin_round();
        } else {
            self.mark(Mark::ReadGathered);
        }
        Ok(())
    }

    /// Begins the round of the reads that wait for the next one, and asks the members to answer it.
    fn begin_round(&mut self) {
        let before = self.leader().map(|leader| leader.round);
        self.next_round();
        // To confirm a round begins the next one: with none later, this would not end.
        if self.leader().map(|leader| leader.round) == before {
            return;
        }
        self.confirm_reads();
        if self.leader().is_some_and(|leader| !leader.reads.is_empty()) {
            self.broadcast();
        }
    }

    /// Begins the next round if reads wait for it. The appends that follow carry its number.
    pub(super) fn next_round(&mut self) {
        if let Some(leader) = self.leader()
            && leader.reads.iter().any(|waiting| waiting.round > leader.round)
        {
            leader.round += 1;
        }
    }

    /// Serves the reads whose round a quorum of the latest configuration has answered in this term. A sole voter
    /// confirms itself.
    pub(super) fn confirm_reads(&mut self) {
        let me = self.node.config.me;
        let Role::Leader(leader) = &self.node.role else { return };
        if leader.reads.is_empty() {
            return;
        }
        let answered = |peer: Peer| {
            if peer == me { leader.round } else { leader.of(peer).map_or(0, |progress| progress.round) }
        };
        let confirmed = quorum::reached(self.node.configuration(), answered);
        let Some(leader) = self.leader() else { return };
        let (ready, waiting): (Vec<_>, Vec<_>) =
            leader.reads.drain(..).partition(|waiting| waiting.round <= confirmed);
        leader.reads = waiting;
        for Waiting { id, index, .. } in ready {
            self.mark(Mark::ReadConfirmed);
            self.emit(Output::Read { id, outcome: Ok(index) });
        }
        if self.leader().is_some_and(|leader| leader.is_next_round_due()) {
            self.begin_round();
        }
    }
}

impl Leader {
    /// Whether reads wait for the next round, and none for the one that was begun last.
    fn is_next_round_due(&self) -> bool {
        !self.reads.is_empty() && self.reads.iter().all(|waiting| waiting.round > self.round)
    }
}
