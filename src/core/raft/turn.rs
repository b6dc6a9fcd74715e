//! One turn of a node: from an input to outputs.

use super::configuration::Peer;
use super::durable::{Batch, HardState, Snapshot};
use super::entry::LogPosition;
use super::io::{BatchNumber, Input, Output, Timer, refuse};
use super::log::Log;
use super::machine::{Applied, Effect, Machine};
use super::mark::Mark;
use super::message::{Body, Message};
use super::node::{Node, Unsynced};
use crate::core::ids::{Halt, HistoryId, Index, NodeId};
use crate::enforce;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

impl<M: Machine> Node<M> {
    /// Handles an input; the outputs are to be performed in order.
    #[must_use = "the outputs have to be performed, in order"]
    pub fn handle(&mut self, input: Input<M::Payload>) -> Vec<Output<M>> {
        if self.halted {
            return refuse(&input);
        }
        let mut turn = Turn::new(self);
        turn.take(input);
        turn.finish()
    }
}

/// A node while it handles one input. Collects the outputs; the batch to persist is put before them.
pub(super) struct Turn<'n, M: Machine> {
    pub(super) node: &'n mut Node<M>,
    outputs: Vec<Output<M>>,
    vote_before: HardState,
    commit_before: Index,
    /// The first index whose entry differs from the one before this turn.
    changed_from: Option<Index>,
    /// The history in which this turn's messages are sent: the node's, or without one that of the message at hand.
    pub(super) history: HistoryId,
    /// A snapshot replaced the log in this turn.
    installed: bool,
    pub(super) halt: Option<Halt>,
}

impl<'n, M: Machine> Turn<'n, M> {
    pub(super) fn new(node: &'n mut Node<M>) -> Self {
        let (vote_before, commit_before) = (node.hard_state, node.commit());
        let (outputs, history) = (Vec::new(), node.history());
        Self {
            node,
            outputs,
            vote_before,
            commit_before,
            changed_from: None,
            history,
            installed: false,
            halt: None,
        }
    }

    fn take(&mut self, input: Input<M::Payload>) {
        match input {
            Input::Received(message) => self.receive(message),
            Input::TimerFired(Timer::Election) => self.election_timeout(),
            Input::TimerFired(Timer::MinElectionTimeout) => self.contact_lost(),
            Input::TimerFired(Timer::Heartbeat) => self.heartbeat(),
            Input::TimerFired(Timer::Transfer) => self.abandon_transfer(),
            Input::Synced(through) => self.synced(through),
            Input::Propose { id, content } => self.propose(id, content),
            Input::Read { id } => self.read(id),
            Input::Transfer { to } => self.transfer(to),
        }
    }

    pub(super) fn emit(&mut self, output: Output<M>) {
        self.outputs.push(output);
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        self.outputs.push(Output::Mark(mark));
    }

    pub(super) fn send(&mut self, to: Peer, body: Body<M::Payload>) {
        let (history, me) = (self.history, self.node.config.me);
        let admitted = self.node.admitted();
        self.outputs.push(Output::Send(Message {
            history,
            from: me,
            to,
            admitted,
            term: self.node.hard_state.term,
            body,
        }));
    }

    /// Records that the log changed from this index on.
    pub(super) fn changed(&mut self, from: Index) {
        self.changed_from = Some(self.changed_from.map_or(from, |earlier| earlier.min(from)));
    }

    /// Records that batches in flight no longer hold the log from this index on.
    pub(super) fn disown(&mut self, from: Index) {
        let kept = from.previous();
        self.node.stable = self.node.stable.min(kept);
        for batch in &mut self.node.unsynced {
            batch.last = batch.last.min(kept);
        }
    }

    /// Replaces the log and the applied state by a snapshot.
    pub(super) fn install(&mut self, snapshot: Arc<Snapshot>, applied: Applied<M>) {
        self.disown(Index::ZERO);
        self.node.log = Log::above(snapshot.last);
        self.node.later.clear();
        self.node.applied = applied;
        self.emit(Output::Installed(snapshot.last));
        self.node.snapshot = snapshot;
        (self.installed, self.changed_from) = (true, None);
    }

