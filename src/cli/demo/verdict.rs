//! What became of the acknowledged writes: whether one was lost or done twice, and how long moves kept them waiting.

use super::clock::Micros;
use super::event::{client, ledger_row};
use super::history::Write;
use super::moves::{Change, Stage};
use crate::core::placement::PartitionState;
use std::collections::{BTreeMap, BTreeSet};

/// The rows of ledgers as they are at the end.
pub(super) type Ledger = BTreeMap<(u64, u64), Option<i64>>;

/// How many acknowledged writes are missing: a row of a ledger has to have the value that was acknowledged last, or one that was written
/// after it, or one of which nobody knows when it took effect.
pub(super) fn lost(writes: &[Write], ledger: &Ledger) -> u64 {
    let mut rows: BTreeMap<(u64, u64), Vec<&Write>> = BTreeMap::new();
    for write in writes {
        rows.entry(ledger_row(write.value)).or_default().push(write);
    }
    let mut lost = 0;
    for (row, mut writes) in rows {
        let found = ledger.get(&row).copied().flatten();
        let there = writes.iter().find(|write| Some(write.value) == found).copied();
        if there.is_some_and(|write| write.acknowledged.is_none()) {
            continue;
        }
        writes.retain(|write| write.acknowledged.is_some());
        let since = there.and_then(|write| write.acknowledged);
        lost +=
            writes.iter().filter(|write| since.is_none_or(|since| write.acknowledged > Some(since))).count();
    }
    lost as u64
}

/// How many writes took effect more often than they should have. Each effect has a position of the partition, one after the other: of
/// those after `first` and before `last`, each is that of a write that was acknowledged, or of one of which nobody knows.
pub(super) fn duplicates(writes: &[Write], (first, last): (u64, u64)) -> u64 {
    let positions: Vec<u64> = writes.iter().filter_map(|write| Some(write.acknowledged?.1)).collect();
    let distinct: BTreeSet<u64> =
        positions.iter().copied().filter(|position| (first + 1..last).contains(position)).collect();
    let unknown = (writes.len() - positions.len()) as u64;
    let effects = last.saturating_sub(first + 1);
    let unclaimed = effects.saturating_sub(distinct.len() as u64);
    (positions.len() - distinct.len()) as u64 + unclaimed.saturating_sub(unknown)
}

/// A move that has arrived: when it blocked writes and when it flipped, and the position of the source's last write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Arrival {
    pub(super) begun: Micros,
    pub(super) blocked: Micros,
    pub(super) flipped: Micros,
    pub(super) watermark: Option<u64>,
}

/// The moves that arrived, from what the log said.
pub(super) fn arrivals(changes: &[Change]) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    let (mut target, mut begun, mut blocked, mut watermark) = (None, 0, None, None);
    for change in changes {
        match change.state {
            PartitionState::Migrating { to, .. } => {
                if target.is_none() {
                    (target, begun) = (Some(to), change.time);
                }
                if change.stage == Stage::Blocked {
                    blocked = blocked.or(Some(change.time));
                }
                watermark = change.watermark.map(|position| position.0);
            }
            PartitionState::Active(at) => {
                if target == Some(at) {
                    let (flipped, blocked) = (change.time, blocked.unwrap_or(change.time));
                    arrivals.push(Arrival { begun, blocked, flipped, watermark });
                }
                (target, blocked, watermark) = (None, None, None);
            }
        }
    }
    arrivals
}

/// How long each writer's own register was blocked by each move: from the last acknowledgement at the source to the first at the target.
/// Of a writer that was killed in between, nothing is said. Sorted.
pub(super) fn blocked(writes: &[Write], arrivals: &[Arrival]) -> Vec<Micros> {
    let mut acknowledged: BTreeMap<u64, Vec<(u64, Micros)>> = BTreeMap::new();
    for write in writes.iter().filter(|write| write.key == client(write.process)) {
        if let Some((time, position)) = write.acknowledged {
            acknowledged.entry(write.process).or_default().push((position, time));
        }
    }
    let mut blocked = Vec::new();
    for one in acknowledged.values_mut() {
        one.sort_unstable();
        for watermark in arrivals.iter().filter_map(|arrival| arrival.watermark) {
            let after = one.partition_point(|(position, _)| *position <= watermark);
            let before = after.checked_sub(1).and_then(|at| one.get(at));
            if let (Some((_, last)), Some((_, first))) = (before, one.get(after)) {
                blocked.push(first.saturating_sub(*last));
            }
        }
    }
    blocked.sort_unstable();
    blocked
}

