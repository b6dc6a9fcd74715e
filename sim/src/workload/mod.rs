//! What clients do to the cluster, through its gRPC services.

mod api;
mod choice;
mod client;
mod library;
mod names;
mod operator;
mod watch;

pub use client::{Client, History, ROAMING};
pub use names::Namer;
pub use operator::{Operator, Order};
pub use watch::{Told, Watcher};
