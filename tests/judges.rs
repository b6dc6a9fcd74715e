//! The judges are judged: each demand of an invariant is met by facts that are so, and not by facts that differ from them in one
//! thing.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by stopping")]

#[path = "judges/clients.rs"]
mod clients;
#[path = "judges/commits.rs"]
mod commits;
#[path = "judges/histories.rs"]
mod histories;
#[path = "judges/logs.rs"]
mod logs;
#[path = "judges/owners.rs"]
mod owners;
#[path = "judges/sinks.rs"]
mod sinks;
#[expect(dead_code, reason = "clusters use all of it")]
#[path = "support/site.rs"]
mod site;
#[path = "judges/steps.rs"]
mod steps;
#[path = "judges/stores.rs"]
mod stores;
#[path = "judges/story.rs"]
mod story;
#[path = "judges/votes.rs"]
mod votes;
#[path = "judges/world.rs"]
mod world;
