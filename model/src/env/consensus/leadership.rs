//! What walks ask of leadership: contact with a leader is kept, a hand-over begins, and configurations follow the log.

use super::action::{NodeAction, RareRequest};
use super::host::HostEffect;
use super::{Consensus, State};
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::Index;
use cutover::core::invariant::{Findings, Id};
use cutover::core::raft::{Body, Elections, Message, Peer, Progress, RoleName, Timer};

impl Consensus {
    /// A campaign that the leader has not asked for changes nothing at a node that is in contact with one. Only a walk knows which
    /// timers run, and so who is.
    pub(super) fn undisturbed(
        &self,
        before: &State,
        node: u8,
        message: &Message<ControlPlaneEntry>,
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let Some(host) = before.host(node).filter(|_| self.cluster.world.is_some()) else { return };
        let (machine, limits) = (host.engine.node(), self.cluster.limits);
        let term = machine.hard_state().term;
        let leads = machine.role() == RoleName::Leader;
        let hears = machine.leader().is_some()
            && before.running(node).any(|timer| timer == Timer::MinElectionTimeout);
        let campaign = match &message.body {
            Body::PreVote { campaign_term, .. } => *campaign_term > term,
            Body::RequestVote { transfer, .. } => !transfer && message.term > term,
            Body::PreVoted { .. }
            | Body::VoteReply { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => false,
        };
        let asked = limits.elections == Elections::Stable && (leads || hears) && campaign;
        findings.demand(!asked || effect.idle, Id::Undisturbed, || {
            (
                format!("n{node} acts on {} of {} in {}", message.body, message.from, message.term),
                format!("it is in contact with the leader of {term}"),
            )
        });
    }

    /// A node that hears from no leader answers a member that campaigns; and only a vote that it gives puts off its own campaign.
    pub(super) fn campaign_answered(
        &self,
        before: &State,
        node: u8,
        message: &Message<ControlPlaneEntry>,
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let Some(host) = before.host(node).filter(|_| self.cluster.world.is_some()) else { return };
        let (machine, now) = (host.engine.node(), effect.host.engine.node());
        let term = machine.hard_state().term;
        let (campaign, vote) = match &message.body {
            Body::PreVote { campaign_term, .. } => (*campaign_term > term, false),
            Body::RequestVote { .. } => (true, true),
            Body::PreVoted { .. }
            | Body::VoteReply { .. }
            | Body::Append(_)
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::Install(_)
            | Body::TimeoutNow
            | Body::StaleTerm => (false, false),
        };
        let addressed = message.to == host.me() && message.history == machine.history();
        let member = machine.configuration().is_member(message.from);
        let hears = before.running(node).any(|timer| timer == Timer::MinElectionTimeout);
        let follows = machine.role() == RoleName::Follower;
        let newest = term.0.saturating_add(machine.config().limits.term_leap_max);
        let in_time = message.term >= term && message.term.0 <= newest;
        // An answer that waits for the disk already is not sent a second time.
        let free = follows && !hears && addressed && member && in_time && !host.is_writing();
        findings.demand(!(campaign && free && effect.idle), Id::CampaignAnswered, || {
            (
                format!(
                    "n{node} takes no notice of {} of {} in {}",
                    message.body, message.from, message.term
                ),
                "it hears from no leader".to_owned(),
            )
        });
        let voted = now.hard_state().voted_for == Some(message.from);
        let put_off = effect.timers.contains(&(Timer::Election, true));
        let refused = vote && follows && message.term == term && !voted;
        findings.demand(!(refused && put_off), Id::CampaignAnswered, || {
            (
                format!("n{node} begins to wait anew before it campaigns"),
                format!("it does not vote for {} in {term}", message.from),
            )
        });
    }

    /// A leader that is asked to hand over does so.
    pub(super) fn hands_over(
        &self,
        before: &State,
        (node, action): (u8, Option<NodeAction>),
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let Some(host) = before.host(node).filter(|_| self.cluster.world.is_some()) else { return };
        let machine = host.engine.node();
        if machine.role() != RoleName::Leader || before.running(node).any(|timer| timer == Timer::Transfer) {
            return;
        }
        let live =
            |progress: &Progress| self.cluster.limits.elections == Elections::Plain || progress.is_live();
        let voters = || {
            let configuration = machine.configuration();
            machine.progress().iter().filter(move |other| configuration.is_voter(other.peer))
        };
        let named: Vec<&Progress> = match action {
            Some(NodeAction::Transfer(to)) => voters().filter(|other| other.peer.node.0 == to).collect(),
            Some(NodeAction::Rare(RareRequest::HandOver)) => voters().filter(|other| live(other)).collect(),
            Some(_) | None => return,
        };
        let asks: Vec<Peer> = effect
            .sent
            .iter()
            .map(|sent| &sent.0)
            .filter(|sent| matches!(sent.body, Body::TimeoutNow))
            .map(|sent| sent.to)
            .collect();
        let begun = effect.timers.contains(&(Timer::Transfer, true));
        let fits = |peer: &Peer| named.iter().any(|other| other.peer == *peer);
        let last: Index = machine.log().last().index;
        let at_once =
            named.is_empty() || !named.iter().all(|other| other.matched == last) || !asks.is_empty();
        let holds = begun != named.is_empty() && asks.iter().all(fits) && at_once;
        findings.demand(holds, Id::HandsOver, || {
            let list =
                |peers: Vec<String>| if peers.is_empty() { "nobody".to_owned() } else { peers.join(" and ") };
            let could =
                named.iter().map(|other| format!("{} (has all through {})", other.peer, other.matched));
            (
                format!("n{node} asks {} to stand", list(asks.iter().map(ToString::to_string).collect())),
                format!("its log ends at {last}, and it could hand over to {}", list(could.collect())),
            )
        });
    }

    /// The configurations that a node has beside the committed one are those of the entries of its log.
    pub(super) fn configurations_logged(
        &self,
        next: &State,
        node: u8,
        effect: &HostEffect,
        findings: &mut Findings,
    ) {
        let Some(host) = next.host(node).filter(|_| effect.changed) else { return };
        let machine = host.engine.node();
        let applied = machine.applied().last().index;
        let (log, later) = (machine.log(), machine.uncommitted_configurations());
        let above = log.entries().iter().zip(1_u64..).map(|(entry, at)| (log.base().index.plus(at), entry));
        let changes = above.filter(|(at, entry)| *at > applied && entry.change().is_some());
        let logged = changes.map(|(at, _)| at);
        let known = later.iter().map(|(at, _)| *at);
        let same = logged.clone().eq(known.clone());
        findings.demand(same, Id::ConfigurationLogged, || {
            let (known, logged): (Vec<Index>, Vec<Index>) = (known.collect(), logged.collect());
            (
                format!("n{node} has configurations of {known:?}"),
                format!(
                    "its log changes the configuration at {logged:?}, above what is applied through {applied}"
                ),
            )
        });
    }
}
