//! Places in the code that a test or a run wants to have reached.

macro_rules! marks {
    ($($name:ident $text:literal)*) => {
        /// A place that was reached. The driver counts them and drops them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Mark { $(#[doc = $text] $name,)* }

        impl Mark {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// In words.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

marks! {
    PreVoteWon "a pre-vote won"
    PreVoteLost "a pre-vote lost"
    VoteRefusedByLog "a vote refused, the log being behind"
    VoteRefusedByVote "a vote refused, another having it"
    Ignored "a vote request ignored by one that hears from a leader"
    StrangerDropped "a message to or from another life dropped"
    QuorumLost "a leader steps down, heard by no quorum"
    Outdated "a leader or candidate of the past told so"
    Truncated "a conflicting tail truncated"
    ConfigurationUndone "a configuration undone by truncation"
    Skipped "an append over entries that are committed"
    Diverged "a follower asked for an earlier entry"
    SteppedBack "a leader goes back in a follower's log"
    OldTermNotCounted "an entry of an older term on a quorum, not committed by that"
    OldTermCommitted "entries of an older term committed through one of this term"
    Compacted "a prefix of the log compacted"
    SnapshotSent "a snapshot sent"
    SnapshotInstalled "a snapshot installed"
    SnapshotOverTail "a snapshot installed over a conflicting tail"
    SnapshotKeptTail "a snapshot that agrees with the log keeps its tail"
    SnapshotIgnored "a snapshot at or below what is committed ignored"
    ReadConfirmed "a read confirmed by a quorum"
    ReadNotYetInTerm "a read refused before a commit in the term"
    ReadDropped "a read refused as the leader steps down"
    ChangeNotYetInTerm "a change refused before a commit in the term"
    ChangeInProgress "a change refused while another is not committed"
    NotCaughtUp "a promotion refused, the learner being behind"
    Promoted "a learner promoted"
    LeaderRemoved "a leader that removed itself steps down"
    TransferSent "a leader hands over"
    TransferWon "an election won by a hand-over"
    TransferAbandoned "a hand-over abandoned"
    ProposalHeldBack "a proposal refused during a hand-over"
    ProposalLost "a proposal with an unknown outcome"
    Retried "a retry answered from the session"
    SessionRefused "a request refused by its session"
    Busy "a proposal refused, too much being uncommitted"
}
