//! A log with its histories, and the nodes that stream it.

use super::dice::Dice;
use cutover::core::gate::WatchEvent;
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use std::collections::{BTreeMap, VecDeque};

/// A partition, and a value that no other record has.
pub type Record = (PartitionId, u64);

pub const fn partition_of(record: &Record) -> PartitionId {
    record.0
}

#[derive(Clone)]
struct Change {
    revision: Revision,
    partition: PartitionId,
    value: Option<u64>,
    /// The table after it.
    table: BTreeMap<PartitionId, Record>,
}

struct Node {
    /// How many changes of the log it has applied.
    applied: usize,
    /// The first change that its feed still has.
    keeps: usize,
}

/// The changes of a history, with those before it.
type History = Vec<Change>;

pub struct Cluster {
    histories: Vec<History>,
    nodes: Vec<Node>,
    revision: u64,
    values: u64,
}

impl Cluster {
    pub fn new(dice: &mut Dice) -> Self {
        let nodes = (0..2 + dice.below(2)).map(|_| Node { applied: 0, keeps: 0 }).collect();
        Self { histories: vec![Vec::new()], nodes, revision: 1, values: 0 }
    }

    fn log(&self) -> &History {
        self.histories.last().expect("there is one")
    }

    fn history(&self) -> HistoryId {
        HistoryId(self.histories.len() as u64)
    }

    /// The table of a history at a revision.
    pub fn table(&self, history: HistoryId, revision: Revision) -> Option<BTreeMap<PartitionId, Record>> {
        let number = usize::try_from(history.0.checked_sub(1)?).ok()?;
        let changes = self.histories.get(number)?;
        let count = changes.partition_point(|change| change.revision <= revision);
        Some(count.checked_sub(1).map_or_else(BTreeMap::new, |last| changes[last].table.clone()))
    }

    pub fn commit(&mut self, dice: &mut Dice) {
        self.revision += 1 + dice.below(2);
        self.values += 1;
        let value = dice.percent(80).then_some(self.values);
        let (revision, partition) = (Revision(self.revision), PartitionId(dice.below(4)));
        push(self.histories.last_mut().expect("there is one"), revision, partition, value);
    }

    fn at(&self, node: usize) -> Revision {
        let before = self.nodes[node].applied.checked_sub(1);
        before.map_or(Revision::ZERO, |last| self.log()[last].revision)
    }

    /// Whether a node has exactly what a watcher was told.
    pub fn is_at(&self, node: usize, history: Option<HistoryId>, told: Revision) -> bool {
        history == Some(self.history()) && self.at(node) == told
    }

    /// A node applies some changes in one turn, or starts anew from a snapshot. What it says of that.
    pub fn advance(&mut self, dice: &mut Dice) -> (usize, Vec<WatchEvent<Record>>) {
        let number = usize::try_from(dice.below(self.nodes.len() as u64)).expect("it is an index");
        let (from, before) = (self.nodes[number].applied, self.at(number));
        let left = self.log().len() - from;
        let count = usize::try_from(dice.below(4)).expect("it is small").min(left);
        let snapshot = dice.percent(10);
        let keeps_max = usize::try_from(dice.below(12)).expect("it is small");
        let node = &mut self.nodes[number];
        node.applied += count;
        node.keeps = node.keeps.max(node.applied.saturating_sub(keeps_max));
        if snapshot {
            node.keeps = node.applied;
            return (number, if count > 0 { self.everything(dice, number) } else { Vec::new() });
        }
        let said = self.changes(from, from + count, before);
        (number, said)
    }

    /// The last change of each partition, of those that were applied together.
    fn changes(&self, from: usize, to: usize, mut after: Revision) -> Vec<WatchEvent<Record>> {
        let together = &self.log()[from..to];
        let mut said = vec![WatchEvent::History(self.history())];
        for (at, change) in together.iter().enumerate() {
            if together[at + 1..].iter().any(|later| later.partition == change.partition) {
                continue;
            }
            let Change { revision, partition, value, .. } = *change;
            let record = value.map(|value| (partition, value));
            said.push(WatchEvent::Changed { after, revision, partition, record });
            after = revision;
        }
        said
    }

    fn everything(&self, dice: &mut Dice, node: usize) -> Vec<WatchEvent<Record>> {
        let revision = self.at(node);
        let table = self.table(self.history(), revision).unwrap_or_default();
        let mut records: Vec<Record> = table.into_values().collect();
        let mut said = vec![WatchEvent::History(self.history())];
        while records.len() > 1 && dice.percent(70) {
            let rest = records.split_off(1);
            said.push(WatchEvent::Page { records, revision, last: false });
            records = rest;
        }
        said.push(WatchEvent::Page { records, revision, last: true });
        said
    }

    /// A stream that continues after a revision of a history, or begins with everything.
    pub fn open(
        &mut self,
        dice: &mut Dice,
        after: Revision,
        history: HistoryId,
    ) -> (usize, VecDeque<WatchEvent<Record>>) {
        let number = usize::try_from(dice.below(self.nodes.len() as u64)).expect("it is an index");
        let node = &self.nodes[number];
        let seen = self.log().partition_point(|change| change.revision <= after);
        let continues = history == self.history() && after > Revision::ZERO && seen >= node.keeps;
        let said = if continues {
            // One by one: the feed keeps each turn's changes as they were said, and these are what is left of them.
            let (from, to) = (seen.min(node.applied), node.applied);
            (from..to)
                .flat_map(|at| {
                    let before =
                        at.checked_sub(1).map_or(Revision::ZERO, |before| self.log()[before].revision);
                    self.changes(at, at + 1, before)
                })
                .collect()
        } else {
            self.everything(dice, number)
        };
        (number, said.into())
    }

    /// The end of the log is lost, and a new history continues from what is left.
    pub fn restore(&mut self, dice: &mut Dice) {
        let log = self.log();
        let lost = usize::try_from(dice.below(6)).expect("it is small").min(log.len());
        let mut next = log[..log.len() - lost].to_vec();
        // The recovery itself is a change of the table, under a revision of its own.
        self.revision = next.last().map_or(1, |last: &Change| last.revision.0) + 1;
        self.values += 1;
        push(&mut next, Revision(self.revision), PartitionId(0), Some(self.values));
        for node in &mut self.nodes {
            (node.applied, node.keeps) = (next.len(), next.len());
        }
        self.histories.push(next);
    }
}

fn push(log: &mut History, revision: Revision, partition: PartitionId, value: Option<u64>) {
    let mut table = log.last().map_or_else(BTreeMap::new, |last| last.table.clone());
    match value {
        Some(value) => table.insert(partition, (partition, value)),
        None => table.remove(&partition),
    };
    log.push(Change { revision, partition, value, table });
}
