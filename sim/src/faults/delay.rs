//! A copy of a message arrives far later than usual, and so after later ones.

use super::injector::Injector;
use crate::options::{DELAY_US_MIN, Draw, Drawn, Group, Values};
use crate::stream::Stream;
use cutover::core::fault::Fault;

const PPM: Drawn = Drawn::chance(Group::Link, "spike_ppm", &[1_000, 20_000, 100_000]);
const SCALE_US: Drawn = Drawn::scale(Group::Link, "spike_us", &[5_000, 50_000, 500_000]);
/// A message that is not late takes at most this long.
pub const USUAL_US_MAX: Drawn = Drawn {
    group: Group::Link,
    name: "delay_us_max",
    draw: Draw::By(|chance, link| {
        link.get(&DELAY_US_MIN) + chance.pick(&[100, 2_000, 20_000]).unwrap_or(100)
    }),
};

pub struct Delay;

impl Injector for Delay {
    fn name(&self) -> &'static str {
        Fault::Delay.text()
    }

    fn options(&self) -> &'static [Drawn] {
        &[USUAL_US_MAX, PPM, SCALE_US]
    }

    fn copy(&self, chance: &mut Stream, link: &Values) -> Option<u64> {
        let (late, tail_us) = (chance.chance(link.get(&PPM)), chance.tail(link.get(&SCALE_US)));
        late.then_some(tail_us)
    }
}
