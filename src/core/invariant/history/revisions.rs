//! Checks of the revisions that reads returned. Revisions are indexes in the log that all partitions share.

use super::operation::{Invocation, Operation, Seen};
use crate::core::ids::{Epoch, PartitionId, Revision};
use crate::core::migration::PartitionRecord;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Two reads that no log explains together, by their indexes in the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Clash {
    pub(super) first: usize,
    pub(super) second: usize,
    pub(super) why: &'static str,
}

/// Finds two reads that contradict each other.
pub(super) fn clash(operations: &[Operation]) -> Option<Clash> {
    gone_back(operations).or_else(|| out_of_order(operations))
}

/// Checks that a read which began after another one had ended returns no older revision, for all partitions.
fn gone_back(operations: &[Operation]) -> Option<Clash> {
    let mut asked = Vec::new();
    let mut ended = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        if let (Invocation::Read { revision: Some(revision), .. }, Some(completed)) =
            (&operation.call, operation.completed)
        {
            asked.push((operation.invoked, *revision, at));
            ended.push((completed, *revision, at));
        }
    }
    asked.sort_unstable();
    ended.sort_unstable();
    let mut ended = ended.into_iter().peekable();
    let mut newest = (Revision::ZERO, usize::MAX);
    for (invoked, revision, at) in asked {
        while let Some((_, revision, at)) = ended.next_if(|(completed, ..)| *completed < invoked) {
            newest = newest.max((revision, at));
        }
        if revision < newest.0 {
            let why = "a read that began after another had ended returned an older revision";
            return Some(Clash { first: newest.1, second: at, why });
        }
    }
    None
}

/// The lowest and the highest revision at which a record was seen, with the reads.
type Range = ((Revision, usize), (Revision, usize));

/// Checks that a later record of a partition is seen at higher revisions only, since each change has its own
/// revision.
fn out_of_order(operations: &[Operation]) -> Option<Clash> {
    let mut ranges: BTreeMap<(PartitionId, Epoch, u32, &PartitionRecord), Range> = BTreeMap::new();
    for (at, operation) in operations.iter().enumerate() {
        if let Invocation::Read { seen: Seen::Record(record), revision: Some(revision) } = &operation.call
            && operation.completed.is_some()
        {
            let here = (*revision, at);
            let key = (record.partition, record.epoch, progress(record), record);
            let range = ranges.entry(key).or_insert((here, here));
            *range = (range.0.min(here), range.1.max(here));
        }
    }
    let mut before: Option<(PartitionId, (Revision, usize))> = None;
    for ((partition, ..), (lowest, highest)) in ranges {
        if let Some((_, last)) = before.filter(|(other, last)| *other == partition && last.0 >= lowest.0) {
            let why = "a later record of the partition was seen at a revision that is not higher";
            return Some(Clash { first: last.1, second: lowest.1, why });
        }
        before = Some((partition, highest));
    }
    None
}

/// The progress of a record within its epoch. Every change that keeps the epoch increases it.
fn progress(record: &PartitionRecord) -> u32 {
    let left = record.old_copies.iter().map(|old| 2 - u32::from(old.retiring)).sum::<u32>();
    let placed = record.placed.map_or(0, |placed| {
        let measured = placed.cutover.is_some_and(|facts| facts.watermark.is_some());
        let may_block = u32::from(placed.cutover.is_some());
        u32::from(placed.opened) + may_block + u32::from(measured) + u32::from(placed.debt.is_none())
    });
    placed + (u32::MAX / 2).saturating_sub(left)
}
