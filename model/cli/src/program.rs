//! The name of the running program for its messages.

use std::path::Path;
use std::sync::OnceLock;

const OURS: &str = "cutover";

static NAME: OnceLock<String> = OnceLock::new();

/// Sets the name to that under which the program was started. Called by [`crate::main`], for programs other than
/// `cutover`.
pub(crate) fn named_as_started() -> &'static str {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let stem = Path::new(&started_as).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    NAME.get_or_init(|| stem.unwrap_or_else(|| OURS.to_owned()))
}

/// The name of the program: `cutover`, unless [`named_as_started`] was called.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or(OURS, String::as_str)
}
