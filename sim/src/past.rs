//! Judges what all clients saw, for linearizability: each history of the cluster by itself, from the records with which it
//! began. What an earlier history committed may be lost in the next one, as far as it is not among those records.

use crate::data::Book;
use crate::event_log::{EventLog, lock};
use crate::judge::{Era, Judge, own};
use crate::outcome::Verdict;
use crate::workload::{Asked, History};
use cutover::core::invariant::Id;
use cutover::core::invariant::history::registers;
use cutover::core::invariant::history::{self, Answer, Invocation, Operation};
use std::sync::{Arc, Mutex};

/// Limit of the linearizability checker, in visited configurations per partition.
const CONFIGURATIONS: u64 = 300_000;

/// Judges the operations of all clients.
///
/// # Errors
/// A verdict with its reason, if they could not be judged to the end.
pub fn judge(
    judge: &Arc<Mutex<Judge>>,
    event_log: &EventLog,
    history: &History,
) -> Result<(), (Verdict, String)> {
    let asked = lock(history);
    let eras: Vec<Era> = lock(judge).eras().cloned().collect();
    let ends = eras.iter().skip(1).map(|era| era.began_ns).chain([u64::MAX]);
    for (era, end_ns) in eras.iter().zip(ends) {
        of_era(judge, event_log, &asked, era, end_ns)?;
    }
    Ok(())
}

/// Judges what the callers of gateways saw of each row.
///
/// # Errors
/// A verdict with its reason, if it could not be judged to the end.
pub fn judge_rows(
    judge: &Arc<Mutex<Judge>>,
    event_log: &EventLog,
    book: &Book,
) -> Result<(), (Verdict, String)> {
    if !lock(judge).judges_data() {
        event_log.count("client", "histories of rows not judged");
        return Ok(());
    }
    let mut unknown = None;
    for (partition, judged) in book.judge() {
        match judged.verdict {
            registers::Verdict::Linearizable => {}
            registers::Verdict::NotLinearizable(failure) => {
                let found = format!("{}: {}", failure.key, failure.found);
                lock(judge).rows_contradict(partition, found, failure.against);
            }
            registers::Verdict::Unknown { key } => unknown = unknown.or(Some(key)),
        }
    }
    if let Some(key) = unknown {
        return Err((Verdict::Unknown, format!("the history of row {key} was not judged to its end")));
    }
    event_log.count("client", "histories of rows judged");
    Ok(())
}

fn of_era(
    judge: &Arc<Mutex<Judge>>,
    event_log: &EventLog,
    asked: &[Asked],
    era: &Era,
    end_ns: u64,
) -> Result<(), (Verdict, String)> {
    for asked in asked.iter().filter(|asked| asked.is_answered_in(era, end_ns)) {
        if let Some(ticket) = asked.under.filter(|under| *under != era.history && asked.is_done()) {
            let found = format!("{} is answered in history {}", asked.operation, era.history);
            lock(judge).find(own::HISTORY, found, format!("its ticket is of history {ticket}"));
        }
    }
    let operations: Vec<Operation> = asked.iter().filter_map(|asked| asked.within(era, end_ns)).collect();
    let id = Id::Linearizable.entry().id;
    match history::judge_from(&operations, &era.begins_with, CONFIGURATIONS) {
        Ok(judged) => match judged.verdict {
            history::Verdict::Linearizable => event_log.count("client", "histories judged"),
            history::Verdict::NotLinearizable(failure) => {
                lock(judge).find(id, failure.found, failure.against)
            }
            history::Verdict::Unknown { partition } => {
                return Err((
                    Verdict::Unknown,
                    format!("the history of {partition} was not judged to its end"),
                ));
            }
        },
        Err(error) => lock(judge).find(id, error.to_string(), "an operation".to_owned()),
    }
    Ok(())
}

impl Asked {
    fn is_answered_in(&self, era: &Era, end_ns: u64) -> bool {
        self.operation.completed.is_some_and(|at| at >= era.began_ns && at < end_ns)
    }

    /// Whether the operation was committed, as its client was told.
    fn is_done(&self) -> bool {
        matches!(
            self.operation.call,
            Invocation::Apply { answer: Answer::Ok { .. } | Answer::Refused(_), .. }
        )
    }

    /// The operation as one of this history: what it saw, or may have done there.
    fn within(&self, era: &Era, end_ns: u64) -> Option<Operation> {
        let mut operation = self.operation.clone();
        operation.invoked = operation.invoked.max(era.began_ns);
        if self.is_answered_in(era, end_ns) {
            return Some(operation);
        }
        // A node of another history refuses the ticket, and what was sent to a process that has ended is lost with it.
        let over = self.over_ns.or(operation.completed).is_some_and(|at| at < era.began_ns);
        if over || self.operation.invoked >= end_ns || self.under.is_some_and(|under| under != era.history) {
            return None;
        }
        let Invocation::Apply { answer, .. } = &mut operation.call else { return None };
        (*answer, operation.completed) = (Answer::Indeterminate, None);
        Some(operation)
    }
}
