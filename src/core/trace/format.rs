//! The constants of the format.

/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;

/// Lines of a trace, at most: what a reviewer reads.
pub const LINES_MAX: u32 = 200;

/// Bytes of a line, at most, without its end.
pub const LINE_BYTES_MAX: u32 = 400;

pub(super) const MAGIC: &str = "cutover-trace";
pub(super) const END: &str = "end";
