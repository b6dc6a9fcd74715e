//! What operators order of moves: to wait before writes are blocked, to end in time, to drain a store, to drop what was left behind.

use super::near::Near;
use super::{
    A, B, Board, Duration, MigrationId, MoveOrder, Node, OrderChange, OrderOf, PATIENT, PartitionId,
    PartitionState, Transition, write,
};
use cutover::core::control_plane::Drain;
use cutover::core::ids::Placement;
use cutover::core::migration::AbortReason;

impl Node {
    fn aborted(&self, partition: u64) -> Option<(Placement, AbortReason)> {
        let view = self.handle.latest().unwrap();
        view.state().orders().aborted(PartitionId(partition)).map(|aborted| (aborted.to, aborted.why))
    }

    fn drained(&self) -> bool {
        self.handle.latest().unwrap().state().orders().drains().next().is_none()
    }

    fn moving(&self) -> usize {
        let view = self.handle.latest().unwrap();
        let placed = view.state().table().records().filter_map(|record| record.placed);
        placed.filter(|placed| placed.state.is_migrating()).count()
    }

    async fn filled(&self, near: &Near, partition: u64, rows: u64) {
        self.create(partition).await;
        for serial in 1..=rows {
            near.applied(A, partition, write(serial, self.token(partition))).await;
        }
    }

