//! What a front door offers beside the protocols under check.

/// Whose front door it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offer {
    /// A crate's with protocols of its own: the verbs that any protocol has.
    Protocols,
    /// That of `cutover`: also mutants that the simulator judges, and recordings of nodes.
    Server,
}
