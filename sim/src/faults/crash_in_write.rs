//! The power fails in the middle of a write.

use super::injector::{Injector, LeaveOut};
use crate::disk::Trouble;
use crate::options::Disk;
use crate::stream::Stream;

pub struct CrashInWrite;

impl Injector for CrashInWrite {
    fn name(&self) -> &'static str {
        "crash-in-write"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.disk.power_ppm = 0
    }

    fn write(&self, chance: &mut Stream, disk: &Disk) -> Option<Trouble> {
        chance.chance(disk.power_ppm).then_some(Trouble::PowerFails)
    }
}
