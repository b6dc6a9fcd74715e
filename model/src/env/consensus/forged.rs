//! Messages that nobody of the cluster has a reason to send, from a node that is no member any more or never was one. It holds
//! a valid certificate, so they arrive.

use super::action::Forged;
use super::host::Host;
use super::net::NodeMessage;
use super::{Consensus, HISTORY, State, peer};
use crate::shared::Shared;
use cutover::core::ids::Term;
use cutover::core::invariant::is_outsider;
use cutover::core::raft::{Append, Body, LogPosition, Message};

impl Forged {
    /// All kinds.
    pub(super) const ALL: [Self; 7] = [
        Self::Campaign,
        Self::Vote,
        Self::Refusal,
        Self::PreRefusal,
        Self::Heartbeat,
        Self::Acknowledgement,
        Self::LastTerm,
    ];

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Campaign => "Campaign",
            Self::Vote => "Vote",
            Self::Refusal => "Refusal",
            Self::PreRefusal => "PreRefusal",
            Self::Heartbeat => "Heartbeat",
            Self::Acknowledgement => "Acknowledgement",
            Self::LastTerm => "LastTerm",
        }
    }

    fn message(self, from: u8, to: &Host) -> NodeMessage {
        let node = to.engine.node();
        let (own, last) = (node.hard_state().term, node.log().last());
        let highest = LogPosition { term: own.next(), index: last.index.next() };
        let heartbeat = Append {
            prev: LogPosition::ZERO,
            entries: Vec::new(),
            commit: LogPosition::ZERO.index,
            round: 0,
        };
        let (term, body) = match self {
            Self::Campaign => (own.next(), Body::RequestVote { last: highest, transfer: true }),
            Self::Vote => (own.next(), Body::VoteReply { granted: true }),
            Self::Refusal => (own.next(), Body::VoteReply { granted: false }),
            Self::PreRefusal => (own.next(), Body::PreVoted { campaign_term: own.next(), granted: false }),
            Self::Heartbeat => (own.next(), Body::Append(heartbeat)),
            Self::Acknowledgement => (own, Body::Appended { matched: last.index, round: u64::MAX }),
            Self::LastTerm => (Term(u64::MAX), Body::StaleTerm),
        };
        // A removed node claims to have been admitted again since; one that was never admitted cannot know the index.
        let removed = node.applied().configuration().removed().contains(&peer(from));
        let admitted = if removed { node.commit().next() } else { LogPosition::ZERO.index };
        NodeMessage(Message { history: HISTORY, from: peer(from), to: to.me(), admitted, term, body })
    }
}

impl Consensus {
    /// The forged messages that are possible now, as pairs of receiver and kind: any to a node whose log shows that the
    /// sender is no member, and from a member a term that no election has led to. Its other messages are not questioned.
    pub(super) fn forgeries(state: &State, forger: u8) -> impl Iterator<Item = (u8, Forged)> {
        let others = state.hosts().filter(move |(to, _)| *to != forger);
        others.flat_map(move |(to, host)| {
            let message = Forged::Heartbeat.message(forger, host);
            let outside = is_outsider(host.engine.node(), &message.0);
            let kinds = Forged::ALL.into_iter().filter(move |kind| outside || *kind == Forged::LastTerm);
            kinds.map(move |kind| (to, kind))
        })
    }

    /// The message of this kind, for a receiver in its present state.
    pub(super) fn forge(
        &self,
        state: &State,
        forger: u8,
        to: u8,
        kind: Forged,
    ) -> Option<Shared<NodeMessage>> {
        let host = state.host(to)?;
        Some(Shared::new(kind.message(forger, host), &self.symmetry))
    }
}
