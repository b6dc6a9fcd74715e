//! What clients are told of requests with a ticket, compared with the log: what is answered is what the log has under the ticket,
//! whichever attempt is answered; and what is told as not done never takes effect, also later.

use super::reads::Before;
use super::{Judge, own};
use cutover::core::control_plane::Answer;
use cutover::core::ids::{Epoch, HistoryId, Index, PartitionId, Serial, SessionId};
use cutover::node::proto::v1;

/// A ticket, with the history of the cluster that it names.
pub type Request = (HistoryId, SessionId, Serial);

/// What a client was told of a request, after all of its attempts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Told {
    /// It is applied.
    Done {
        /// The partition.
        partition: PartitionId,
        /// Its epoch after the change.
        epoch: Epoch,
        /// The log index of this attempt.
        index: Index,
        /// Whether an earlier attempt was applied.
        repeated: bool,
    },
    /// The log has refused it, with the name of this refusal.
    Refused(String),
    /// It is not applied, and never will be.
    NotDone(String),
}

/// The name of a refusal, which begins its `Debug` text.
fn case(of: &impl core::fmt::Debug) -> String {
    format!("{of:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// Reasons with which an attempt is refused before the table decides.
#[must_use]
pub fn is_of_the_attempt(reason: &str) -> bool {
    matches!(reason, "TooMany" | "TooLong" | "Acknowledged")
}

impl Judge {
    /// Call when a client is told what came of a request.
    pub fn told(&mut self, who: &str, request: Request, told: Told) {
        let (history, session, serial) = request;
        let Some(table) = self.table_of(history) else { return };
        let first = table.ticket(session, serial);
        let answer = first.and_then(|at| table.answer_at(at));
        let fits = match (&told, answer) {
            (Told::Done { epoch, index, repeated, .. }, Some(Answer::Epoch(given))) => {
                epoch == given && (*repeated || Some(*index) == first)
            }
            (
                Told::Done { partition, epoch, index, repeated },
                Some(Answer::Named { partition: of, epoch: given }),
            ) => partition == of && epoch == given && (*repeated || Some(*index) == first),
            (Told::Refused(reason), Some(Answer::Refused(refusal))) => *reason == case(refusal),
            (Told::Done { .. } | Told::Refused(_), _) => false,
            (Told::NotDone(_), answer) => answer.is_none(),
        };
        let against = format!("the log says {answer:?} at {first:?}");
        if fits {
            self.event_log.count("client", "answers under tickets judged");
        } else {
            self.find(own::ANSWER, format!("{who} is told {told:?} of {session}.{serial}"), against);
        }
        if let (Told::NotDone(why), true) = (told, fits) {
            self.not_done.push((format!("{who} was told {why}"), request));
        }
    }

    /// Call when a change is refused that was asked for at a moment. Only the log refuses one for the state of a partition.
    pub fn refused(&mut self, who: &str, why: &v1::Refused, before: Before) {
        if self.is_anew(before) {
            return;
        }
        let is = |answer: &Answer| matches!(answer, Answer::Refused(error) if case(error) == why.reason);
        let has = self.table().answers_after(before.committed()).any(is);
        let right = if why.decided { has } else { is_of_the_attempt(&why.reason) };
        let stale = why.reason == "StaleExpectation";
        let complete = !stale || (why.have.is_some() && why.got.is_some() && why.have != why.got);
        if !right || !complete {
            let against = format!("the log has refused for that since: {has}");
            self.find(own::ANSWER, format!("{who} is refused by {why:?}"), against);
        }
    }

    /// Call when an operator is told that a node has done nothing for a transfer that was asked for at a time.
    pub fn not_transferred(&mut self, node: u8, asked_ns: u64) {
        if let Some(at) = self.orders.get(&node).filter(|at| **at >= asked_ns) {
            let against = format!("it has ordered another to stand at {at} ns");
            self.find(own::ANSWER, format!("n{node} says that it has done nothing for a transfer"), against);
        }
    }

    /// Call when a node has said that it took nothing of an attempt that was sent at a time, the only one under its ticket that may be on its
    /// way.
    pub fn not_taken(&mut self, who: &str, node: u8, request: Request, asked_ns: u64) {
        let (_, session, serial) = request;
        self.event_log.count("client", "attempts judged that were not taken");
        if let Some(at) = self.taken.get(&(node, session, serial)).filter(|at| **at >= asked_ns) {
            let against = format!("its machine took it at {at} ns");
            self.find(
                own::ANSWER,
                format!("n{node} tells {who} that it took nothing of {session}.{serial}"),
                against,
            );
        }
    }

    /// Call when a client sends a request again of which every node so far has said that it took nothing.
    pub fn not_done_so_far(&mut self, who: &str, request: Request) {
        let (history, session, serial) = request;
        let found = self.table_of(history).and_then(|table| table.ticket(session, serial));
        if let Some(at) = found {
            let against = format!("the log has it at {at}");
            self.find(own::ANSWER, format!("{who} was told to ask elsewhere of {session}.{serial}"), against);
        }
    }

    /// At the end of a run: what was told as not done is not in the log.
    pub fn nothing_came_late(&mut self) {
        for (told, (history, session, serial)) in std::mem::take(&mut self.not_done) {
            let found = self.table_of(history).and_then(|table| table.ticket(session, serial));
            if let Some(at) = found {
                self.find(
                    own::ANSWER,
                    format!("{told} of {session}.{serial}"),
                    format!("the log has it at {at}"),
                );
            }
        }
    }
}
