//! Tests of the program `cutover` as a process: output, errors and exit codes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[cfg(unix)]
#[path = "front_door/coverages.rs"]
mod coverages;
#[path = "front_door/exit_codes.rs"]
mod exit_codes;
#[path = "front_door/histories.rs"]
mod histories;
#[path = "front_door/limits.rs"]
mod limits;
#[path = "front_door/output.rs"]
mod output;
#[path = "front_door/partitions.rs"]
mod partitions;
#[path = "front_door/ran.rs"]
mod ran;
#[path = "front_door/refusals.rs"]
mod refusals;
#[path = "front_door/registers.rs"]
mod registers;
#[path = "front_door/replays.rs"]
mod replays;
#[path = "front_door/reviews.rs"]
mod reviews;
#[cfg(unix)]
#[path = "front_door/siblings.rs"]
mod siblings;
#[path = "front_door/walks.rs"]
mod walks;
