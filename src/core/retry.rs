//! The retry rule of a client's call: what may be sent again, which outcome may be reported, and which connection is left.
//!
//! A [`Call`] is told what came of each [`Attempt`], and says what to do [next](Next). It knows no clock: the library
//! that drives it waits, and calls [`Call::expired`] when the deadline has passed. Two rules are about safety:
//!
//! - A request without a ticket is never sent again after an attempt that may have been applied.
//! - Once an attempt may have been applied, only an answer that the log keeps for the request settles it. Any other refusal
//!   is one of the later attempt alone, and the first may still be applied.
//!
//! May import: nothing.

/// Whether a request may be sent again after an attempt with an unknown outcome.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Repeat {
    /// May be repeated, and an attempt without an answer does not matter: a read, or opening a session.
    Harmless,
    /// May be repeated, since the cluster applies a ticket once. If no attempt gets an answer, the outcome is unknown.
    Ticketed,
    /// Must not be repeated after an attempt without an answer: the request could be applied twice.
    Never,
}

/// What came of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Attempt {
    /// The node answered with the result.
    Answered,
    /// No connection could be opened, so nothing was sent.
    NotSent,
    /// Something was sent, and the connection broke or the answer did not come in time.
    NoAnswer,
    /// The node does not know the outcome: it lost its leadership while the request waited.
    Indeterminate,
    /// The request was refused.
    Refused(Refusal),
    /// The node is not the leader, and took nothing.
    NotLeader {
        /// Whether it named another node as the leader.
        hint: bool,
    },
    /// The node took nothing, since a queue or limit is full.
    Busy,
}

/// What a refusal says about the request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// The log has decided the request, whichever attempt brought it: under a ticket, every attempt gets this answer.
    Request,
    /// This attempt was refused. Another one may still be applied: a later attempt finds the session's window full, or its
    /// caller no longer permitted, while an earlier one is on its way.
    Attempt,
    /// The cluster no longer keeps the answer, so it cannot say whether the request was applied.
    Forgotten,
}

/// How a call continues.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Next {
    /// The call ends.
    End(Ending),
    /// Another attempt follows.
    Again {
        /// The node to send it to.
        to: Target,
        /// Whether to wait before it.
        pause: bool,
    },
}

/// What the caller is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// The result of the last attempt.
    Answer,
    /// The refusal of the last attempt. It is the outcome of the request.
    Refused,
    /// The request was not applied, and never will be.
    NotDone,
    /// The request may have been applied, or may be later.
    Unknown,
}

/// The node that the next attempt goes to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Target {
    /// The same node as before.
    Same,
    /// The leader that the node named.
    Hinted,
    /// Another node than before.
    Another,
}

/// One call, through all its attempts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Call {
    repeat: Repeat,
    /// Whether an attempt may have been applied, so that a later refusal is not the outcome. Never set for a read.
    maybe: bool,
    /// Hints followed without a pause since the last one.
    hints: u8,
    /// Times in a row that a node was too busy.
    busy: u8,
}

/// Hints that are followed without a pause: two nodes that name each other must not be asked in a loop.
const HINTS_MAX: u8 = 3;

/// Times in a row that the same node may be too busy. A leader that was deposed, or whose disk hangs, is busy for ever.
const BUSY_MAX: u8 = 3;

impl Call {
    /// A call that was not sent yet.
    #[must_use]
    pub const fn new(repeat: Repeat) -> Self {
        Self { repeat, maybe: false, hints: 0, busy: 0 }
    }

    /// A call whose request was sent by an earlier call, which ended as [`Ending::Unknown`].
    #[must_use]
    pub const fn resumed(repeat: Repeat) -> Self {
        Self { maybe: true, ..Self::new(repeat) }
    }

