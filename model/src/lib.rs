//! A harness that searches state machines exhaustively and replays what it finds; and the environments around the
//! production machines of `cutover`.
//!
//! [`protocol`] is the interface of a protocol under check. [`search`], [`mod@walk`], [`witness`], [`replay`] and [`explorer`]
//! use nothing else. [`check`] combines them for one scope, and [`catalog`] lists the scopes of several protocols.
//! [`env`] and [`scopes`] are this project's own protocols.
//!
//! May import: `core::ids`, `core::invariant`, `core::trace`, `cutover_model::protocol`.

pub mod catalog;
pub mod check;
pub mod copies;
mod digests;
pub mod env;
pub mod explorer;
pub mod host;
pub mod protocol;
pub mod render;
pub mod replay;
pub mod scopes;
pub mod search;
pub mod shared;
pub mod stateright;
pub mod walk;
pub mod ways;
pub mod witness;

/// The protocols of this project, as one [`catalog::Protocols`].
pub type Ours = (env::Migration, env::Consensus, env::Composed, env::Histories, env::System);
