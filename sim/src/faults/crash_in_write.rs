//! The power fails in the middle of a write.

use super::injector::Injector;
use crate::disk::Trouble;
use crate::options::{Drawn, Group, Values};
use crate::stream::Stream;

const PPM: Drawn = Drawn::chance(Group::Disk, "power_ppm", &[500, 2_000, 8_000]);

pub struct CrashInWrite;

impl Injector for CrashInWrite {
    fn name(&self) -> &'static str {
        "crash-in-write"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn write(&self, chance: &mut Stream, disk: &Values) -> Option<Trouble> {
        chance.chance(disk.get(&PPM)).then_some(Trouble::PowerFails)
    }
}
