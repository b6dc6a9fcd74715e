//! The searches and the world below them: what they find, how much they visit, and what they promise to each other.
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
