//! A write takes far longer than usual.

use super::injector::Injector;
use crate::options::{Drawn, Group, Values};
use crate::stream::Stream;

const PPM: Drawn = Drawn::chance(Group::Disk, "slow_ppm", &[1_000, 10_000, 50_000]);
const SCALE_US: Drawn = Drawn::scale(Group::Disk, "slow_us", &[10_000, 100_000, 500_000]);

pub struct SlowDisk;

impl Injector for SlowDisk {
    fn name(&self) -> &'static str {
        "slow-disk"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, SCALE_US]
    }

    fn latency(&self, chance: &mut Stream, disk: &Values) -> Option<u64> {
        let (slow, tail_us) = (chance.chance(disk.get(&PPM)), chance.tail(disk.get(&SCALE_US)));
        slow.then_some(tail_us)
    }
}
