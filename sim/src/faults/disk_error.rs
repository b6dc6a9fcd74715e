//! A write or a sync gives an error.

use super::injector::{Injector, LeaveOut};
use crate::disk::Trouble;
use crate::options::Disk;
use crate::stream::Stream;

pub struct DiskError;

impl Injector for DiskError {
    fn name(&self) -> &'static str {
        "disk-error"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.disk.fail_ppm = 0
    }

    fn write(&self, chance: &mut Stream, disk: &Disk) -> Option<Trouble> {
        chance.chance(disk.fail_ppm).then_some(Trouble::Fails)
    }
}
