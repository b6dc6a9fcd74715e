//! Nothing goes from one node to another for a while; the other way may be open.

use super::injector::{Cluster, Injector, Lasting, LeaveOut};
use crate::stream::link;

/// That a link is cut.
pub const fn is_cut(from: u8, to: u8) -> Lasting {
    ("cut", from, to)
}

/// Mends a link.
pub fn mend(cluster: &mut dyn Cluster, (_, from, to): Lasting) {
    cluster.cut(from, to, false);
}

/// Cuts a link for a while.
pub fn cut(cluster: &mut dyn Cluster, from: u8, to: u8) {
    cluster.cut(from, to, true);
    let scale_ms = cluster.options().link.cut_ms;
    cluster.lasts_for(is_cut(from, to), "cutting", scale_ms, mend);
}

pub struct Cut;

impl Injector for Cut {
    fn name(&self) -> &'static str {
        "cut"
    }

    fn leave_out(&self) -> LeaveOut {
        |options| options.link.cut_ppm = 0
    }

    fn link(&self, cluster: &mut dyn Cluster, from: u8, to: u8) {
        let ppm = cluster.options().link.cut_ppm;
        if cluster.strikes(self.name(), link(from, to), ppm) {
            cluster.count(self.name());
            cut(cluster, from, to);
        }
    }
}
