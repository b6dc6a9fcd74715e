//! Encodes messages as bytes, and decodes them.

use super::MESSAGE_BYTES_MAX;
use crate::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use crate::core::raft::{Body, Message};

/// Encodes a message with postcard.
///
/// # Errors
/// The reason, if the message exceeds [`MESSAGE_BYTES_MAX`] or cannot be encoded: no peer would accept it.
pub fn encode(message: &Message<ControlPlaneEntry>) -> Result<Vec<u8>, String> {
    let bytes = message.encode().map_err(|error| error.to_string())?;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(format!("{} bytes, at most {MESSAGE_BYTES_MAX}", bytes.len()));
    }
    Ok(bytes)
}

/// Decodes a message, which must use up all bytes. The state of a snapshot is decoded as well: here it takes nobody's time.
///
/// # Errors
/// The reason, if the bytes are not a message or its snapshot has no state.
pub fn decode(bytes: &[u8]) -> Result<Message<ControlPlaneEntry>, String> {
    let message = Message::decode(bytes).map_err(|error| error.to_string())?;
    if let Body::Install(snapshot) = &message.body {
        snapshot.prepare::<ControlPlaneState>().map_err(|error| error.to_string())?;
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::super::{FRAME_BYTES, MESSAGE_BYTES_MAX};
    use super::{decode, encode};
    use crate::core::control_plane::ControlPlaneState;
    use crate::core::control_plane::{
        AUDIT_ENTRIES_MAX, Address, Answer, ClusterVoterIdentity, PartitionName, STORES_MAX, StoreEndpoints,
        StoreIdentity, StoreKind, StoreName,
    };
    use crate::core::ids::{
        ClusterId, DirectoryId, Epoch, HistoryId, Incarnation, Index, MigrationId, NodeId, PartitionId,
        Placement, Position, SessionId, Term,
    };
    use crate::core::migration::{
        Caps, CutoverFacts, Debt, Held, Kept, MigrationError, OldCopy, PartitionRecord, Placed,
    };
    use crate::core::placement::{Guarantee, PartitionState, Phase};
    use crate::core::raft::{Body, Durable, Message, NodeLimits, Peer, SessionLimits, Snapshot};
    use std::sync::Arc;

    fn encoded<T: serde::Serialize>(value: &T) -> usize {
        postcard::to_allocvec(value).unwrap().len()
    }

    /// A digest, of the longest numbers.
    fn of_largest<T: serde::de::DeserializeOwned>() -> T {
        let bytes = postcard::to_allocvec(&(u128::MAX, u128::MAX)).unwrap();
        postcard::from_bytes(&bytes).unwrap()
    }

    /// A record in which every number is the longest, and nothing is left out.
    fn longest() -> PartitionRecord {
        let (placement, copy, epoch) = (Placement(u64::MAX), MigrationId(u64::MAX), Epoch(u64::MAX));
        let target = Incarnation(u64::MAX);
        let old = OldCopy {
            placement,
            copy,
            sealed_through: Some(epoch),
            retiring: true,
            late_before: Some(epoch),
        };
        let position = Some(Position(u64::MAX));
        let placed = Placed {
            state: PartitionState::Migrating { from: placement, to: placement, phase: Phase::Cutover },
            owned_since: epoch,
            copy,
            opened: true,
            guarantee: Guarantee::Timed,
            cutover: Some(CutoverFacts {
                draining: epoch,
                target,
                watermark: position,
                digest: Some(of_largest()),
            }),
            debt: Some(Debt { placement, through: epoch, migration: copy, copy, target, copied: position }),
            held: Some(Held { migration: copy, phase: Phase::Cutover, draining: epoch }),
            kept: Some(Kept { migration: copy, placement }),
        };
        PartitionRecord {
            partition: PartitionId(u64::MAX),
            epoch,
            migration: copy,
            placed: Some(placed),
            old_copies: vec![old; Caps::PRODUCTION.old_copies_per_partition.try_into().unwrap()],
        }
    }

    /// The engine is given the state, and has nothing left to decode.
    #[test]
    fn a_snapshot_arrives_decoded() {
        let limits = SessionLimits::PRODUCTION;
        let machine = ControlPlaneState::new(ClusterId(1), Caps::PRODUCTION, []);
        let snapshot = Durable::joining(limits, machine).unwrap().snapshot;
        assert!(!snapshot.data.is_decoded());
        let peer = |node| Peer { node: NodeId(node), directory: DirectoryId(1) };
        let message = |snapshot| Message {
            history: HistoryId(1),
            from: peer(1),
            to: peer(2),
            admitted: Index(1),
            term: Term(1),
            body: Body::Install(snapshot),
        };
        let arrived = decode(&encode(&message(Arc::clone(&snapshot))).unwrap()).unwrap();
        let Body::Install(arrived) = arrived.body else { panic!("a snapshot") };
        assert!(arrived.data.is_decoded());
        assert_eq!(arrived, snapshot);
        let broken = Snapshot { data: vec![0xff].into(), ..(*snapshot).clone() };
        let refused = decode(&encode(&message(Arc::new(broken))).unwrap()).unwrap_err();
        assert!(refused.contains("the snapshot at t0.0 cannot be read"), "{refused}");
    }

    #[test]
    fn the_snapshot_of_the_fullest_table_fits() {
        let of = |count: u32| usize::try_from(count).unwrap();
        let number = encoded(&u64::MAX);
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
        let differs = MigrationError::DigestDiffers { have: of_largest(), expected: of_largest() };
        assert!(encoded(&Answer::Refused(differs)) <= answer);
        let SessionLimits { sessions_max, answers_max } = SessionLimits::PRODUCTION;
        let session = 4 * encoded(&SessionId(u64::MAX)) + usize::from(answers_max) * answer;
        let node = 64 + of(ClusterVoterIdentity::BYTES_MAX) + 2 * Address::BYTES_MAX;
        let endpoints = StoreEndpoints::COUNT_MAX * (2 + Address::BYTES_MAX);
        let texts = StoreName::BYTES_MAX + StoreKind::BYTES_MAX + StoreIdentity::BYTES_MAX;
        let store = 64 + endpoints + texts;
        // An audit keeps changes of the stores whole, and no longer entry.
        let stores = (of(STORES_MAX) + of(AUDIT_ENTRIES_MAX)) * store;
        let members = usize::from(u8::MAX) * node;
        let most = partitions + usize::from(sessions_max) * session + members + stores + 4096;
        assert!(most <= MESSAGE_BYTES_MAX, "{most} bytes");
        assert!(most > MESSAGE_BYTES_MAX / 2, "{most} bytes: half of the bound would do");
        let NodeLimits { append_entries_max, entry_bytes_max, .. } = NodeLimits::PRODUCTION;
        assert!(of(append_entries_max) * of(entry_bytes_max) + 4096 <= FRAME_BYTES, "an append is one frame");
    }
}
