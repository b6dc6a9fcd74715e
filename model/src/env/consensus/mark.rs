//! Situations that a scope may require its search to reach: the marks of the core, and those that only the whole
//! cluster shows.

use cutover::core::raft;

cutover::core::marks! {
    /// A situation that only the whole cluster shows.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(u8)]
    pub enum Mark {
        LeaderFirst "a leader in term 1",
        LeaderSecond "a leader in term 2",
        LeaderThird "a leader in term 3",
        LeaderFourth "a leader in term 4",
        TwoLeaders "two nodes that take themselves for leaders",
        CrashLost "a crash took back what was not synced",
        CrashKept "a crash kept what was not answered",
        CommitAfterCrash "a commit after a crash",
        CallNotDone "a call that reports that nothing was done",
        LateArrival "a request that arrives after its client has given it up",
        ReadServed "a read served",
        ReadRefused "a read refused",
        ReadByDeposed "a read asked of a leader that was deposed without knowing",
        RetriedElsewhere "a retry applied once, under another leader",
        Wiped "a node came back with an empty disk",
        Joined "a node with an empty disk has what is committed",
        ChangeCommitted "a change of the members committed",
        SnapshotOfAll "a snapshot with a session and a change of the members in it over a conflicting tail",
        SessionOverSnapshot "a request under a session that came with a snapshot",
    }
}

impl From<Mark> for &'static str {
    fn from(mark: Mark) -> Self {
        mark.text()
    }
}

/// Number of the first mark of this module; those of the core come before.
const OWN: usize = raft::Mark::ALL.len();

impl Mark {
    /// The mark as a bit of a set.
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << (OWN + self as usize)
    }

    /// A mark of the core as a bit of a set.
    #[must_use]
    pub const fn of(mark: raft::Mark) -> u64 {
        1 << (mark as usize)
    }

    /// The texts of all marks, in the order of their bits.
    pub(super) fn texts() -> Vec<&'static str> {
        let core = raft::Mark::ALL.iter().map(|mark| mark.text());
        core.chain(Self::ALL.iter().map(|mark| mark.text())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_marks_fit_into_one_set() {
        assert!(OWN + Mark::ALL.len() <= 64);
    }
}
