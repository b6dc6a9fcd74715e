//! A follower: appends what the leader of its term sends (Raft, sections 5.3 and 7).

use super::configuration::Peer;
use super::durable::Snapshot;
use super::entry::{Entry, LogPosition};
use super::io::{Output, Timer};
use super::machine::Machine;
use super::mark::Mark;
use super::message::{Append, Body};
use super::role::Role;
use super::turn::Turn;
use crate::core::ids::Index;
use crate::enforce;
use alloc::sync::Arc;

impl<M: Machine> Turn<'_, M> {
    /// Accepts the sender as the leader of this term. A candidate of the same term becomes a follower.
    fn accept_leader(&mut self, leader: Peer) {
        let (me, term) = (self.node.config.me, self.node.hard_state.term);
        let leads = matches!(self.node.role, Role::Leader(_));
        enforce!(self.halt, ElectionSafety, !leads, "{me} leads {term}, and so does {leader}");
        self.step_down(Some(leader));
        self.emit(Output::SetTimer(Timer::Election));
        self.emit(Output::SetTimer(Timer::MinElectionTimeout));
    }

    /// Appends the entries if the log has the entry before them. Entries that are there already stay, and so do later
    /// ones: the message may be old. Only a conflicting entry is removed, with all after it (Raft, section 5.3, figure
    /// 2).
    pub(super) fn on_append(&mut self, from: Peer, append: Append<M::Payload>) {
        self.accept_leader(from);
        if self.halt.is_some() {
            return;
        }
        let Append { prev, entries, commit, round } = append;
        self.check_committed(prev, &entries);
        if self.halt.is_some() {
            return;
        }
        let known = self.node.commit();
        if prev.index < known {
            // Committed entries are in the leader's log, so an append over them alone is answered as matched.
            self.mark(Mark::Skipped);
            return self.send(from, Body::Appended { matched: known, round });
        }
        if !self.node.log.matches(prev) {
            self.mark(Mark::Diverged);
            let hint = self.node.log.last_no_higher(prev);
            return self.send(from, Body::AppendRejected { at: prev.index, hint, round });
        }
        let last = prev.index.plus(u64::try_from(entries.len()).unwrap_or(u64::MAX));
        self.take_entries(prev, &entries);
        // Commit only what this message covers: entries beyond it may conflict with the leader's log.
        self.commit_to(commit.min(last).max(known));
        self.send(from, Body::Appended { matched: last, round });
    }

    /// Halts if the message contradicts committed entries: a leader has every committed entry (Raft, section 5.4.3).
    fn check_committed(&mut self, prev: LogPosition, entries: &[Entry<M::Payload>]) {
        let commit = self.node.commit();
        let after = (1..).zip(entries);
        let after = after.map(|(n, entry)| LogPosition { term: entry.term, index: prev.index.plus(n) });
        for place in core::iter::once(prev).chain(after).take_while(|place| place.index <= commit) {
            let found = self.node.log.term_at(place.index).unwrap_or(place.term);
            enforce!(
                self.halt,
                StateMachineSafety,
                found == place.term,
                "the leader has {place}, committed through {commit} with {found} there"
            );
        }
    }

    fn take_entries(&mut self, prev: LogPosition, entries: &[Entry<M::Payload>]) {
        let mut at = prev.index;
        for (seen, entry) in (0..).zip(entries) {
            at = at.next();
            match self.node.log.term_at(at) {
                Some(term) if term == entry.term => {}
                found => {
                    if found.is_some() {
                        self.truncate_from(at);
                    }
                    return self.extend(entries.get(seen..).unwrap_or_default());
                }
            }
        }
    }

    fn truncate_from(&mut self, at: Index) {
        let commit = self.node.commit();
        enforce!(
            self.halt,
            StateMachineSafety,
            at > commit,
            "the leader's entry at {at} is another, committed through {commit}"
        );
        self.mark(Mark::Truncated);
        self.node.log.truncate_from(at);
        self.disown(at);
        self.changed(at);
        let configurations = self.node.later.len();
        self.node.later.retain(|(place, _)| *place < at);
        if self.node.later.len() < configurations {
            self.mark(Mark::ConfigurationUndone);
        }
    }

    fn extend(&mut self, entries: &[Entry<M::Payload>]) {
        for entry in entries {
            let at = self.node.log.push(entry.clone());
            self.changed(at);
            if let Some(change) = entry.change() {
                self.adopt_change(at, change);
            }
        }
    }

    /// Handles a snapshot (Raft, section 7). One at or below the commit index is ignored. A log that has the snapshot's
    /// last entry keeps the entries after it. Any other log is replaced.
    pub(super) fn on_install(&mut self, from: Peer, snapshot: Arc<Snapshot>) {
        self.accept_leader(from);
        if self.halt.is_some() {
            return;
        }
        let (last, commit) = (snapshot.last, self.node.commit());
        if last.index <= commit {
            self.mark(Mark::SnapshotIgnored);
            return self.send(from, Body::Appended { matched: commit, round: 0 });
        }
        if self.node.log.matches(last) {
            self.mark(Mark::SnapshotKeptTail);
            self.commit_to(last.index);
            return self.send(from, Body::Appended { matched: last.index, round: 0 });
        }
        // A snapshot that cannot be decoded is treated as lost: it is not answered.
        let Ok(applied) = snapshot.applied() else { return };
        let over = self.node.log.last().index >= last.index;
        self.mark(if over { Mark::SnapshotOverTail } else { Mark::SnapshotInstalled });
        self.install(snapshot, applied);
        self.send(from, Body::Appended { matched: last.index, round: 0 });
    }
}
