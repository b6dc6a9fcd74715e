//! The features that a program offers in addition to the protocols under check.

/// The kind of program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Offer {
    /// A crate with protocols of its own: it has the verbs that exist for every protocol.
    Protocols,
    /// `cutover` itself: also mutants judged by the simulator, and flight recordings.
    Server,
}
