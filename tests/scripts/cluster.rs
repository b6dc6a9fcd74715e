//! Scripts of a cluster: their state and their commands.

use super::arguments::Arguments;
use super::hosts::{NodeMessage, Observation};
use super::network::{Cluster, WIDE, first_life};
use super::tell;
use super::words::{argument, content, link, log_of, narrow, node, small};
use cutover::core::ids::{HistoryId, Index, NodeId, Term};
use cutover::core::raft::{
    Append, Body, Elections, HardState, Input, LogPosition, Message, NodeLimits, ProposalId, ReadId,
    SessionLimits, Timer,
};
use datadriven::TestCase;
use std::collections::BTreeMap;

#[path = "show.rs"]
mod show;

/// A cluster, and the values that the script has saved.
pub struct ClusterScript {
    cluster: Cluster,
    timers: bool,
    /// Saved copies of messages, by name.
    copies: BTreeMap<String, NodeMessage>,
    issued: u64,
    /// The messages sent on each link since they were last shown.
    sent: BTreeMap<(NodeId, NodeId), Sent>,
    lines: Vec<String>,
}

/// Counts of the messages that a leader has sent to a member.
#[derive(Default)]
struct Sent {
    appends: usize,
    entries: usize,
    snapshots: usize,
}

impl ClusterScript {
    pub fn new() -> Self {
        let cluster = Cluster::new(WIDE, SessionLimits::PRODUCTION, 0);
        Self {
            cluster,
            timers: false,
            copies: BTreeMap::new(),
            issued: 0,
            sent: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// Runs one case: its first line is a command, and so is every line below it. The directive `quiet` suppresses
    /// the output of the commands below it. `repeat 100` before a command below it runs that command 100 times.
    pub fn run(&mut self, case: &mut TestCase) -> String {
        let below = std::mem::take(&mut case.input);
        let quiet = case.directive == "quiet";
        if !quiet {
            self.command(case);
        }
        for line in below.lines() {
            let mut words = line.split_whitespace().peekable();
            let times = words.next_if_eq(&"repeat").map_or(1, |_| words.next().unwrap().parse().unwrap());
            let mut inner = case.clone();
            inner.directive = words.next().unwrap_or_default().to_owned();
            inner.args = words.map(argument).collect();
            for _ in 0..times {
                self.command(&mut inner.clone());
            }
        }
        if quiet {
            self.lines.clear();
        }
        if self.lines.is_empty() {
            self.say("ok");
        }
        self.lines.drain(..).map(|line| line + "\n").collect()
    }

    fn say(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn command(&mut self, case: &mut TestCase) {
        let directive = case.directive.clone();
        let mut given = Arguments(case);
        let known = self.shape(&directive, &mut given)
            || self.wire(&directive, &mut given)
            || self.life(&directive, &mut given)
            || self.ask(&directive, &mut given)
            || self.show(&directive, &mut given);
        assert!(known, "{directive} is no command");
        given.0.expect_empty().unwrap();
        for observed in self.cluster.observations() {
            self.count(&observed);
            self.lines.extend(tell::line(&observed, self.timers));
        }
    }

    fn count(&mut self, observed: &Observation) {
        let Observation::Did(_, output) = observed else { return };
        let Some(message) = output.message() else { return };
        let sent = self.sent.entry((message.from.node, message.to.node)).or_default();
        match &message.body {
            Body::Append(append) => {
                sent.appends += 1;
                sent.entries += append.entries.len();
            }
            Body::Install(_) => sent.snapshots += 1,
            Body::PreVote { .. }
            | Body::PreVoted { .. }
            | Body::RequestVote { .. }
            | Body::VoteReply { .. }
            | Body::Appended { .. }
            | Body::AppendRejected { .. }
            | Body::TimeoutNow
            | Body::StaleTerm => {}
        }
    }

    /// Commands that make a cluster, or give it a history.
    fn shape(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        match directive {
            "cluster" => {
                let elections = if given.flag("stable") { Elections::Stable } else { Elections::Plain };
                let (timers, broken) = (given.flag("timers"), given.flag("broken"));
                self.timers = timers;
                let mut number = |name: &str, otherwise: u64| given.number(name, Some(otherwise));
                let limits = NodeLimits {
                    elections,
                    window: small(number("window", 8)),
                    append_entries_max: narrow(number("entries", 64)),
                    entry_bytes_max: narrow(number("entry-bytes", 4096)),
                    uncommitted_bytes_max: narrow(number("bytes", 1 << 20)),
                    reads_max: narrow(number("reads", 16)),
                    compact_after_entries: number("compact", u64::MAX),
                    keep_entries: number("keep", 0),
                    term_leap_max: number("leap", 1 << 20),
                };
                let sessions = SessionLimits {
                    sessions_max: u16::from(small(number("sessions", 4))),
                    answers_max: u16::from(small(number("answers", 2))),
                };
                let voters = small(given.word().parse().unwrap());
                self.cluster = Cluster::new(limits, sessions, voters);
                (self.cluster.broken, self.cluster.hosts.silent) = (broken, broken);
                let _founding = self.cluster.observations();
            }
            "join" => {
                let node = node(&given.word());
                self.cluster.join(node);
            }
            // Gives the disk a log with these terms, from index 2 on. The first entry of each term is the one that
            // opens it.
            "disk" => {
                let terms = given.list("terms");
                let (term, vote) = (given.maybe("term"), given.maybe("vote"));
                let at = node(&given.word());
                let terms: Vec<Term> = terms
                    .iter()
                    .filter(|text| !text.is_empty())
                    .map(|text| Term(text.parse().unwrap()))
                    .collect();
                let last = terms.last().copied().unwrap_or(Term::GENESIS);
                let term = term.map_or(last, |text| Term(text.parse().unwrap()));
                let vote = HardState { term, voted_for: vote.map(|text| first_life(node(&text))) };
                self.cluster.start_from(at, vote, log_of(&terms));
            }
            _ => return false,
        }
        true
    }

    /// Commands about messages.
    fn wire(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        match directive {
            "deliver" => {
                let (last, again, first) = (given.flag("last"), given.flag("again"), given.flag("first"));
                let mut meant = self.meant(given);
                if last {
                    meant.drain(..meant.len().saturating_sub(1));
                } else if first {
                    meant.truncate(1);
                }
                let messages: Vec<NodeMessage> =
                    meant.iter().map(|at| self.cluster.hosts.wire.messages()[*at].clone()).collect();
                if !again {
                    self.remove(&meant);
                }
                if messages.is_empty() {
                    self.say("nothing is on its way");
                }
                for message in messages {
                    self.cluster.deliver(message);
                }
            }
            "drop" => {
                let meant = self.meant(given);
                for at in &meant {
                    let line = format!("lost: {}", self.cluster.hosts.wire.messages()[*at]);
                    self.say(line);
                }
                self.remove(&meant);
            }
            "copy" => {
                let (name, last) = (given.text("as"), given.flag("last"));
                let meant = self.meant(given);
                let at = if last { meant.last() } else { meant.first() };
                let at = at.unwrap_or_else(|| panic!("there is no message to copy as {name}"));
                let message = self.cluster.hosts.wire.messages()[*at].clone();
                self.say(format!("{name}: {message}"));
                self.copies.insert(name, message);
            }
            "replay" => {
                let message = self.copies[&given.word()].clone();
                self.cluster.deliver(message);
            }
            // An append that no leader of this cluster has sent; its entries are those that `disk` would make. From
            // here on, invariants are not judged.
            "append" => {
                self.cluster.hosts.silent = true;
                let (term, commit) = (Term(given.number("term", None)), Index(given.number("commit", None)));
                let (after, terms) = (given.number("after", None), given.list("terms"));
                let (from, to) = link(&given.word());
                let terms: Vec<Term> = terms.iter().map(|text| Term(text.parse().unwrap())).collect();
                let whole = log_of(&terms);
                let prev = LogPosition { index: Index(after), term: whole.term_at(Index(after)).unwrap() };
                let entries = whole.from(prev.index.next(), u32::MAX).to_vec();
                let body = Body::Append(Append { prev, entries, commit, round: 0 });
                let (from, to) = (first_life(from), first_life(to));
                let admitted = Index(given.number("admitted", Some(0)));
                self.cluster.deliver(Message { history: HistoryId(1), from, to, admitted, term, body });
            }
            "cut" => {
                let (from, to) = link(&given.word());
                self.cluster.hosts.cuts.insert((from.min(to), from.max(to)));
            }
            "heal" => self.cluster.hosts.cuts.clear(),
            "stabilize" => {
                let among: Vec<NodeId> = given.list("among").iter().map(|text| node(text)).collect();
                self.stabilize(&among);
            }
            _ => return false,
        }
        true
    }

    /// Positions of the selected messages: those of a link `n1-n2`, those to `n2`, or all.
    fn meant(&mut self, given: &mut Arguments<'_>) -> Vec<usize> {
        let to = given.maybe("to").map(|text| node(&text));
        let link = given.maybe_word().map(|word| link(&word));
        let chosen = |message: &NodeMessage| {
            let (from, at) = (message.from.node, message.to.node);
            link.is_none_or(|link| link == (from, at)) && to.is_none_or(|to| to == at)
        };
        (0..self.cluster.hosts.wire.messages().len())
            .filter(|at| chosen(&self.cluster.hosts.wire.messages()[*at]))
            .collect()
    }

    fn remove(&mut self, meant: &[usize]) {
        let mut at = 0;
        self.cluster.hosts.wire.retain(|_| {
            at += 1;
            !meant.contains(&(at - 1))
        });
    }

    /// Delivers messages among these nodes until none is in flight. Messages on a cut link are lost.
    fn stabilize(&mut self, among: &[NodeId]) {
        let here = |message: &NodeMessage| {
            among.is_empty() || (among.contains(&message.from.node) && among.contains(&message.to.node))
        };
        let mut steps = 0;
        while let Some(at) = self.cluster.hosts.wire.messages().iter().position(here)
            && let Some(message) = self.cluster.hosts.wire.remove(at)
        {
            self.cluster.deliver(message);
            steps += 1;
            assert!(steps < 10_000, "the cluster does not come to rest");
        }
    }

    /// Commands about a node's timers, disk and process.
    fn life(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        let timer = match directive {
            "election" => Some(Timer::Election),
            "contact" => Some(Timer::MinElectionTimeout),
            "heartbeat" => Some(Timer::Heartbeat),
            "timeout" => Some(Timer::Transfer),
            _ => None,
        };
        if let Some(timer) = timer {
            self.cluster.step(node(&given.word()), Input::TimerFired(timer));
            return true;
        }
        match directive {
            "slow" => _ = self.cluster.hosts.slow.insert(node(&given.word())),
            "fast" => {
                self.cluster.hosts.quicken(node(&given.word()));
            }
            "sync" => {
                let (batches, at) = (given.number("batches", Some(1)), node(&given.word()));
                for _ in 0..batches {
                    assert!(self.cluster.hosts.sync(at), "{at} waits for nothing");
                }
            }
            "crash" => {
                let (keep, at) = (given.number("keep", Some(0)), node(&given.word()));
                self.cluster.hosts.crash(at, usize::try_from(keep).unwrap());
            }
            "restart" => self.cluster.hosts.start(node(&given.word())),
            _ => return false,
        }
        true
    }

    /// Commands of clients and operators.
    fn ask(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        match directive {
            "propose" => {
                let content = content(given);
                let at = node(&given.word());
                // Proposals are numbered in order, independent of terms, so that a rejected one has a name, too.
                self.issued += 1;
                let id = ProposalId(LogPosition { term: Term::GENESIS, index: Index(self.issued) });
                self.cluster.step(at, Input::Propose { id, content });
            }
            "read" => {
                self.issued += 1;
                let id = ReadId(self.issued);
                self.cluster.step(node(&given.word()), Input::Read { id });
            }
            "transfer" => {
                let to = given.maybe("to").map(|text| node(&text));
                self.cluster.step(node(&given.word()), Input::Transfer { to });
            }
            _ => return false,
        }
        true
    }
}