/// The value that `percent` of the sorted values do not exceed.
pub(super) fn percentile(sorted: &[Micros], percent: usize) -> Micros {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::demo::event::{LEDGER, process, value};
    use crate::core::ids::{Placement, Position};
    use crate::core::placement::Phase;

    fn write(serial: u64, acknowledged: Option<(Micros, u64)>) -> Write {
        let process = process(3, 0);
        Write { process, key: 3, value: value(process, serial), begun: serial, acknowledged }
    }

    fn ledger(serials: &[u64]) -> Ledger {
        let rows = serials.iter().map(|serial| value(process(3, 0), *serial));
        rows.map(|value| (ledger_row(value), Some(value))).collect()
    }

    #[test]
    fn a_write_is_lost_if_its_row_has_an_earlier_value_or_none() {
        let second = LEDGER + 1;
        let writes = [write(1, Some((1, 11))), write(2, Some((2, 12))), write(second, Some((3, 13)))];
        assert_eq!(lost(&writes, &ledger(&[2, second])), 0);
        assert_eq!(lost(&writes, &ledger(&[2, 1])), 1, "an earlier value");
        assert_eq!(lost(&writes, &ledger(&[second])), 1, "no row");
        assert_eq!(lost(&writes, &ledger(&[2])), 2, "nothing of two writes");
        assert_eq!(lost(&writes, &ledger(&[2, 2 * LEDGER + 1])), 2, "a value that nobody wrote");
        let unknown = [write(1, Some((1, 11))), write(second, None)];
        assert_eq!([lost(&unknown, &ledger(&[1])), lost(&unknown, &ledger(&[second]))], [0, 0]);
        assert_eq!(lost(&unknown, &Ledger::new()), 1);
    }

    #[test]
    fn each_position_is_of_one_write() {
        let done = [write(1, Some((1, 11))), write(2, Some((2, 12)))];
        assert_eq!(duplicates(&done, (10, 13)), 0);
        assert_eq!(duplicates(&done, (10, 14)), 1, "an effect that is nobody's");
        assert_eq!(duplicates(&[done[0], done[0]], (10, 12)), 1, "two acknowledgements of one effect");
        let unknown = [done[0], done[1], write(3, None)];
        assert_eq!([13, 14, 15].map(|last| duplicates(&unknown, (10, last))), [0, 0, 1]);
    }

    fn change(time: Micros, stage: Stage, state: PartitionState, watermark: Option<u64>) -> Change {
        Change { time, stage, state, watermark: watermark.map(Position) }
    }

    #[test]
    fn a_move_that_is_aborted_does_not_arrive() {
        let (from, to) = (Placement(0), Placement(1));
        let moving = |phase| PartitionState::Migrating { from, to, phase };
        let changes = [
            change(1, Stage::Rest, PartitionState::Active(from), None),
            change(2, Stage::Copying, moving(Phase::Draining), None),
            change(3, Stage::Blocked, moving(Phase::Cutover), Some(20)),
            change(4, Stage::Rest, PartitionState::Active(from), None),
            change(5, Stage::Copying, moving(Phase::Draining), None),
            change(6, Stage::Blocked, moving(Phase::Draining), None),
            change(7, Stage::Blocked, moving(Phase::Cutover), Some(30)),
            change(8, Stage::Flipped, PartitionState::Active(to), None),
        ];
        let arrival = Arrival { begun: 5, blocked: 6, flipped: 8, watermark: Some(30) };
        assert_eq!(arrivals(&changes), [arrival]);
        let writes = [write(1, Some((100, 29))), write(2, Some((150, 30))), write(3, Some((190, 31)))];
        assert_eq!(blocked(&writes, &[arrival]), [40]);
        assert_eq!(blocked(&writes[..2], &[arrival]), Vec::<Micros>::new(), "killed in between");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!([0, 50, 99, 100].map(|percent| percentile(&[1, 2, 3, 4], percent)), [1, 2, 4, 4]);
        assert_eq!(percentile(&[], 50), 0);
    }
}
