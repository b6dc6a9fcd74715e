//! `cutover` moves a partition of live data from one placement to another without losing a write.
//!
//! This library is the production code: state machines that take one input at a time and return their outputs in
//! the order in which these must take effect. Nothing here reads a clock, draws a random number, touches a disk or
//! a socket, or iterates in hash order; two runs over the same inputs end in the same state. The harness in
//! `model/` drives these very machines through every interleaving within stated bounds.
//!
//! | module | what it decides |
//! | --- | --- |
//! | [`ids`] | the numbers everything is named by |
//! | [`raft`] | the replicated log: who leads, what is committed, who is a member |
//! | [`placement`] | where a partition's reads and writes go |
//! | [`fence`] | the sink's side: which write, read, chunk, seal or drop takes effect |
//! | [`migration`] | the table of partitions, its transitions, and the controller that drives a move |
//! | [`gate`] | the gateway's side: resolve, admit, send, retry |
//! | [`control_plane`] | what the log may hold, what follows from it, and the engines that hold it |
//! | [`invariant`] | what must hold, and the monitor that judges a run |
//! | [`fault`] | what the environment may do to a run |
//! | [`trace`] | a run as a text of choices and what they did |

pub mod control_plane;
pub mod fault;
pub mod fence;
pub mod gate;
pub mod ids;
pub mod invariant;
pub mod migration;
pub mod placement;
pub mod raft;
pub mod trace;

#[cfg(feature = "server")]
pub mod api;
#[cfg(all(feature = "server", not(madsim)))]
pub mod cli;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod driver;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
#[cfg(all(feature = "server", not(madsim)))]
pub mod tls;
