//! A copy of a message arrives far later than usual, and so after later ones.

use super::injector::{Injector, LeaveOut};
use crate::options::Link;
use crate::stream::Stream;
use cutover::core::fault::Fault;

pub struct Delay;

impl Injector for Delay {
    fn name(&self) -> &'static str {
        Fault::Delay.text()
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.link.spike_ppm = 0
    }

    fn copy(&self, chance: &mut Stream, link: &Link) -> Option<u64> {
        let (late, tail_us) = (chance.chance(link.spike_ppm), chance.tail(link.spike_us));
        late.then_some(tail_us)
    }
}
