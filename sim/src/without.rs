//! The kinds of faults and clients that can be switched off. Each has its own random streams.

use crate::faults::{self, LeaveOut};

/// Kinds of clients that can be switched off; clients of numbered partitions always run.
const CLIENTS: [(&str, LeaveOut); 3] = [
    ("roaming", |options| options.work.roaming = 0),
    ("watchers", |options| options.work.watchers = 0),
    ("namers", |options| options.work.namers = 0),
];

/// All kinds that can be switched off, with their names.
pub fn kinds() -> impl Iterator<Item = (&'static str, LeaveOut)> {
    faults::ALL.iter().map(|kind| (kind.name(), kind.leave_out())).chain(CLIENTS)
}

/// Finds kinds by name.
///
/// # Errors
/// A text with the first unknown name and the names that exist.
pub fn named(names: &[String]) -> Result<Vec<LeaveOut>, String> {
    let kind = |name: &String| {
        let found = kinds().find(|(known, _)| known == name).map(|(_, leave_out)| leave_out);
        found.ok_or_else(|| {
            let known: Vec<&str> = kinds().map(|(name, _)| name).collect();
            format!("{name:?} is nothing that can be left out, expected {}", known.join(", "))
        })
    };
    names.iter().map(kind).collect()
}
