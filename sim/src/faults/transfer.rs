//! The operator hands the leadership over.

use super::injector::{Cluster, Errand, Injector};
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "transfer_ppm", &[2_000, 20_000]);

pub struct Transfer;

impl Injector for Transfer {
    fn name(&self) -> &'static str {
        "transfer"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let ppm = cluster.options().value(&PPM);
        if cluster.strikes(self.name(), 0, ppm) {
            cluster.ask_operator(Errand::Transfer);
        }
    }
}
