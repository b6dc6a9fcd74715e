//! A node's disk while batches are on their way to it, and what the node may say meanwhile: rules `D1` to `D8` of
//! `docs/protocol.md`.

use cutover::core::ids::{HistoryId, Index, Term};
use cutover::core::raft::{Batch, BatchNumber, Body, Entry, LogPosition, Message, Payload, Peer, Snapshot};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a disk holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Content<P> {
    /// The term.
    pub term: Term,
    /// The vote in it.
    pub vote: Option<Peer>,
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The entry before the first one of the log.
    pub base: LogPosition,
    /// The log.
    pub entries: BTreeMap<Index, Entry<P>>,
}

/// A disk, the batches that are not reported durable yet, and the messages that wait for them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disk<P> {
    /// What a crash leaves at least.
    pub durable: Content<P>,
    /// With all batches.
    pub written: Content<P>,
    /// The batches that are not reported durable.
    pub pending: VecDeque<(BatchNumber, Batch<P>)>,
    /// The messages that wait, each for the last batch before it.
    pub waiting: Vec<(BatchNumber, Message<P>)>,
}

/// A batch, or a message, that the rules do not allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    /// The rule.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
}

fn unless(holds: bool, rule: &'static str, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, what: what() }) }
}

impl<P: Payload> Content<P> {
    /// The position of the last entry.
    #[must_use]
    pub fn last(&self) -> LogPosition {
        let last = self.entries.last_key_value();
        last.map_or(self.base, |(index, entry)| LogPosition { term: entry.term, index: *index })
    }

    /// Whether the log has this entry.
    #[must_use]
    pub fn has(&self, at: LogPosition) -> bool {
        at == self.base || self.entries.get(&at.index).is_some_and(|entry| entry.term == at.term)
    }

    /// Writes a batch, in the order of its fields.
    ///
    /// # Errors
    /// The batch is not one that a node may write.
    pub fn write(&mut self, batch: &Batch<P>) -> Result<(), Broken> {
        if let Some(state) = batch.hard_state {
            // D2
            unless(state.term >= self.term, "D2", || format!("{} after {}", state.term, self.term))?;
            let keeps = state.term > self.term || self.vote.is_none() || state.voted_for == self.vote;
            unless(keeps, "D2", || format!("{:?} after {:?} in {}", state.voted_for, self.vote, self.term))?;
            (self.term, self.vote) = (state.term, state.voted_for);
        }
        let old = self.snapshot.last.index;
        if let Some(snapshot) = &batch.snapshot {
            // D3
            let is_later = snapshot.last.index > old || self.snapshot.history == HistoryId::NONE;
            unless(is_later, "D3", || format!("a snapshot at {} after one at {old}", snapshot.last))?;
            self.snapshot = Arc::clone(snapshot);
        }
        if let Some((from, entries)) = &batch.suffix {
            // D4
            let fits = *from > self.base.index && *from <= self.last().index.next();
            unless(fits, "D4", || format!("entries from {from} on, after {}", self.last()))?;
            unless(*from > old, "D4", || format!("entries from {from} on, and a snapshot at {old}"))?;
            self.entries.retain(|index, _| index < from);
            for (entry, index) in entries.iter().zip(from.0..) {
                self.entries.insert(Index(index), entry.clone());
            }
        }
        if let Some(base) = batch.base {
            // D5
            let (was, end) = (self.base.index, self.snapshot.last.index);
            let fits = base.index >= was && base.index <= end;
            unless(fits, "D5", || format!("the base goes from {was} to {base}, the snapshot is at {end}"))?;
            if self.has(base) {
                self.entries.retain(|index, _| *index > base.index);
            } else {
                self.entries.clear();
            }
            self.base = base;
        }
        // D5
        let joined =
            self.base.index <= self.snapshot.last.index && self.snapshot.last.index <= self.last().index;
        unless(joined, "D5", || {
            format!(
                "the log is from {} to {}, the snapshot at {}",
                self.base,
                self.last(),
                self.snapshot.last
            )
        })
    }

    /// Whether what a message promises is here.
    ///
    /// # Errors
    /// It is not.
    pub fn keeps(&self, message: &Message<P>) -> Result<(), Broken> {
        // D8
        let term = message.term;
        unless(self.term >= term, "D8", || format!("the disk is at {}, the message at {term}", self.term))?;
        let vote = match &message.body {
            Body::RequestVote { .. } => Some(message.from),
            Body::VoteReply { granted: true } => Some(message.to),
            Body::VoteReply { granted: false }
            | Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => None,
        };
        let same = vote.is_none() || self.term > term || self.vote == vote;
        unless(same, "D8", || format!("the disk has the vote {:?} in {}", self.vote, self.term))?;
        if let Body::Appended { matched, .. } = &message.body {
            let last = self.last();
            unless(last.index >= *matched, "D8", || {
                format!("{matched} is acknowledged, the log ends at {last}")
            })?;
        }
        Ok(())
    }
}

impl<P: Payload> Disk<P> {
    /// A disk with this content.
    #[must_use]
    pub fn new(durable: Content<P>) -> Self {
        let written = durable.clone();
        Self { durable, written, pending: VecDeque::new(), waiting: Vec::new() }
    }

    /// A batch is on its way.
    ///
    /// # Errors
    /// The batch is not one that a node may write.
    pub fn persists(&mut self, number: BatchNumber, batch: &Batch<P>) -> Result<(), Broken> {
        let last = self.pending.back().map(|(number, _)| *number);
        // D1
        let is_next = last.is_none_or(|last| number > last);
        unless(is_next, "D1", || format!("batch {number:?} after {last:?}"))?;
        self.written.write(batch)?;
        self.pending.push_back((number, batch.clone()));
        Ok(())
    }

    /// A message is sent. True: it leaves at once.
    ///
    /// # Errors
    /// It leaves at once, and what it promises is not durable.
    pub fn sends(&mut self, message: &Message<P>) -> Result<bool, Broken> {
        let waits = match &message.body {
            // D7
            Body::Append(_) | Body::Install(_) | Body::TimeoutNow => false,
            // D6
            Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::RequestVote { .. }
            | Body::VoteReply { .. }
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::StaleTerm => true,
        };
        match self.pending.back() {
            Some((number, _)) if waits => {
                self.waiting.push((*number, message.clone()));
                Ok(false)
            }
            Some(_) | None => self.durable.keeps(message).map(|()| true),
        }
    }

    /// All batches through this one are durable. The messages that leave now, in order.
    ///
    /// # Errors
    /// A message leaves, and what it promises is not durable.
    pub fn is_durable(&mut self, through: BatchNumber) -> Result<Vec<Message<P>>, Broken> {
        let mut leaves = Vec::new();
        // D1
        while let Some((number, batch)) = self.pending.pop_front_if(|(number, _)| *number <= through) {
            self.durable.write(&batch)?;
            // D6
            while self.waiting.first().is_some_and(|(of, _)| *of == number) {
                let (_, message) = self.waiting.remove(0);
                // A later batch may take it back: then it is as if the message had been late.
                self.durable.keeps(&message)?;
                leaves.push(message);
            }
        }
        Ok(leaves)
    }

    /// The node crashes. The batches through this one are on the disk, whatever was reported.
    ///
    /// # Errors
    /// A batch is not one that a node may write.
    pub fn crashes(&mut self, through: BatchNumber) -> Result<(), Broken> {
        // D1
        self.waiting.clear();
        self.is_durable(through)?;
        self.pending.clear();
        self.written = self.durable.clone();
        Ok(())
    }
}
