//! The workload: clients, watchers and an operator, which use the cluster's gRPC services.

mod api;
mod choice;
mod client;
mod library;
mod names;
mod operator;
mod users;
mod watch;

pub use client::{Asked, Client, History};
pub use operator::Operator;
pub use users::{Users, machine};
