//! Throughput and latency of acknowledged writes over time.

use super::clock::Micros;
use super::event::client;
use super::history::Write;
use super::moves::{Change, Stage};
use super::verdict::percentile;
use std::collections::BTreeMap;

/// The width of a bin.
pub(super) const BIN: Micros = 100_000;

/// The acknowledgements of a tenth of a second.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Bin {
    pub(super) acknowledged: u64,
    /// Latencies of writes that were acknowledged; 0 if none was.
    pub(super) p50: Micros,
    pub(super) p99: Micros,
}

/// The bins from a moment until the last acknowledgement.
pub(super) fn bins(writes: &[Write], from: Micros) -> Vec<Bin> {
    let mut latencies: BTreeMap<u64, Vec<Micros>> = BTreeMap::new();
    for write in writes {
        if let Some((time, _)) = write.acknowledged {
            latencies
                .entry(time.saturating_sub(from) / BIN)
                .or_default()
                .push(time.saturating_sub(write.begun));
        }
    }
    let last = latencies.keys().next_back().copied().unwrap_or(0);
    let bin = |number| {
        let Some(bin) = latencies.get_mut(&number) else { return Bin::default() };
        bin.sort_unstable();
        Bin { acknowledged: bin.len() as u64, p50: percentile(bin, 50), p99: percentile(bin, 99) }
    };
    (0..=last).map(bin).collect()
}

/// The longest time between two acknowledgements to a writer, of its register.
pub(super) fn silence(writes: &[Write]) -> Micros {
    let mut last: BTreeMap<u64, Micros> = BTreeMap::new();
    let own = writes.iter().filter(|write| write.key == client(write.process));
    let mut times: Vec<(Micros, u64)> =
        own.filter_map(|write| Some((write.acknowledged?.0, write.process))).collect();
    times.sort_unstable();
    let gaps =
        times.into_iter().map(|(time, process)| last.insert(process, time).map_or(0, |before| time - before));
    gaps.max().unwrap_or(0)
}

/// The latencies of the writes that began and were acknowledged while moves were at one stage, sorted. `from`: when the load began.
pub(super) fn latencies(writes: &[Write], changes: &[Change], from: Micros, stage: Stage) -> Vec<Micros> {
    let at = |time| {
        let last = changes.partition_point(|change| change.time <= time).checked_sub(1);
        last.and_then(|last| changes.get(last)).map(|change| (change.time, change.stage))
    };
    let mut found: Vec<Micros> = writes
        .iter()
        .filter_map(|write| Some((write.begun, write.acknowledged?.0)))
        .filter(|(begun, _)| *begun >= from)
        .filter(|(begun, acknowledged)| {
            at(*begun).is_some_and(|(_, found)| found == stage) && at(*begun) == at(*acknowledged)
        })
        .map(|(begun, acknowledged)| acknowledged.saturating_sub(begun))
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_without_acknowledgements_is_there() {
        let write =
            |begun, time| Write { process: 0, key: 0, value: 0, begun, acknowledged: Some((time, 0)) };
        let writes = [write(1_000_000, 1_002_000), write(1_002_000, 1_008_000), write(1_008_000, 1_250_000)];
        let bin = |acknowledged, p50, p99| Bin { acknowledged, p50, p99 };
        assert_eq!(
            bins(&writes, 1_000_000),
            [bin(2, 2_000, 6_000), Bin::default(), bin(1, 242_000, 242_000)]
        );
        assert_eq!(silence(&writes), 242_000);
    }

    #[test]
    fn a_latency_is_of_the_stage_in_which_its_write_began_and_ended() {
        use crate::core::ids::Placement;
        use crate::core::placement::PartitionState;
        let state = PartitionState::Active(Placement(0));
        let change = |time, stage| Change { time, stage, state, watermark: None };
        let changes = [change(10, Stage::Rest), change(30, Stage::Copying), change(60, Stage::Rest)];
        let write =
            |begun, time| Write { process: 0, key: 0, value: 0, begun, acknowledged: Some((time, 0)) };
        let writes = [
            write(5, 15),
            write(12, 20),
            write(18, 21),
            write(29, 31),
            write(30, 50),
            write(31, 70),
            write(61, 62),
            Write { acknowledged: None, ..write(62, 0) },
        ];
        assert_eq!(latencies(&writes, &changes, 11, Stage::Rest), [1, 3, 8]);
        assert_eq!(latencies(&writes, &changes, 11, Stage::Copying), [20]);
    }
}