    /// Waits until the target's copy has all rows and all writes.
    async fn caught_up(&self, board: &Board, partition: u64) {
        for _ in 0..2_000 {
            let progress = board.progress(PartitionId(partition));
            let both = progress.and_then(|progress| Some((progress.source?, progress.target?)));
            if both.is_some_and(|(source, target)| target.complete && target == source) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never caught up: {:?}", board.progress(PartitionId(partition)));
    }
}

const HOLD: MoveOrder = MoveOrder {
    hold: true,
    blocked_budget_ms: None,
    bytes_per_second: None,
    keep_source_s: None,
    reason: None,
};
const GO: MoveOrder = MoveOrder { hold: false, ..HOLD };

#[tokio::test(flavor = "multi_thread")]
async fn a_held_move_catches_up_and_blocks_no_write_until_it_may() {
    let (node, near, board) = (Node::new().await, Near::new(), Board::default());
    let first = node.showing(near.clone(), PATIENT, board.clone());
    node.filled(&near, 1, 150).await;
    node.begin_with(1, B, HOLD).await;
    let migration = node.record(1).unwrap().migration;
    node.caught_up(&board, 1).await;
    let progress = board.progress(PartitionId(1)).unwrap();
    let (rows, bytes) = progress.target.map(|size| (size.rows, size.bytes)).unwrap();
    assert_eq!(rows, 150);
    let one = |serial: u64| u64::try_from(format!("row 001written by {serial}").len()).unwrap();
    assert_eq!(bytes, (1..=150).map(one).sum::<u64>(), "the bytes of keys and values");
    // Another controller takes over: the log has the order.
    first.abort();
    let _ended = first.await;
    let _second = node.showing(near.clone(), PATIENT, board.clone());
    for serial in 151..=200 {
        near.applied(A, 1, write(serial, node.token(1))).await;
    }
    node.caught_up(&board, 1).await;
    let placed = node.record(1).unwrap().placed.unwrap();
    assert!(placed.state.is_migrating() && placed.cutover.is_none(), "{placed:?}");
    node.order(OrderChange::Order { partition: PartitionId(1), of: OrderOf::Move(migration), order: GO })
        .await;
    node.arrived(1, B).await;
    let finished = board.finished(PartitionId(1)).unwrap();
    assert!(finished.completed && finished.migration == migration, "{finished:?}");
    assert!(finished.blocked < finished.driven, "it was held for most of the time: {finished:?}");
    assert_eq!(near.rows(B, 1, node.token(1)).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_moves_are_paused_copies_go_on_and_none_blocks_writes() {
    let (node, near, board) = (Node::new().await, Near::new(), Board::default());
    let _controllers = node.showing(near.clone(), PATIENT, board.clone());
    node.filled(&near, 1, 50).await;
    node.order(OrderChange::Pause { paused: true }).await;
    node.begin(1, B).await;
    node.caught_up(&board, 1).await;
    near.applied(A, 1, write(51, node.token(1))).await;
    node.caught_up(&board, 1).await;
    assert!(node.record(1).unwrap().placed.unwrap().cutover.is_none());
    node.order(OrderChange::Pause { paused: false }).await;
    node.arrived(1, B).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_moves_are_paused_drains_begin_nothing() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.filled(&near, 1, 5).await;
    let before = node.record(1);
    node.order(OrderChange::Pause { paused: true }).await;
    node.order(OrderChange::Drain { from: A, drain: Drain { to: B, order: GO } }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(node.record(1), before, "a drain has begun a move");
    node.order(OrderChange::Pause { paused: false }).await;
    node.arrived(1, B).await;
}

/// A budget that is ordered counts in place of the leader's, and the log says what ended the move, until another one begins.
#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_budget_ends_a_block_and_the_log_says_so() {
    let near = Near::new();
    let mute = super::slips::Mute::new(&near);
    let node = Node::new().await;
    let config = super::ControllersConfig { deadline: Duration::from_millis(50), ..PATIENT };
    let _controllers = node.controllers(mute.clone(), config);
    node.filled(&near, 1, 100).await;
    assert_eq!(node.aborted(1), None);
    node.begin_with(1, B, MoveOrder { blocked_budget_ms: Some(300), ..GO }).await;
    node.until(1, "the move is aborted", |record| {
        record.placed.unwrap().state == PartitionState::Active(A) && record.is_settled()
    })
    .await;
    assert_eq!(node.aborted(1), Some((B, AbortReason::Budget)), "the leader's budget is a minute");
    mute.speaks();
    node.begin(1, B).await;
    assert_eq!(node.aborted(1), None, "another move has begun");
    node.arrived(1, B).await;
}

/// An order is of the move that it was made for. Another one that begins first is not held, and leaves nothing of the order.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_a_move_that_another_one_preceded_is_void() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.create(1).await;
    let of = OrderOf::Next { expected: node.record(1).unwrap().expected(), to: A };
    node.order(OrderChange::Order { partition: PartitionId(1), of, order: HOLD }).await;
    node.begin(1, B).await;
    node.arrived(1, B).await;
    node.begin(1, A).await;
    node.arrived(1, A).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_drained_whoever_leads() {
    const ALL: u64 = 30;
    let (node, near) = (Node::new().await, Near::new());
    let mut controllers = node.controllers(near.clone(), PATIENT);
    for partition in 1..=ALL {
        node.filled(&near, partition, 5).await;
    }
    let created: Vec<MigrationId> =
        (1..=ALL).map(|partition| node.record(partition).unwrap().migration).collect();
    let order = MoveOrder { keep_source_s: Some(0), ..GO };
    node.order(OrderChange::Drain { from: A, drain: Drain { to: B, order } }).await;
    let mut most = 0;
    for round in 0..4_000 {
        if node.drained() {
            break;
        }
        assert!(round < 3_999, "it never ends");
        most = most.max(node.moving());
        if round % 40 == 20 && round < 200 {
            controllers.abort();
            let _ended = controllers.await;
            controllers = node.controllers(near.clone(), PATIENT);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((1..=2).contains(&most), "the caps allow two at one store, found {most}");
    let mut last = MigrationId(0);
    for (partition, created) in (1..=ALL).zip(created) {
        node.arrived(partition, B).await;
        node.until(partition, "its source's copy is dropped", |record| record.old_copies.is_empty()).await;
        assert_eq!(near.rows(B, partition, node.token(partition)).await, 5);
        let migration = node.record(partition).unwrap().migration;
        assert!(migration > created, "partition {partition} has moved");
        last = last.max(migration);
    }
    // Each replaced controller may have cost the moves under way an abort.
    assert!(last.0 <= ALL * 2 + 5 * 2, "{last} is more moves than partitions and aborts");
}

/// A store that has nothing, and is about to get a partition, is not drained yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_what_moves_to_the_store() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.filled(&near, 1, 5).await;
    node.begin(1, B).await;
    node.arrived(1, B).await;
    node.begin_with(1, A, HOLD).await;
    node.order(OrderChange::Drain { from: A, drain: Drain { to: B, order: GO } }).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!node.drained(), "a partition moves to the store");
    let of = OrderOf::Move(node.record(1).unwrap().migration);
    node.order(OrderChange::Order { partition: PartitionId(1), of, order: GO }).await;
    for _ in 0..2_000 {
        if node.drained() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(node.drained(), "it ends");
    node.arrived(1, B).await;
}

/// A move of a drain that ends without the partition is begun again, and an ended drain begins none.
#[tokio::test(flavor = "multi_thread")]
async fn a_drain_begins_again_what_was_aborted_until_it_is_ended() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.filled(&near, 1, 5).await;
    node.order(OrderChange::Drain { from: A, drain: Drain { to: B, order: HOLD } }).await;
    let begun = |after: MigrationId| move |record: &super::PartitionRecord| record.migration > after;
    let mut migration = node.record(1).unwrap().migration;
    for _ in 0..2 {
        node.until(1, "the drain begins a move", begun(migration)).await;
        let record = node.record(1).unwrap();
        migration = record.migration;
        let (expected, why) = (record.expected(), AbortReason::Operator);
        node.propose(1, Transition::Abort { expected, why }).await;
        assert_eq!(node.aborted(1), Some((B, AbortReason::Operator)));
    }
    node.order(OrderChange::EndDrain { from: A }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let now = node.record(1).unwrap();
    assert!(now.migration == migration || now.placed.unwrap().state.is_migrating(), "{now:?}");
    let ended = now.migration;
    if now.placed.unwrap().state.is_migrating() {
        let (expected, why) = (now.expected(), AbortReason::Operator);
        node.propose(1, Transition::Abort { expected, why }).await;
    }
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(node.record(1).unwrap().migration, ended, "an ended drain begins nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_keeps_its_copy_as_long_as_ordered() {
    let (node, near) = (Node::new().await, Near::new());
    let _controllers = node.controllers(near.clone(), PATIENT);
    node.filled(&near, 1, 5).await;
    node.filled(&near, 2, 5).await;
    node.begin_with(1, B, MoveOrder { keep_source_s: Some(3_600), ..GO }).await;
    node.begin_with(2, B, MoveOrder { keep_source_s: Some(1), ..GO }).await;
    node.arrived(1, B).await;
    node.arrived(2, B).await;
    node.until(2, "the copy of the second is dropped", |record| record.old_copies.is_empty()).await;
    let first = node.record(1).unwrap();
    assert!(first.old_copies.iter().any(|old| !old.retiring), "{first:?}");
    let view = node.handle.latest().unwrap();
    let kept: Vec<_> = view.state().orders().retirements().collect();
    let [(PartitionId(1), one)] = kept[..] else { panic!("{kept:?}") };
    assert!(one.placement == A && one.keep_s == 3_600 && one.at_s.is_some(), "{one:?}");
}
