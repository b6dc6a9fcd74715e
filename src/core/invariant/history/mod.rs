//! Judges whether a history of operations on the control plane is linearizable (Herlihy and Wing 1990): whether there is a
//! sequential order that explains every answer, and in which an operation that ended before another began comes first.
//!
//! **The sequential specification is the production table**, [`PlacementTable`](crate::core::migration::PlacementTable), with
//! one partition in it. Whether that table is right is judged by other invariants. Partitions are judged separately, since a
//! history is linearizable iff its restriction to each object is, and short histories are judged sooner. Revisions are the
//! exception: they are log indexes, which all partitions share. Two checks compare them: a read that began after another
//! had ended returns no older revision, and a later record of a partition is seen at higher revisions only. Reads of one
//! record that pass both checks can be ordered by revision, so the search need not place them by it.
//!
//! A history must contain every operation that may change its partitions: those of clients, operators, and the nodes' own
//! controllers. Then every history of a correct system passes, and for a history that passes, the table has replayed an
//! order.
//!
//! **Numbers that partitions share.** A creation and a migration take the next id of a counter that all partitions share, and
//! a creation takes an epoch above every epoch of every deleted partition. The history of one partition does not determine
//! these numbers, so the specification may choose any number that the shared counters can have reached:
//! - Every choice is possible. It is an id above all earlier ids of the partition, or a first epoch above all its earlier
//!   epochs, and some behaviour of the other partitions leads to it (`raise_floor` represents that behaviour). So an order
//!   that is found is an order of the whole table. Equal numbers in two partitions are not detected.
//! - Few choices are tried, and none that matters is left out. An epoch of a partition has one id for ever, so if an answer
//!   gives the id at the new epoch, that id is used. Otherwise the table only compares ids: for equality with ids in commands
//!   and answers, for order with ids in the statements of dropped copies. So each id in the range that is *named* is tried, up to the
//!   known id of the next epoch (ids increase with epochs), and one id that is *not named* for each gap between dropped ones:
//!   the lowest, which leaves the most room for later ids. The first epoch of a creation is treated likewise. It is the next epoch
//!   that the partition is known to have had, or one that a command expects (a record changes only by commands that expect
//!   its epoch, so a later known epoch is only reached through these), or, if no later epoch is known, one that is not named.
//!
//! **Answers.** `Ok` and a refusal are committed, and the table must give the same answer at that place. An *indeterminate*
//! transition may take effect once, at any time after its invocation (even long after the client gave up), or never. A
//! transition that was *not committed* has no effect: a read that sees one is not explained. A refusal by a cap depends on other
//! partitions; it is accepted wherever the table without caps would apply the command.
//!
//! **The search** is that of Wing and Gong (1993), just in time and with a cache of the visited configurations (Lowe 2017); see
//! `search.rs`. Five things keep it small. Almost every command is a compare-and-swap on an epoch that never returns, so in
//! each state few commands can take effect. An operation that changes nothing is placed as soon as it fits. Equal commands with
//! an unknown outcome are interchangeable. A branch is dropped when the epoch has passed one that an answer still needs. A
//! configuration covers another one that has used more operations with an unknown outcome. The search can still grow
//! without bound, so it has a budget, and the verdict is [`Verdict::Unknown`] when the budget is used up.
//!
//! **A failure** names the first answer that no order explains together with all earlier answers, and shows the end of an
//! order of those (`explain.rs`).
//!
//! A restore from a backup, and a recovery from the loss of a quorum, undo committed entries and begin a new history of the
//! cluster. Each history is judged by itself, a later one from the records with which it begins ([`judge_from`]).

mod explain;
mod known;
mod operation;
pub mod registers;
mod revisions;
mod search;
mod spec;
mod timeline;
mod verdict;

use alloc::boxed::Box;
use alloc::vec::Vec;
pub use operation::{Answer, Invocation, Malformed, Operation, Refusal, Seen};
pub use verdict::{Failure, Judged, LINES_MAX, Line, Role, Verdict};

use crate::core::ids::PartitionId;
use crate::core::migration::PartitionRecord;
use alloc::collections::BTreeMap;
use search::{Ended, Search};

/// The default budget for one partition. Fifty thousand operations on one partition, two of five transitions with an unknown
/// outcome, needed less than a hundredth of it.
pub const CONFIGURATIONS: u64 = 2_000_000;

/// Judges a history. The search for each partition may visit `budget` configurations.
///
/// # Errors
/// [`Malformed`], for the first operation that is not well-formed.
pub fn judge(operations: &[Operation], budget: u64) -> Result<Judged, Malformed> {
    judge_from(operations, &BTreeMap::new(), budget)
}

/// Judges a history that begins with these records, as after a restore. A partition without one was never created, or is
/// deleted.
///
/// # Errors
/// [`Malformed`], for the first operation that is not well-formed.
pub fn judge_from(
    operations: &[Operation],
    begins_with: &BTreeMap<PartitionId, PartitionRecord>,
    budget: u64,
) -> Result<Judged, Malformed> {
    let mut partitions: BTreeMap<PartitionId, Vec<(usize, &Operation)>> = BTreeMap::new();
    for (at, operation) in operations.iter().enumerate() {
        operation.check(at)?;
        partitions.entry(operation.partition).or_default().push((at, operation));
    }
    let indeterminate = |operation: &&Operation| {
        matches!(operation.call, Invocation::Apply { answer: Answer::Indeterminate, .. })
    };
    let mut judged = Judged {
        verdict: Verdict::Linearizable,
        operations: operations.len(),
        answered: operations.iter().filter(|operation| operation.is_answered()).count(),
        indeterminate: operations.iter().filter(indeterminate).count(),
        partitions: partitions.len(),
        configurations: 0,
    };
    if let Some(clash) = revisions::clash(operations) {
        judged.verdict = Verdict::NotLinearizable(Box::new(explain::revisions(operations, &clash)));
        return Ok(judged);
    }
    for (partition, own) in &partitions {
        let begins_with = begins_with.get(partition);
        let mut search = Search::of(*partition, own, begins_with);
        let (ended, left) = search.run(budget);
        judged.configurations += budget - left;
        match ended {
            Ended::Found => {}
            Ended::Budget => {
                if judged.verdict == Verdict::Linearizable {
                    judged.verdict = Verdict::Unknown { partition: *partition };
                }
            }
            Ended::Nothing => {
                let failure = explain::no_order(*partition, begins_with, own, operations, budget);
                judged.verdict = Verdict::NotLinearizable(Box::new(failure));
                return Ok(judged);
            }
        }
    }
    Ok(judged)
}
