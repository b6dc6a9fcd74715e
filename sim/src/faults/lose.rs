//! A message is lost.

use super::injector::{Fate, Injector, LeaveOut};
use crate::options::Link;
use crate::stream::Stream;
use cutover::core::fault::Fault;

pub struct Lose;

impl Injector for Lose {
    fn name(&self) -> &'static str {
        Fault::Lose.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.link.lose_ppm = 0
    }

    fn message(&self, chance: &mut Stream, link: &Link) -> Option<Fate> {
        chance.chance(link.lose_ppm).then_some(Fate::Lost)
    }
}
