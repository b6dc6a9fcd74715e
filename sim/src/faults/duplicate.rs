//! A message arrives twice.

use super::injector::{Fate, Injector, LeaveOut};
use crate::options::Link;
use crate::stream::Stream;
use cutover::core::fault::Fault;

pub struct Duplicate;

impl Injector for Duplicate {
    fn name(&self) -> &'static str {
        Fault::Duplicate.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.link.duplicate_ppm = 0
    }

    fn message(&self, chance: &mut Stream, link: &Link) -> Option<Fate> {
        chance.chance(link.duplicate_ppm).then_some(Fate::Twice)
    }
}
