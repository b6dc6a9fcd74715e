//! The name of the running program, as its messages have it.

use std::path::Path;
use std::sync::OnceLock;

const OURS: &str = "cutover";

static NAME: OnceLock<String> = OnceLock::new();

/// Takes the name from the command line, for a program that is not ours.
pub(crate) fn named_as_started() -> &'static str {
    let started_as = std::env::args_os().next().unwrap_or_default();
    let stem = Path::new(&started_as).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    NAME.get_or_init(|| stem.unwrap_or_else(|| OURS.to_owned()))
}

/// The name.
pub(crate) fn name() -> &'static str {
    NAME.get().map_or(OURS, String::as_str)
}
