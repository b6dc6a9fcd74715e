//! Expands a seed into the options of a run.

use crate::data::DataOptions;
use crate::faults;
use crate::options::{DELAY_US_MIN, Drawn, Group, Options, Values, WRITE_US_MAX, WRITE_US_MIN, Work};
use crate::stream::Stream;
use cutover::node::driver::Timing;

/// The options that are drawn before those of faults.
const USUAL: [Drawn; 3] = [DELAY_US_MIN, WRITE_US_MIN, WRITE_US_MAX];

fn stream(seed: u64, group: Group) -> Stream {
    Stream::new(seed, "options", group as u64)
}

fn drawn(group: Group, stream: &mut Stream) -> Values {
    let mut values = Values::default();
    let faults = faults::ALL.iter().flat_map(|kind| kind.options());
    for option in USUAL.iter().chain(faults).filter(|option| option.group == group) {
        values.draw(option, stream);
    }
    values
}

/// The options of a seed. Each group has its own random stream.
#[must_use]
pub fn options(seed: u64) -> Options {
    let mut shape = Stream::new(seed, "options", 0);
    let election = shape.between(150, 1_500);
    let compact = shape.pick(&[8, 20, 50, 200, 1_000]).unwrap_or(50);
    let answers_max = shape.pick(&[1, 2, 4, 16]).unwrap_or(16);
    let work = work(&mut stream(seed, Group::Work));
    let mut data = DataOptions::draw(seed, work.placements.max(2));
    let node = drawn(Group::Node, &mut stream(seed, Group::Node));
    let drift = u32::try_from(node.named("drift_ppm")).unwrap_or(u32::MAX);
    data.clock_error_ppm = data.clock_error_ppm.max(drift);
    Options {
        seed,
        nodes: shape.pick(&[1, 3, 3, 3, 3, 5, 5]).unwrap_or(3),
        faulty_s: shape.between(20, 60),
        timing: Timing {
            heartbeat_ms: election / shape.between(3, 10),
            election_timeout_ms_min: election,
            election_timeout_ms_max: election + shape.between(election / 2, election * 2),
        },
        compact_after_entries: compact,
        keep_entries: shape.below(compact / 2 + 1),
        window: shape.pick(&[1, 2, 8]).unwrap_or(8),
        append_entries_max: shape.pick(&[1, 4, 64]).unwrap_or(64),
        uncommitted_bytes_max: shape.pick(&[500, 4_000, 1 << 20]).unwrap_or(1 << 20),
        sessions_max: shape.pick(&[2, 4, 64]).unwrap_or(64),
        answers_max,
        requests_max: shape.pick(&[2, 64, 1_024]).unwrap_or(64),
        watch_history: shape.pick(&[4, 64, 4_096]).unwrap_or(64),
        watch_ahead: shape.pick(&[4, 64, 1_024]).unwrap_or(64),
        batches_max: shape.pick(&[4, 16, 64]).unwrap_or(16),
        watchers_max: shape.pick(&[8, 12, 40]).unwrap_or(40),
        watches_max: shape.pick(&[8, 12, 40]).unwrap_or(40),
        watches_each: shape.pick(&[1, 2, 3]).unwrap_or(2),
        link: drawn(Group::Link, &mut stream(seed, Group::Link)),
        disk: drawn(Group::Disk, &mut stream(seed, Group::Disk)),
        node,
        work,
        data,
    }
}

fn work(stream: &mut Stream) -> Work {
    Work {
        clients: stream.pick(&[1, 2, 4, 8]).unwrap_or(4),
        roaming: stream.pick(&[0, 1, 3]).unwrap_or(1),
        requests_per_s: stream.pick(&[5, 20, 20, 60]).unwrap_or(20),
        partitions: stream.pick(&[1, 3, 10, 30]).unwrap_or(10),
        placements: stream.pick(&[2, 3, 5]).unwrap_or(3),
        reads_pc: stream.pick(&[10, 30, 60]).unwrap_or(30),
        stale_pc: stream.pick(&[0, 5, 30]).unwrap_or(5),
        bare_pc: stream.pick(&[0, 10, 50]).unwrap_or(10),
        migrations_max: stream.pick(&[1, 2, 8]).unwrap_or(2),
        watchers: stream.pick(&[0, 1, 3]).unwrap_or(1),
        patience_ms: stream.pick(&[200, 1_000, 3_000, 10_000]).unwrap_or(1_000),
        namers: stream.pick(&[0, 1, 2]).unwrap_or(1),
        faults: drawn(Group::Work, stream),
        readers: stream.pick(&[0, 1, 2]).unwrap_or(1),
        holders: stream.pick(&[0, 1, 2]).unwrap_or(1),
        probers: stream.pick(&[0, 1, 2]).unwrap_or(1),
        guests: stream.pick(&[0, 1]).unwrap_or(1),
        gateways: stream.pick(&[0, 1, 1, 2]).unwrap_or(1),
        crowds: stream.pick(&[0, 1]).unwrap_or(1),
    }
}
