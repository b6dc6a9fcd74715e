//! A message arrives twice.

use super::injector::{Fate, Injector};
use crate::options::{Drawn, Group, Values};
use crate::stream::Stream;
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Link, "duplicate_ppm", &[1_000, 20_000, 200_000]);

pub struct Duplicate;

impl Injector for Duplicate {
    fn name(&self) -> &'static str {
        Fault::Duplicate.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn message(&self, chance: &mut Stream, link: &Values) -> Option<Fate> {
        chance.chance(link.get(&PPM)).then_some(Fate::Twice)
    }
}
