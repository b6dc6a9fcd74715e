//! Tables of text.

use indicatif::HumanCount;
use std::fmt::Write as _;
use std::time::Duration;

/// Adds a table. Columns from `first_number` on contain numbers and are aligned to the right.
pub(super) fn table<const N: usize>(text: &mut String, cells: &[[String; N]], first_number: usize) {
    let widest = |column: usize| cells.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| widest(column).unwrap_or(0));
    for row in cells {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            if column > 0 {
                line.push_str("  ");
            }
            let _ = if column < first_number {
                write!(line, "{cell:<width$}")
            } else {
                write!(line, "{cell:>width$}")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

/// Seconds, with one decimal below a hundred.
pub(super) fn tenths(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 100 {
        return HumanCount(seconds).to_string();
    }
    format!("{seconds}.{}", time.subsec_millis() / 100)
}
