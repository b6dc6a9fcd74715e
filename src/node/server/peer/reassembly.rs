//! A peer's messages, put together from frames in memory that has a bound.

use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one frame. Whatever is no snapshot fits into one: an append has at most 64 entries of 4096 bytes.
pub(super) const FRAME_BYTES: usize = 1 << 20;
/// Bytes of one message of a member, encoded: the snapshot of the fullest table fits, as the test below works out.
pub(super) const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Bytes of one message of somebody who is listened to in elections only: a vote has fewer than a hundred.
pub(super) const VOTE_BYTES_MAX: usize = 1 << 10;

/// A message that is longer than any that this speaker has to say.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("a message of at least {have} bytes, at most {max} are taken")]
pub(super) struct TooLong {
    have: usize,
    max: usize,
}

/// Leave to take a message of more than one frame: one of them at a time, whoever sends it.
#[derive(Clone, Debug)]
pub struct LargeMessages(Arc<Semaphore>);

impl Default for LargeMessages {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

/// The message that one stream is in the middle of.
#[derive(Debug)]
pub(super) struct Reassembly {
    bytes: Vec<u8>,
    /// All that came of it, with what was not kept.
    have: usize,
    leave: Option<OwnedSemaphorePermit>,
    large: LargeMessages,
}

/// What a frame made of a message.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Reassembled {
    /// There is more to come.
    Unfinished,
    /// It is whole.
    Whole(Vec<u8>),
    /// It is over, and lost, as on a bad network: another large one was under way.
    Lost,
}

impl Reassembly {
    pub(super) const fn new(large: LargeMessages) -> Self {
        Self { bytes: Vec::new(), have: 0, leave: None, large }
    }

    /// Takes a frame of a message that has at most so many bytes.
    pub(super) fn take(&mut self, data: &[u8], last: bool, max: usize) -> Result<Reassembled, TooLong> {
        let first = self.have == 0;
        self.have = self.have.saturating_add(data.len());
        if self.have > max {
            return Err(TooLong { have: self.have, max });
        }
        if first && !last && self.leave.is_none() {
            self.leave = Arc::clone(&self.large.0).try_acquire_owned().ok();
        }
        let kept = self.leave.is_some() || (first && last);
        if kept {
            self.bytes.extend_from_slice(data);
        }
        if !last {
            return Ok(Reassembled::Unfinished);
        }
        (self.have, self.leave) = (0, None);
        let bytes = std::mem::take(&mut self.bytes);
        Ok(if kept { Reassembled::Whole(bytes) } else { Reassembled::Lost })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::control_plane::{Address, Answer, ClusterVoterIdentity, PartitionName};
    use crate::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, SessionId};
    use crate::core::migration::{
        Caps, CutoverFacts, Debt, MigrationError, OldCopy, PartitionRecord, Placed,
    };
    use crate::core::placement::{Guarantee, PartitionState, Phase};
    use crate::core::raft::{Limits, SessionLimits};

    fn encoded<T: serde::Serialize>(value: &T) -> usize {
        postcard::to_allocvec(value).unwrap().len()
    }

    /// A record in which every number is the longest, and nothing is left out.
    fn longest() -> PartitionRecord {
        let (placement, copy, epoch) = (Placement(u16::MAX), MigrationId(u64::MAX), Epoch(u64::MAX));
        let target = Incarnation(u64::MAX);
        let old = OldCopy { placement, copy, sealed_through: Some(epoch), retiring: true };
        let placed = Placed {
            state: PartitionState::Migrating { from: placement, to: placement, phase: Phase::Cutover },
            owned_since: epoch,
            copy,
            opened: true,
            guarantee: Guarantee::Timed,
            cutover: Some(CutoverFacts { draining: epoch, target, watermark: Some(Position(u64::MAX)) }),
            debt: Some(Debt { placement, through: epoch, migration: copy, copy, target }),
        };
        PartitionRecord {
            partition: PartitionId(u32::MAX),
            epoch,
            migration: copy,
            placed: Some(placed),
            old_copies: vec![old; Caps::PRODUCTION.old_copies_per_partition.try_into().unwrap()],
        }
    }

    #[test]
    fn the_snapshot_of_the_fullest_table_fits() {
        let of = |count: u32| usize::try_from(count).unwrap();
        let number = encoded(&u32::MAX);
        // The table has a partition by its number, the directory by its name and by its number.
        let named = 2 * (number + encoded(&"n".repeat(PartitionName::BYTES_MAX)));
        let partitions = of(Caps::PRODUCTION.partitions) * (number + encoded(&longest()) + named);
        let stale = MigrationError::StaleExpectation {
            expected_migration: MigrationId(u64::MAX),
            expected_epoch: Epoch(u64::MAX),
            migration: MigrationId(u64::MAX),
            epoch: Epoch(u64::MAX),
        };
        // No answer is twice as long as one with four of the longest numbers.
        let answer = 2 * encoded(&Answer::Refused(stale));
        let SessionLimits { sessions_max, answers_max } = SessionLimits::PRODUCTION;
        let session = 4 * encoded(&SessionId(u64::MAX)) + usize::from(answers_max) * answer;
        let node = 64 + of(ClusterVoterIdentity::BYTES_MAX) + 2 * Address::BYTES_MAX;
        let most = partitions + usize::from(sessions_max) * session + usize::from(u8::MAX) * node + 4096;
        assert!(most <= MESSAGE_BYTES_MAX, "{most} bytes");
        assert!(most > MESSAGE_BYTES_MAX / 2, "{most} bytes: half of the bound would do");
        let Limits { append_entries_max, entry_bytes_max, .. } = Limits::PRODUCTION;
        assert!(of(append_entries_max) * of(entry_bytes_max) + 4096 <= FRAME_BYTES, "an append is one frame");
    }

    #[test]
    fn one_large_message_is_taken_at_a_time() {
        let large = LargeMessages::default();
        let (mut one, mut two) = (Reassembly::new(large.clone()), Reassembly::new(large));
        assert_eq!(one.take(b"ab", false, 4), Ok(Reassembled::Unfinished));
        assert_eq!(two.take(b"x", false, 4), Ok(Reassembled::Unfinished));
        assert_eq!(one.take(b"c", true, 4), Ok(Reassembled::Whole(b"abc".to_vec())));
        assert_eq!(two.take(b"y", true, 4), Ok(Reassembled::Lost), "its beginning was not kept");
        assert_eq!(one.take(b"a", false, 4), Ok(Reassembled::Unfinished));
        assert_eq!(
            two.take(b"small", true, 5),
            Ok(Reassembled::Whole(b"small".to_vec())),
            "one frame needs no leave"
        );
        let long = one.take(b"bcde", true, 4).unwrap_err();
        assert_eq!(long.to_string(), "a message of at least 5 bytes, at most 4 are taken");
        drop(one);
        assert_eq!(two.take(b"ab", false, 4), Ok(Reassembled::Unfinished));
        assert_eq!(
            two.take(b"", true, 4),
            Ok(Reassembled::Whole(b"ab".to_vec())),
            "who is gone leaves the place"
        );
    }
}
