//! The constants of the trace format.

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The most lines of a trace, so that a person can review it.
pub const LINES_MAX: u32 = 200;

/// The most bytes of a line, without the line end.
pub const LINE_BYTES_MAX: u32 = 400;

pub(super) const MAGIC: &str = "cutover-trace";
pub(super) const END: &str = "end";
