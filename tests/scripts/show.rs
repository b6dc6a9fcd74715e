//! Commands that print state, and those about quorums alone.

use super::super::arguments::Arguments;
use super::super::tell;
use super::super::words::{link, node, peers, voters};
use super::{ClusterScript, Sent};
use cutover::core::ids::NodeId;
use cutover::core::raft::{Peer, quorum};

impl ClusterScript {
    /// Commands that print state.
    pub(super) fn show(&mut self, directive: &str, given: &mut Arguments<'_>) -> bool {
        let some = |given: &mut Arguments<'_>, all: Vec<NodeId>| match given.maybe_word() {
            Some(word) => vec![node(&word)],
            None => all,
        };
        let names = self.cluster.names();
        match directive {
            "log" => {
                for at in some(given, names) {
                    let line = tell::log(self.cluster.host(at), self.cluster.node(at));
                    self.say(line);
                }
            }
            "status" => {
                for at in some(given, names) {
                    self.lines.extend(tell::status(self.cluster.host(at), self.cluster.node(at)));
                }
            }
            "wire" => {
                let lines: Vec<String> =
                    self.cluster.hosts.wire.messages().iter().map(ToString::to_string).collect();
                self.lines.extend(lines);
            }
            "sent" => {
                let (from, to) = link(&given.word());
                let Sent { appends, entries, snapshots } = self.sent.remove(&(from, to)).unwrap_or_default();
                self.say(format!(
                    "{from}->{to}: appends {appends}, entries {entries}, snapshots {snapshots}"
                ));
            }
            "tally" => {
                let configuration = voters(given);
                let (granted, refused) = (peers(&given.list("granted")), peers(&given.list("refused")));
                let verdict = match quorum::tally(&configuration, &granted, &refused) {
                    quorum::Tally::Pending => "pending",
                    quorum::Tally::Lost => "lost",
                    quorum::Tally::Won(_) => "won",
                };
                self.say(verdict);
            }
            "reached" => {
                let configuration = voters(given);
                let numbers = given.list("by");
                let by = |peer: Peer| {
                    let text = numbers.get(usize::from(peer.node.0) - 1);
                    text.filter(|text| *text != "_").map_or(0, |text| text.parse().unwrap())
                };
                self.say(quorum::reached(&configuration, by).to_string());
            }
            _ => return false,
        }
        true
    }
}
