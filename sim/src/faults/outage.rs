//! Fault: a store is down for long, so that what moves away from it waits, and an operator may give it up.

use super::injector::{Cluster, End, Injector};
use super::pause;
use crate::options::{Drawn, Group};

const PPM: Drawn = Drawn::chance(Group::Node, "outage_ppm", &[1_000, 4_000]);
const SCALE_MS: Drawn = Drawn::scale(Group::Node, "outage_ms", &[2_000, 5_000]);

pub struct Outage;

impl Injector for Outage {
    fn name(&self) -> &'static str {
        "outage"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, SCALE_MS]
    }

    fn after(&self, cluster: &mut dyn Cluster) {
        let (ppm, scale_ms) = (cluster.options().value(&PPM), cluster.options().value(&SCALE_MS));
        for store in cluster.stores() {
            let for_ms = cluster.stream("outages", store.into()).between(scale_ms / 2, 2 * scale_ms);
            if !cluster.strikes(self.name(), store.into(), ppm) || !cluster.is_up(store) {
                continue;
            }
            cluster.count(self.name());
            cluster.end(store, End::Power);
            cluster.forget(pause::paused(store));
            let until_ns = cluster.now_ns() + for_ms * 1_000_000;
            cluster.lasts(("down", store, 0), until_ns, |cluster, (_, store, _)| cluster.boot(store));
        }
    }
}
