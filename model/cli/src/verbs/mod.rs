//! The verbs of the command line, a file each.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod explore;
pub(crate) mod history;
mod history_words;
mod registers;
pub(crate) mod replay;
mod replay_partition;
mod replay_recording;
mod report;
pub(crate) mod review;
pub(crate) mod sibling;
pub(crate) mod walk;
