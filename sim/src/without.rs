//! What a run can do without: kinds of faults, and of clients. Each draws from streams of its own.

use crate::faults::{self, LeaveOut};

/// Kinds of clients; those of partitions by number stay.
const CLIENTS: [(&str, LeaveOut); 3] = [
    ("roaming", |options| options.work.roaming = 0),
    ("watchers", |options| options.work.watchers = 0),
    ("namers", |options| options.work.namers = 0),
];

/// All kinds, with their names.
pub fn kinds() -> impl Iterator<Item = (&'static str, LeaveOut)> {
    faults::ALL.iter().map(|kind| (kind.name(), kind.leave_out())).chain(CLIENTS)
}

/// The kinds of these names.
///
/// # Errors
/// The first name that is none, and the names that there are.
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
