//! A write takes far longer than usual.

use super::injector::{Injector, LeaveOut};
use crate::options::Disk;
use crate::stream::Stream;

pub struct SlowDisk;

impl Injector for SlowDisk {
    fn name(&self) -> &'static str {
        "slow-disk"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.disk.slow_ppm = 0
    }

    fn latency(&self, chance: &mut Stream, disk: &Disk) -> Option<u64> {
        let (slow, tail_us) = (chance.chance(disk.slow_ppm), chance.tail(disk.slow_us));
        slow.then_some(tail_us)
    }
}
