//! Judges a history of operations on the control plane: is there an order, one after the other, that explains every
//! answer and in which nothing comes before what had ended when it began? (Linearizability, Herlihy and Wing 1990.)
//!
//! **The sequential machine is the production table**, [`PlacementTable`](crate::core::migration::PlacementTable), with one
//! partition in it; whether that table is right is judged elsewhere. Partitions are judged apart: a history is
//! linearizable iff its restriction to each object is, and the smaller the history, the sooner it is judged. Revisions
//! are the exception; they are places in the log that all partitions share, and two cheap checks compare them: a read
//! that began after another had ended returns no older one, and a later record of a partition was seen at higher ones
//! only. Among reads of one record neither check leaves anything open, so they need no place in the search.
//!
//! A history must hold everything that may change its partitions, whoever asked for it: clients, operators, and the
//! nodes' own controllers. Then a history of a correct system passes, and one that passes has an order that the table
//! has replayed.
//!
//! **Numbers that partitions share.** A creation and a migration take the next id of a counter that all partitions
//! share, and a creation takes an epoch above every epoch of every partition that is gone. One partition's history does
//! not determine these, so the machine here may take any number that the shared counters can have reached:
//! - an id above all earlier ids of the partition, a first epoch above all earlier epochs of the partition. Every such
//!   choice is one that some behaviour of the other partitions brings about (`raise_floor` stands for them), so an
//!   order found is an order of the whole table's machine. Equal numbers at two partitions would go unseen;
//! - and no choice that matters is left out, though only a few are tried. An epoch of a partition has one id for ever,
//!   so where any answer names the id at the new epoch, that is the one. Otherwise the table only asks whether an id
//!   equals one that a command or an answer names, or how it compares with one that a dropped copy's statement names.
//!   So each *named* id in the range is tried, up to the id that is known of the next epoch (ids rise with epochs), and
//!   one *unnamed* id for each gap between dropped ones; the lowest, which leaves most room for those after it. For the
//!   first epoch of a creation likewise: the next epoch that the partition is known to have had, or one that a command
//!   expects (nothing changes a record without expecting its epoch, and an epoch known later can only be reached by
//!   changes), or, if none is known any more, one that nobody names.
//!
//! **Answers.** `Ok` and a refusal are committed, and the table must say the very same at that place. An
//! *indeterminate* transition may take effect once, at any time after it was asked for, even long after the client gave
//! up, or never. One that was *not committed* has no effect: if somebody sees one, that read comes from nowhere. A
//! refusal by a cap counts what other partitions do; it is accepted wherever the table without caps would have taken
//! the command.
//!
//! **The search** is that of Wing and Gong (1993), with the configurations that were visited (Lowe 2017), and just in
//! time: see `search.rs`. What keeps it small: almost every command is a compare-and-swap on an epoch that never comes
//! back, so in any state few can change anything; what changes nothing has its place as soon as it fits; equal commands
//! of unknown fate are interchangeable; a way on which the epoch has passed an answer that needs an earlier one is
//! given up at once; and a configuration with fewer of those of unknown fate used up covers one with more. It may still
//! grow beyond any bound, so it has a budget, and a budget that ends is [`Verdict::Unknown`].
//!
//! **A failure** names the first answer that no order explains together with all the answers before it (`explain.rs`),
//! and shows the end of an order of those.
//!
//! Not judged: a history across a restore from a backup or a recovery from the loss of a quorum, which take back what
//! was committed.

mod explain;
mod known;
mod operation;
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
use alloc::collections::BTreeMap;
use search::{Ended, Search};

/// A budget for one partition: hundreds of times what fifty thousand operations on one were seen to need, two of five
/// transitions of unknown fate among them.
pub const CONFIGURATIONS: u64 = 2_000_000;

/// Judges a history. The search for each partition may visit `budget` configurations.
///
/// # Errors
/// [`Malformed`], for the first operation that cannot be one.
pub fn judge(operations: &[Operation], budget: u64) -> Result<Judged, Malformed> {
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
        let mut search = Search::of(*partition, own);
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
                let failure = explain::no_order(*partition, own, operations, budget);
                judged.verdict = Verdict::NotLinearizable(Box::new(failure));
                return Ok(judged);
            }
        }
    }
    Ok(judged)
}
