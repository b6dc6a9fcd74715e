//! Bounds of a scope around the nodes of the control plane.

use crate::env::draw::{Draw, WORLD};
use crate::protocol::{Bounds, InvariantSet, OptionSpec, Refused};
use crate::render::plural;
use cutover::core::fault::Fault;
use cutover::core::invariant::Id;
use cutover::core::raft::{Elections, NodeLimits, SessionLimits};

/// The most nodes, as a number of nodes.
const NODES: u8 = 7;

/// How often messages may arrive again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duplicates {
    /// This many messages, in total, arrive a second time.
    AtMost(u8),
    /// Every message stays deliverable after it has arrived.
    Unbounded,
}

/// A membership change that an operator may request; the number is that of the node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum MembershipRequest {
    /// Admit a node that is no member, as a learner.
    Admit(u8),
    /// Promote a learner to a voter.
    Promote(u8),
    /// Remove a member.
    Remove(u8),
    /// Promote a learner, even if that may leave no quorum of live voters. Walks only.
    PromoteEvenSo(u8),
    /// Remove a member, even if that may leave no quorum of live voters. Walks only.
    RemoveEvenSo(u8),
}

impl MembershipRequest {
    /// The same request by an operator who overrides the check that a quorum is live; `None` if it has no such check.
    pub(super) const fn even_so(self) -> Option<Self> {
        match self {
            Self::Promote(node) => Some(Self::PromoteEvenSo(node)),
            Self::Remove(node) => Some(Self::RemoveEvenSo(node)),
            Self::Admit(_) | Self::PromoteEvenSo(_) | Self::RemoveEvenSo(_) => None,
        }
    }
}

/// Bounds of the nodes, their network, and the requests of clients and operators.
#[derive(Clone, Debug)]
pub struct ConsensusBounds {
    /// Number of nodes with which the cluster is founded.
    pub founders: u8,
    /// Number of further nodes, which start with an empty disk.
    pub joiners: u8,
    /// Number of terms; no node campaigns in a higher one.
    pub terms: u64,
    /// Total number of election timeouts of nodes that do not lead.
    pub timeouts: u8,
    /// Number of writes; each creates a partition of its own.
    pub writes: u8,
    /// Maximum number of entries in a log after those of the founding, including the entry that opens each term.
    pub entries: u64,
    /// Whether the first write belongs to a session, which must be opened first.
    pub session: bool,
    /// Number of sessions that other clients open after the first one.
    pub other_sessions: u8,
    /// Number of times that each write is proposed, retries included.
    pub attempts: u8,
    /// Whether attempts may be delayed or refused before they reach a log, and the deadlines of calls may pass.
    pub calls: bool,
    /// Number of reads, one after the other, at any node that accepts them.
    pub reads: u8,
    /// Number of leadership transfers.
    pub transfers: u8,
    /// Total number of membership changes that may be appended.
    pub changes: u8,
    /// The membership changes that operators may request.
    pub membership_requests: &'static [MembershipRequest],
    /// Maximum number of messages in flight. If there are more, the environment drops some, in all combinations.
    pub in_flight: u8,
    /// How often messages may arrive again.
    pub duplicates: Duplicates,
    /// Total number of crashes of nodes. A crash keeps any prefix of the batches that are not synced.
    pub crashes: u8,
    /// Whether a node may continue before a batch is durable; otherwise the batch is durable, or lost in a crash,
    /// before the node's next step.
    pub lingers: bool,
    /// Total number of times that a node loses its disk and restarts in a new directory.
    pub wipes: u8,
    /// Whether every node may send forged messages to the nodes whose log shows that it is no member.
    pub forges: bool,
    /// Whether leaders send heartbeats when they have nothing new to send.
    pub heartbeats: bool,
    /// Whether messages without new information are dropped: those of a term that their receiver has left, vote
    /// refusals, and those that change nothing at the receiver while no reply to them changes anything either.
    pub loses_old: bool,
    /// Limits of the nodes, such as the size of an append.
    pub limits: NodeLimits,
    /// Limits of the session table.
    pub sessions: SessionLimits,
    /// The world of a walk from which these bounds were drawn. Its messages beyond the bound are lost without a choice, and what changes
    /// nothing is listed as well.
    pub world: Option<u64>,
    /// Whether the founders are interchangeable, so that states which differ only in their names count once.
    pub symmetric: bool,
}

