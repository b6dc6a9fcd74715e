//! A node is added, and removed again later.

use super::injector::{Cluster, Errand, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "grow_ppm", &[2_000, 10_000]);

pub struct Grow;

impl Injector for Grow {
    fn name(&self) -> &'static str {
        "grow"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().value(&PPM);
        if cluster.strikes(self.name(), 0, ppm) {
            cluster.ask_operator(Errand::Grow);
        }
    }
}
