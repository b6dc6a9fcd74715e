//! A harness that explores state machines exhaustively and replays what it finds, and the environments around the production
//! machines of `cutover`.
//!
//! [`protocol`] is what a protocol has to say for itself. On it stand [`search`], [`witness`], [`replay`], [`explorer`], and
//! [`check`], which puts them together for one scope; [`catalog`] lists the scopes of several protocols. [`env`] and [`scopes`] are
//! our own protocols.
//!
//! May import: `core::ids`, `core::invariant`, `core::trace`, `cutover_model::protocol`.

pub mod catalog;
pub mod check;
pub mod env;
pub mod explorer;
pub mod fingerprint;
pub mod host;
pub mod protocol;
pub mod render;
pub mod replay;
pub mod scopes;
pub mod search;
pub mod shared;
pub mod stateright;
pub mod witness;

/// The protocols of this project, as [`catalog::Protocols`].
pub type Ours = (env::Migration, env::Consensus, env::Composed);
