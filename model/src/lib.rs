//! The harness that checks the production code of `cutover`: the environment around its machines, the searches over
//! it, and what a person sees of both.

pub mod mutants;
pub mod search;
pub mod scope;
pub mod world;
