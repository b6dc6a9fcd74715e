//! A write or a sync gives an error.

use super::injector::Injector;
use crate::disk::Trouble;
use crate::options::{Drawn, Group, Values};
use crate::stream::Stream;

const PPM: Drawn = Drawn::chance(Group::Disk, "fail_ppm", &[200, 1_000, 4_000]);

pub struct DiskError;

impl Injector for DiskError {
    fn name(&self) -> &'static str {
        "disk-error"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn write(&self, chance: &mut Stream, disk: &Values) -> Option<Trouble> {
        chance.chance(disk.get(&PPM)).then_some(Trouble::Fails)
    }
}
