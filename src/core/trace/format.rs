//! The constants of the trace format.

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// Lines of a trace, at most, so that a reviewer can read it.
pub const LINES_MAX: u32 = 200;

/// Bytes of a line, at most, without its end.
pub const LINE_BYTES_MAX: u32 = 400;

pub(super) const MAGIC: &str = "cutover-trace";
pub(super) const END: &str = "end";
