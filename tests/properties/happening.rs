//! Random events in a run of the placement table.

use super::some::{placement, write_id};
use super::world::{PARTITIONS, PLACEMENTS, enforcement};
use cutover::core::fence::Enforcement;
use cutover::core::ids::{Placement, WriteId};
use cutover::core::migration::AbortReason;
use cutover::core::placement::Guarantee;
use proptest::prelude::*;
use proptest::sample::Index;

/// The kind of transition to propose; its contents are chosen when it is proposed.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Create(Placement, Guarantee),
    Open,
    Begin(Placement),
    StartBlock,
    EnterCutover,
    EnterTimedCutover,
    RecordWatermark,
    Complete,
    Abort(AbortReason),
    Force { partial: bool },
    SettleSealed,
    SettleClosed,
    SettleDropped,
    Retire,
    Forget,
    Delete,
}

/// An event in a run of the table.
#[derive(Clone, Debug)]
pub enum TableEvent {
    /// A command is committed. It names the present record or an earlier one; its statement is any of the needed
    /// kind.
    Commit { partition: u64, kind: Kind, stale: Option<Index>, said: Index, last: bool },
    /// A store is asked for what the present record, or an earlier one, requires.
    Ask { partition: u64, store: Placement, what: u8, stale: Option<Index> },
    /// A controller takes steps until it has to wait; all its messages arrive.
    Drive { partition: u64, took_over: bool, wait_over: bool },
    /// A client's write arrives at a store, with a token near the present epoch.
    Write { partition: u64, store: Placement, id: WriteId, behind: u64 },
    /// The mover copies a part.
    Copy { partition: u64 },
    /// A store forgets its changes up to this many before the last.
    Trim { partition: u64, store: Placement, left: u64 },
    /// A store loses its disk.
    Wipe { partition: u64, store: Placement },
    /// The log is restored from a backup, which raises the lowest epoch and migration id.
    Floor { epoch: u64, migration: u64 },
}

/// Any event.
pub fn happening() -> impl Strategy<Value = TableEvent> {
    let partition = || 0..PARTITIONS;
    let stale = || prop::option::weighted(0.15, any::<Index>());
    let kind = prop_oneof![
        // Sometimes with a guarantee that the store cannot give: such a partition cannot be opened.
        4 => (placement(PLACEMENTS), prop::bool::weighted(0.1)).prop_map(|(at, wrong)| {
            let timed = (enforcement(at) == Enforcement::Nothing) != wrong;
            Kind::Create(at, if timed { Guarantee::Timed } else { Guarantee::Sealed })
        }),
        1 => Just(Kind::Open),
        5 => placement(PLACEMENTS).prop_map(Kind::Begin),
        1 => Just(Kind::StartBlock),
        2 => Just(Kind::EnterCutover),
        1 => Just(Kind::EnterTimedCutover),
        1 => Just(Kind::RecordWatermark),
        2 => Just(Kind::Complete),
        2 => prop::sample::select(vec![AbortReason::Operator, AbortReason::Digest]).prop_map(Kind::Abort),
        4 => any::<bool>().prop_map(|partial| Kind::Force { partial }),
        1 => Just(Kind::SettleSealed),
        2 => Just(Kind::SettleClosed),
        2 => Just(Kind::SettleDropped),
        2 => Just(Kind::Retire),
        1 => Just(Kind::Forget),
        1 => Just(Kind::Delete),
    ];
    prop_oneof![
        10 => (partition(), kind, stale(), any::<Index>(), prop::bool::weighted(0.8)).prop_map(
            |(partition, kind, stale, said, last)| TableEvent::Commit { partition, kind, stale, said, last }
        ),
        4 => (partition(), placement(PLACEMENTS), 0_u8..6, stale()).prop_map(|(partition, store, what, stale)| {
            TableEvent::Ask { partition, store, what, stale }
        }),
        6 => (partition(), any::<bool>(), any::<bool>()).prop_map(|(partition, took_over, wait_over)| {
            TableEvent::Drive { partition, took_over, wait_over }
        }),
        3 => (partition(), placement(PLACEMENTS), write_id(2, 9), 0_u64..3).prop_map(
            |(partition, store, id, behind)| TableEvent::Write { partition, store, id, behind }
        ),
        4 => partition().prop_map(|partition| TableEvent::Copy { partition }),
        1 => (partition(), placement(PLACEMENTS), 0_u64..3)
            .prop_map(|(partition, store, left)| TableEvent::Trim { partition, store, left }),
        1 => (partition(), placement(PLACEMENTS))
            .prop_map(|(partition, store)| TableEvent::Wipe { partition, store }),
        1 => (0_u64..60, 0_u64..30).prop_map(|(epoch, migration)| TableEvent::Floor { epoch, migration }),
    ]
}
