//! The harness that checks the production code of `cutover`: the environments around its machines, and the searches over
//! them.
//!
//! May import: `core`.

pub mod env;
pub mod environment;
pub mod explorer;
pub mod host;
pub mod render;
pub mod replay;
pub mod scopes;
pub mod search;
pub mod shared;
pub mod witness;
