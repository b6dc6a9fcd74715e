//! Fault: a directed link is cut for a while; the opposite direction may be open.

use super::injector::{Cluster, Injector, Lasting};
use crate::options::{Drawn, Group};
use crate::stream::link;

const PPM: Drawn = Drawn::chance(Group::Link, "cut_ppm", &[2_000, 10_000, 30_000]);
/// Scale of the time that a link is cut, whatever the fault.
pub const SCALE_MS: Drawn = Drawn::scale(Group::Link, "cut_ms", &[100, 500, 3_000]);

/// The lasting fault that a link is cut.
pub const fn is_cut(from: u8, to: u8) -> Lasting {
    ("cut", from, to)
}

/// Restores a link.
pub fn mend(cluster: &mut dyn Cluster, (_, from, to): Lasting) {
    cluster.cut(from, to, false);
}

/// Cuts a link for a while.
pub fn cut(cluster: &mut dyn Cluster, from: u8, to: u8) {
    cluster.cut(from, to, true);
    let scale_ms = cluster.options().value(&SCALE_MS);
    cluster.lasts_for(is_cut(from, to), "cutting", scale_ms, mend);
}

pub struct Cut;

impl Injector for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM]
    }

    fn link(&self, cluster: &mut dyn Cluster, from: u8, to: u8) {
        let ppm = cluster.options().value(&PPM);
        if cluster.strikes(self.name(), link(from, to), ppm) {
            cluster.count(self.name());
            cut(cluster, from, to);
        }
    }

    /// A caller does not reach a store for a while.
    fn call(&self, cluster: &mut dyn Cluster, caller: u8, store: u8) {
        let (ppm, scale_ms) = (cluster.options().value(&PPM), cluster.options().value(&SCALE_MS));
        if cluster.strikes("cut-off", link(caller, store), ppm) {
            cluster.count(self.name());
            cluster.cut_off(caller, store, true);
            cluster.lasts_for(
                ("cut-off", caller, store),
                "cutting",
                scale_ms,
                |cluster, (_, caller, store)| {
                    cluster.cut_off(caller, store, false);
                },
            );
        }
    }
}