    /// What to do after an attempt.
    #[must_use]
    pub fn attempted(&mut self, attempt: Attempt) -> Next {
        match attempt {
            Attempt::Answered => Next::End(Ending::Answer),
            Attempt::Refused(refusal) => Next::End(self.refused(refusal)),
            Attempt::NoAnswer | Attempt::Indeterminate => {
                self.maybe |= self.repeat != Repeat::Harmless;
                if self.maybe && self.repeat == Repeat::Never {
                    return Next::End(Ending::Unknown);
                }
                self.again(Target::Another)
            }
            Attempt::NotSent | Attempt::NotLeader { hint: false } => self.again(Target::Another),
            Attempt::NotLeader { hint: true } => {
                self.hints = self.hints.saturating_add(1);
                self.busy = 0;
                Next::Again { to: Target::Hinted, pause: self.hints > HINTS_MAX }
            }
            Attempt::Busy => {
                self.busy = self.busy.saturating_add(1);
                if self.busy < BUSY_MAX {
                    return Next::Again { to: Target::Same, pause: true };
                }
                self.again(Target::Another)
            }
        }
    }

    fn again(&mut self, to: Target) -> Next {
        (self.busy, self.hints) = (0, 0);
        Next::Again { to, pause: true }
    }

    const fn refused(self, refusal: Refusal) -> Ending {
        match refusal {
            Refusal::Attempt if self.maybe => Ending::Unknown,
            Refusal::Request | Refusal::Attempt | Refusal::Forgotten => Ending::Refused,
        }
    }

    /// What the caller is told when the deadline has passed.
    #[must_use]
    pub const fn expired(&self) -> Ending {
        if self.maybe { Ending::Unknown } else { Ending::NotDone }
    }
}