impl ConsensusBounds {
    /// The world of a walk with this number: these bounds, with what the number draws.
    #[must_use]
    pub(crate) fn drawn(&self, world: u64) -> Self {
        let mut draw = Draw::of(world);
        let mut small = |least, most| u8::try_from(draw.within(least, most)).unwrap_or(u8::MAX);
        let (few, many, large) = (small(1, 4), small(5, 7), small(0, 99) < 20);
        let founders = if large { many } else { few };
        let joiners = small(0, 3).min(NODES - founders);
        let (writes, attempts, in_flight) = (small(4, 24), small(1, 3), small(3, 14));
        let (window, append) = (small(1, 4), small(1, 3));
        let (compact, keep) = (small(2, 8), small(0, 3));
        let (sessions, answers) = (small(1, 3), small(1, 4));
        let other_sessions = small(0, 12);
        let wipes = small(1, 12);
        let uncommitted = draw.within(1, 300);
        let (reads, longest) = (draw.within(1, 3), draw.within(200, 400));
        let mut has = |percent| draw.percent(percent);
        let limits = NodeLimits {
            elections: if has(70) { Elections::Stable } else { Elections::Plain },
            window,
            append_entries_max: append.into(),
            compact_after_entries: if has(70) { compact.into() } else { u64::MAX },
            keep_entries: keep.into(),
            uncommitted_bytes_max: if has(40) { uncommitted } else { self.limits.uncommitted_bytes_max },
            reads_max: if has(40) { reads } else { self.limits.reads_max },
            entry_bytes_max: if has(40) { longest } else { self.limits.entry_bytes_max },
            ..self.limits
        };
        let session = has(60);
        Self {
            founders,
            joiners,
            writes,
            attempts,
            in_flight,
            other_sessions,
            limits,
            session,
            // Calls are followed only where they may be repeated.
            calls: (session || attempts > 1) && has(60),
            reads: if has(70) { 40 } else { 0 },
            transfers: if has(50) { 20 } else { 0 },
            changes: if has(70) { 30 } else { 0 },
            duplicates: Duplicates::AtMost(if has(60) { 200 } else { 0 }),
            crashes: 200,
            wipes: if has(50) { wipes } else { 0 },
            forges: has(30),
            sessions: SessionLimits { sessions_max: sessions.into(), answers_max: answers.into() },
            world: Some(world),
            ..self.clone()
        }
    }

    pub(crate) fn parts(&self) -> Vec<String> {
        let some = |count: u8, what: &str| plural(u64::from(count), what);
        let mut parts = vec![some(self.founders, "node")];
        if self.joiners > 0 {
            parts.push(format!("{} more with an empty disk", self.joiners));
        }
        parts.push(plural(self.terms, "term"));
        if self.timeouts < u8::MAX {
            parts.push(some(self.timeouts, "election timeout"));
        }
        if self.writes > 0 {
            parts.push(some(self.writes, "write"));
        }
        parts.push("and one entry for each new term".to_owned());
        parts.push(format!("at most {} entries after the founding", self.entries));
        if self.session {
            parts
                .push(format!("the first write under a session, {} at each", some(self.attempts, "attempt")));
        } else if self.attempts > 1 {
            parts.push(format!("{} at a write", some(self.attempts, "attempt")));
        }
        if self.other_sessions > 0 {
            let max = self.sessions.sessions_max;
            parts.push(format!(
                "{} of another client, at most {max} kept",
                some(self.other_sessions, "session")
            ));
        }
        if self.calls {
            parts.push("attempts that are delayed or refused, and deadlines".to_owned());
        }
        for (count, what) in [(self.reads, "read"), (self.transfers, "hand-over"), (self.changes, "change")] {
            if count > 0 {
                parts.push(some(count, what));
            }
        }
        let NodeLimits { elections, window, append_entries_max, compact_after_entries, .. } = self.limits;
        parts.push(format!("{} in flight", some(self.in_flight, "message")));
        parts.push(format!("features: {elections}"));
        parts.push(format!(
            "{} in an append, window {window}",
            plural(append_entries_max.into(), "entry").replace("entrys", "entries")
        ));
        if compact_after_entries < 1000 {
            parts.push(format!("a snapshot after {compact_after_entries}"));
        }
        parts
    }

