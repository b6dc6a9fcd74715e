//! Tests of the search and of the environments: verdicts, numbers of states, and the promises between them.
//!
//! `INSTA_UPDATE=always cargo test -p cutover-model --test checker` writes the printed failures anew.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]

#[path = "checker/counts.rs"]
mod counts;
#[path = "checker/laws.rs"]
mod laws;
#[path = "checker/nodes.rs"]
mod nodes;
#[path = "checker/published.rs"]
mod published;
#[path = "checker/regress.rs"]
mod regress;
#[path = "checker/searched.rs"]
mod searched;
#[path = "checker/timed.rs"]
mod timed;
#[path = "checker/walks.rs"]
mod walks;
