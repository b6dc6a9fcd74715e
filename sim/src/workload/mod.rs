//! The workload: clients, watchers and an operator, which use the cluster's gRPC services.

mod api;
mod beside;
mod burst;
mod choice;
mod client;
mod deadline;
mod gateway;
mod guest;
mod library;
mod names;
mod operator;
mod probe;
mod reader;
mod resumer;
mod tickets;
mod users;
mod watch;

pub use client::{Asked, Client, History};
pub use deadline::Deadline;
pub use library::{Library, client as library_client};
pub use operator::Operator;
pub use reader::download;
pub use users::{Users, machine};