impl Attempt {
    /// Whether the connection is of no more use. A node that answered, whatever it said, keeps its connection: others share
    /// it.
    #[must_use]
    pub const fn breaks_connection(self) -> bool {
        match self {
            Self::NotSent | Self::NoAnswer => true,
            Self::Answered | Self::Indeterminate | Self::Refused(_) | Self::NotLeader { .. } | Self::Busy => {
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// A node's session, and the copies of one request that are on their way to it.
    #[derive(Clone, Debug)]
    struct Cluster {
        /// Copies that may be taken later, or never.
        late: u8,
        applied: u8,
        /// The answer that the session keeps: applied, or refused by the state machine.
        kept: Option<bool>,
        /// Whether the request has a ticket, so that the log takes one copy only.
        ticketed: bool,
    }

    impl Cluster {
        /// A copy of the request reaches the log. `Some(true)`: applied; `Some(false)`: the state machine refuses it.
        fn take(&mut self, refuses: bool) -> bool {
            if let Some(kept) = self.kept.filter(|_| self.ticketed) {
                return kept;
            }
            let applies = !refuses;
            self.applied += u8::from(applies);
            self.kept = Some(applies);
            applies
        }
    }

    /// Every way in which one attempt can end, and what the cluster has done with the copy by then.
    fn attempts(before: &Cluster) -> Vec<(Attempt, Cluster)> {
        let mut all = vec![
            (Attempt::NotSent, before.clone()),
            (Attempt::NotLeader { hint: true }, before.clone()),
            (Attempt::NotLeader { hint: false }, before.clone()),
            (Attempt::Busy, before.clone()),
            (Attempt::Refused(Refusal::Attempt), before.clone()),
        ];
        for refuses in [false, true] {
            let mut taken = before.clone();
            let applied = taken.take(refuses);
            let answer = if applied { Attempt::Answered } else { Attempt::Refused(Refusal::Request) };
            all.push((answer, taken.clone()));
            all.extend([Attempt::NoAnswer, Attempt::Indeterminate].map(|lost| (lost, taken.clone())));
        }
        let late = Cluster { late: before.late + 1, ..before.clone() };
        all.extend([Attempt::NoAnswer, Attempt::Indeterminate].map(|lost| (lost, late.clone())));
        if before.late > 0 {
            // A late copy arrives before this attempt does.
            let mut arrived = Cluster { late: before.late - 1, ..before.clone() };
            let _taken = arrived.take(false);
            all.push((Attempt::Busy, arrived));
        }
        all
    }

    /// What the caller is told is true, also of copies that arrive afterwards.
    fn judge(ending: Ending, mut cluster: Cluster) {
        for late in 0..=cluster.late {
            if late > 0 {
                let _taken = cluster.take(false);
            }
            let applied = cluster.applied;
            assert!(applied <= 1, "applied {applied} times: {cluster:?}");
            match ending {
                Ending::Answer => assert_eq!(applied, 1, "{cluster:?}"),
                Ending::Refused | Ending::NotDone => assert_eq!(applied, 0, "{ending:?}, and {cluster:?}"),
                Ending::Unknown => {}
            }
        }
    }

    fn explore(call: Call, cluster: &Cluster, left: u8, ends: &mut u32) {
        judge(call.expired(), cluster.clone());
        for (attempt, after) in attempts(cluster).into_iter().filter(|_| left > 0) {
            let mut call = call;
            match call.attempted(attempt) {
                Next::End(ending) => {
                    *ends += 1;
                    judge(ending, after);
                }
                Next::Again { .. } => explore(call, &after, left - 1, ends),
            }
        }
    }

    /// Every sequence of attempts, with copies that arrive late or not at all: a request is applied once at most, and what
    /// is reported is so.
    #[test]
    fn what_is_reported_is_so_after_every_sequence_of_attempts() {
        for (repeat, ticketed) in [(Repeat::Ticketed, true), (Repeat::Never, false)] {
            let cluster = Cluster { late: 0, applied: 0, kept: None, ticketed };
            let mut ends = 0;
            explore(Call::new(repeat), &cluster, 4, &mut ends);
            assert!(ends > 500, "{repeat:?}: {ends}");
        }
    }

    /// A read is repeated whatever happens, and never has an unknown outcome.
    #[test]
    fn a_read_is_never_unknown() {
        let mut call = Call::new(Repeat::Harmless);
        for attempt in [Attempt::NoAnswer, Attempt::Indeterminate, Attempt::Busy, Attempt::NotSent] {
            assert!(matches!(call.attempted(attempt), Next::Again { .. }), "{attempt:?}");
            assert_eq!(call.expired(), Ending::NotDone, "{attempt:?}");
        }
        assert_eq!(call.attempted(Attempt::Refused(Refusal::Attempt)), Next::End(Ending::Refused));
    }

    #[test]
    fn a_busy_node_is_left_after_a_while_and_hints_are_followed_at_once_at_first() {
        let mut call = Call::new(Repeat::Ticketed);
        let same = Next::Again { to: Target::Same, pause: true };
        let another = Next::Again { to: Target::Another, pause: true };
        assert_eq!(
            [(); 6].map(|()| call.attempted(Attempt::Busy)),
            [same, same, another, same, same, another]
        );
        let hinted = |pause| Next::Again { to: Target::Hinted, pause };
        let hint = Attempt::NotLeader { hint: true };
        assert_eq!(
            [(); 4].map(|()| call.attempted(hint)),
            [hinted(false), hinted(false), hinted(false), hinted(true)]
        );
        assert_eq!(call.attempted(Attempt::NotLeader { hint: false }), another);
        assert_eq!(call.attempted(hint), hinted(false));
    }

    #[test]
    fn a_refusal_of_a_later_attempt_settles_nothing() {
        let mut call = Call::new(Repeat::Ticketed);
        assert_eq!(call.attempted(Attempt::NoAnswer), Next::Again { to: Target::Another, pause: true });
        assert_eq!(call.attempted(Attempt::Refused(Refusal::Attempt)), Next::End(Ending::Unknown));
        assert_eq!(call.attempted(Attempt::Refused(Refusal::Request)), Next::End(Ending::Refused));
        let mut first = Call::new(Repeat::Ticketed);
        assert_eq!(first.attempted(Attempt::Refused(Refusal::Attempt)), Next::End(Ending::Refused));
    }
}
