//! Worlds of walks: bounds that are drawn from a number.

use crate::protocol::OptionSpec;

/// The option that names the world.
pub(super) const WORLD: OptionSpec = OptionSpec {
    name: "world",
    value: "N",
    about: "The world of a walk: its participants, limits and faults follow from this number",
    values: &[],
};

/// Numbers from a number: a small generator (splitmix64), so that a world needs nothing but its number.
pub(super) struct Draw(u64);

impl Draw {
    pub(super) const fn of(world: u64) -> Self {
        Self(world)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`.
    pub(super) fn within(&mut self, least: u32, most: u32) -> u32 {
        let span = u64::from(most - least) + 1;
        least + u32::try_from(self.next() % span).unwrap_or(0)
    }

    pub(super) const fn percent(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }
}
