//! A node's clock runs too fast or too slow, for the whole run.

use super::injector::Injector;
use crate::options::{Drawn, Group, Options};
use crate::stream::Stream;
use core::time::Duration;
use cutover::node::driver::Clock;

/// A clock is off by as much at most, in parts per million.
const PPM: Drawn = Drawn::chance(Group::Node, "drift_ppm", &[200, 50_000, 300_000]);

pub struct Drift;

impl Injector for Drift {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }
}

/// The clock of a node.
pub struct Rate {
    /// Of its own microseconds in a true second.
    ticks: u64,
}

impl Rate {
    /// The clock that a node has in this run.
    #[must_use]
    pub fn of(options: &Options, node: u8) -> Self {
        let drift = options.value(&PPM);
        let ticks =
            Stream::new(options.seed, "clock", node.into()).between(1_000_000 - drift, 1_000_000 + drift);
        Self { ticks }
    }
}

impl Clock for Rate {
    fn until(&self, counted: Duration) -> Duration {
        let nanos = counted.as_nanos() * 1_000_000 / u128::from(self.ticks.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
