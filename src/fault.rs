//! What the environment may do to a run. A fault is never a bug; what follows from it may be.
