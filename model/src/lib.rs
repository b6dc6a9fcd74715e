//! The harness that checks the production code of `cutover`: the environment around its machines, the searches over
//! it, and what a person sees of both.

pub mod cli;
pub mod cluster;
pub mod composed;
pub mod environment;
pub mod explorer;
pub mod history;
pub mod mutants;
pub mod render;
pub mod replay;
pub mod review;
pub mod scope;
pub mod search;
pub mod shared;
pub mod witness;
pub mod world;