    /// Applies the log up to this index, which is committed.
    pub(super) fn commit_to(&mut self, index: Index) {
        let last = self.node.log.last().index;
        enforce!(
            self.halt,
            StateMachineSafety,
            index <= last,
            "{} is committed, the log ends at {last}",
            index
        );
        while self.node.commit() < index.min(last) {
            let at = self.node.commit().next();
            let Some(entry) = self.node.log.entry(at).cloned() else { return };
            let effect = self.node.applied.apply(&entry, &mut self.halt);
            match &effect {
                Effect::Answered { repeated: true, .. } => self.mark(Mark::Retried),
                Effect::SessionRefused(_) => self.mark(Mark::SessionRefused),
                Effect::Answered { .. } | Effect::SessionOpened(_) | Effect::SessionClosed(_) => {}
            }
            self.node.later.retain(|(place, _)| *place > at);
            self.decided(at, &effect);
            self.emit(Output::Applied { at: self.node.applied.last, entry, effect });
        }
    }

    /// The oldest batches are durable: this node's own copy and own vote count from now on (Raft, section 5.3).
    fn synced(&mut self, through: BatchNumber) {
        let count = through.since(self.node.synced).min(self.node.unsynced.len());
        let Some(newest) = self.node.unsynced.drain(..count).next_back() else { return };
        self.node.synced = self.node.synced.plus(count);
        self.node.stable = newest.last;
        self.node.durable_hard_state = newest.hard_state;
        if newest.hard_state == self.node.hard_state {
            self.vote_is_durable();
        }
        self.advance_commit();
    }

    pub(super) fn finish(mut self) -> Vec<Output<M>> {
        self.check_monotone();
        if let Some(halt) = self.halt {
            self.node.halted = true;
            return vec![Output::Halt(halt)];
        }
        let mut outputs = Vec::new();
        if let Some(batch) = self.batch() {
            outputs.push(self.persist(batch));
        }
        outputs.append(&mut self.outputs);
        if let Some(batch) = self.compact() {
            outputs.push(Output::Mark(Mark::Compacted));
            outputs.push(self.persist(batch));
        }
        outputs
    }

    fn persist(&mut self, batch: Batch<M::Payload>) -> Output<M> {
        let (last, vote) = (self.node.log.last().index, self.node.hard_state);
        self.node.unsynced.push(Unsynced { last, hard_state: vote });
        Output::Persist { number: self.node.synced.plus(self.node.unsynced.len()), batch }
    }

    fn batch(&self) -> Option<Batch<M::Payload>> {
        let node = &self.node;
        let vote = (node.hard_state != self.vote_before).then_some(node.hard_state);
        let snapshot = self.installed.then(|| Arc::clone(&node.snapshot));
        let base = self.installed.then_some(node.snapshot.last);
        let suffix = self.changed_from.map(|from| (from, node.log.from(from, u32::MAX).to_vec()));
        let any = vote.is_some() || snapshot.is_some() || suffix.is_some();
        any.then_some(Batch { hard_state: vote, snapshot, suffix, base })
    }

    /// Takes a snapshot of the applied state, and compacts the log up to it (Raft, section 7).
    fn compact(&mut self) -> Option<Batch<M::Payload>> {
        let limits = self.node.config.limits;
        let covered = self.node.snapshot.last.index;
        if self.node.commit().since(covered) < limits.compact_after_entries.max(1) {
            return None;
        }
        let snapshot = Arc::new(Snapshot::of(&self.node.applied));
        let keep = Index(snapshot.last.index.0.saturating_sub(limits.keep_entries));
        let index = keep.max(self.node.log.base().index);
        let base = LogPosition { term: self.node.log.term_at(index)?, index };
        self.node.log.rebase(base);
        self.node.snapshot = Arc::clone(&snapshot);
        Some(Batch { hard_state: None, snapshot: Some(snapshot), suffix: None, base: Some(base) })
    }

    fn check_monotone(&mut self) {
        let (term, before) = (self.node.hard_state.term, self.vote_before.term);
        enforce!(self.halt, Monotone, term >= before, "term {term} after {before}");
        let leap_max = self.node.config.limits.term_leap_max;
        // A node without a log takes the term of the leader that sends it one.
        let bounded = self.commit_before == Index::ZERO || term.0.saturating_sub(before.0) <= leap_max.max(1);
        enforce!(self.halt, TermBounded, bounded, "term {term} after {before}, at most {leap_max} more");
        let (commit, before) = (self.node.commit(), self.commit_before);
        enforce!(self.halt, Monotone, commit >= before, "committed through {commit} after {before}");
    }

    pub(super) fn hint(&self) -> Option<NodeId> {
        self.node.leader().map(|peer| peer.node).filter(|node| *node != self.node.config.me.node)
    }
}
