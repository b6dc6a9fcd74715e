//! A message is lost.

use super::injector::{Fate, Injector};
use crate::options::{Drawn, Group, Values};
use crate::stream::Stream;
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Link, "lose_ppm", &[1_000, 10_000, 50_000, 200_000]);

pub struct Lose;

impl Injector for Lose {
    fn name(&self) -> &'static str {
        Fault::Lose.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn message(&self, chance: &mut Stream, link: &Values) -> Option<Fate> {
        chance.chance(link.get(&PPM)).then_some(Fate::Lost)
    }
}
