//! The linearizability checker: small histories written by hand, random executions of the production table, and
//! random histories compared with a checker that tries every order.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says what it expects by stopping"
)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it says how long it takes")]

#[path = "history/brute.rs"]
mod brute;
#[path = "history/by_hand.rs"]
mod by_hand;
#[path = "support/cases.rs"]
mod cases;
#[path = "history/execution.rs"]
mod execution;
#[path = "history/explained.rs"]
mod explained;
#[path = "history/laws.rs"]
mod laws;
#[path = "history/make.rs"]
mod make;
#[path = "history/registers/mod.rs"]
mod registers;