    pub(crate) fn fault_parts(&self) -> Vec<String> {
        let mut parts =
            vec!["delay, lose, reorder any message between nodes".to_owned(), "pause any node".to_owned()];
        match self.duplicates {
            Duplicates::AtMost(0) => parts.push("no duplicates".to_owned()),
            Duplicates::AtMost(count) => parts.push(format!("{} <= {count}", Fault::Duplicate)),
            Duplicates::Unbounded => parts.push("repeat any message, any number of times".to_owned()),
        }
        if self.crashes > 0 {
            let when = if self.lingers {
                "at any time, keeping any prefix of the unsynced batches; synced at once after the last"
            } else {
                "between steps, or after persisting and before sending, keeping any prefix of the batches"
            };
            parts.push(format!("{} of a node <= {}, {when}", Fault::Crash, self.crashes));
        }
        if self.wipes > 0 {
            parts.push(format!("{} of a node <= {}", Fault::Wipe, self.wipes));
        }
        if self.forges {
            parts.push("forged messages of a node that is no member".to_owned());
        }
        if !self.heartbeats {
            parts.push("under-approximation: no heartbeats, so lost messages are not sent again".to_owned());
        }
        if self.loses_old {
            parts.push("under-approximation: messages of an older term, vote refusals and messages without new information are dropped".to_owned());
        }
        parts
    }
}

/// The invariants that walks judge, and searches do not: states would differ by what the question needs, or the question costs too much.
const WALKED: [Id; 7] = [
    Id::IdsOnce,
    Id::Undisturbed,
    Id::CampaignAnswered,
    Id::HandsOver,
    Id::MembersKnown,
    Id::ForcedAudited,
    Id::DiskAgrees,
];

/// The invariants about nodes and their log that a search judges. [`Id::NoUserData`] is left out, since the compiler judges it: the
/// type of log entries cannot hold user data.
pub(crate) fn judged() -> InvariantSet {
    let others = |id: &Id| *id == Id::NoUserData || WALKED.contains(id);
    let ids = Id::ALL.iter().filter(|id| id.entry().id.starts_with("raft.") && !others(id));
    ids.fold(0, |set, id| set | id.bit())
}

impl Bounds for ConsensusBounds {
    fn text(&self) -> String {
        self.parts().join(", ")
    }

    fn faults(&self) -> String {
        self.fault_parts().join(", ")
    }

    fn judged(&self, _: InvariantSet) -> InvariantSet {
        if self.world.is_none() {
            return judged();
        }
        WALKED.iter().fold(judged(), |set, id| set | id.bit())
    }

    fn options() -> &'static [OptionSpec] {
        &[WORLD]
    }

    fn set_option(&mut self, name: &str, value: &str) -> Result<bool, Refused> {
        if name != WORLD.name {
            return Err(Refused::Unknown);
        }
        if self.world.is_none() {
            return Err(Refused::NotHere { lacks: "has bounds of its own", goes_with: "the scopes `walk`" });
        }
        let world = value.parse().map_err(|_| Refused::Value { expected: "a number" })?;
        *self = self.drawn(world);
        Ok(true)
    }
}
