//! The constants of the trace format.

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// The most lines of a trace: those of a long walk that nobody could shorten. Traces that are kept are shorter.
pub const LINES_MAX: u32 = 50_000;

/// The most bytes of a line, without the line end.
pub const LINE_BYTES_MAX: u32 = 4_000;

pub(super) const MAGIC: &str = "cutover-trace";
pub(super) const END: &str = "end";
