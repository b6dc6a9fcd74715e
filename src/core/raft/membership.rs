//! Changes of the configuration: one at a time, in effect once appended (thesis, chapter 4).

use super::configuration::{Change, ChangeRefusal, Configuration, Peer};
use super::machine::Machine;
use super::mark::Mark;
use super::node::Elections;
use super::progress::Progress;
use super::quorum;
use super::role::Role;
use super::turn::Turn;
use crate::core::ids::Index;
use alloc::vec::Vec;

impl<M: Machine> Turn<'_, M> {
    /// Whether a leader may append this change now. `forced`: an operator has overridden the check that a quorum of the
    /// voters after the change is live.
    pub(super) fn check_change(&mut self, change: Change, forced: bool) -> Result<(), ChangeRefusal> {
        let commit = self.node.commit();
        let Role::Leader(leader) = &self.node.role else { return Err(ChangeRefusal::NotYetInTerm) };
        // A change of an earlier leader may be in force elsewhere; a commit in this term rules it out or carries it
        // along (Ongaro 2015, raft-dev, "bug in single-server membership changes").
        if commit < leader.opened {
            self.mark(Mark::ChangeNotYetInTerm);
            return Err(ChangeRefusal::NotYetInTerm);
        }
        if !self.node.later.is_empty() {
            self.mark(Mark::ChangeInProgress);
            return Err(ChangeRefusal::InProgress);
        }
        let next = self.node.configuration().changed(change, self.node.log.last().index.next())?;
        if let Change::Promote(learner) = change {
            let caught_up = leader.of(learner).is_some_and(|progress| progress.matched >= commit);
            if !caught_up {
                self.mark(Mark::NotCaughtUp);
                return Err(ChangeRefusal::NotCaughtUp { learner });
            }
        }
        match self.check_live_quorum(change, &next) {
            Ok(()) => {}
            Err(_) if forced => self.mark(Mark::ChangeForced),
            Err(refusal) => {
                self.mark(Mark::ChangeWithoutQuorum);
                return Err(refusal);
            }
        }
        if let Change::Promote(_) = change {
            self.mark(Mark::Promoted);
        }
        Ok(())
    }

    /// Whether enough of the voters after the change have answered recently and lack no more than their window can carry:
    /// otherwise the change, in force once appended, might never be committed, nor anything after it (etcd's strict
    /// reconfiguration check). Only [`Elections::Stable`] knows who has answered.
    fn check_live_quorum(&self, change: Change, next: &Configuration) -> Result<(), ChangeRefusal> {
        let limits = self.node.config.limits;
        let Role::Leader(leader) = &self.node.role else { return Ok(()) };
        if limits.elections == Elections::Plain || next.voters().eq(self.node.configuration().voters()) {
            return Ok(());
        }
        let (me, commit) = (self.node.config.me, self.node.commit());
        let lag_max = u64::from(limits.window.max(1)) * u64::from(limits.append_entries_max.max(1));
        let live = |peer: Peer| {
            let known = leader.of(peer);
            peer == me || known.is_some_and(|p| p.is_live() && p.keeps_up(commit, lag_max))
        };
        match change {
            Change::Promote(learner) if !live(learner) => Err(ChangeRefusal::Silent { learner }),
            Change::AddLearner(_) | Change::Promote(_) | Change::Remove(_) => {
                let count = |peers: usize| u8::try_from(peers).unwrap_or(u8::MAX);
                let (voters, live_voters) =
                    (next.voters().count(), next.voters().filter(|peer| live(*peer)).count());
                let refusal = ChangeRefusal::NoLiveQuorum { live: count(live_voters), voters: count(voters) };
                if quorum::is_quorum(next, live) { Ok(()) } else { Err(refusal) }
            }
        }
    }

    /// Puts the change at this index into effect (thesis, section 4.1).
    pub(super) fn adopt_change(&mut self, at: Index, change: Change) {
        if let Ok(next) = self.node.configuration().changed(change, at) {
            self.node.later.push((at, next));
        }
    }

    /// Updates the set of members that the leader replicates to: those of the committed configuration and of all later
    /// ones. A member that is being removed still receives the entry that removes it; it does not count.
    pub(super) fn follow_members(&mut self) {
        let me = self.node.config.me;
        let next = self.node.log.last().index.next();
        let configurations = self.node.later.iter().map(|(_, configuration)| configuration);
        let all = core::iter::once(&self.node.applied.configuration).chain(configurations);
        let mut peers: Vec<Peer> = all.flat_map(|c| c.members().iter().map(|member| member.peer)).collect();
        peers.retain(|peer| *peer != me);
        peers.sort_unstable();
        peers.dedup();
        let Some(leader) = self.leader() else { return };
        leader.progress.retain(|progress| peers.contains(&progress.peer));
        for peer in peers {
            if let Err(slot) = leader.progress.binary_search_by_key(&peer, |progress| progress.peer) {
                leader.progress.insert(slot, Progress::unknown(peer, next));
            }
        }
    }
}
