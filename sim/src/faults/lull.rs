//! Clients stop reading for a while, after a node has been cut off. See `read_pause.rs` for what that shows.

use super::injector::{Cluster, Injector};
use crate::options::{Drawn, Group};

/// Of a hundred times that a node is cut off, so many are followed by a time in which nobody reads.
const PC: Drawn = Drawn::chance(Group::Work, "lull_pc", &[50, 100]);

/// To be called when a node is cut off: it may lead, and not know for long that nobody hears it.
pub fn unheard(cluster: &mut dyn Cluster) {
    let longest_ms = cluster.options().timing.election_timeout_ms_max;
    let lull_pc = cluster.options().value(&PC);
    let lull_ms = cluster.stream("lull", 0).between(longest_ms / 4, 2 * longest_ms);
    let begins = cluster.stream("lull", 1).below(100) < lull_pc;
    if begins && cluster.pause_reads(lull_ms) {
        cluster.count(Lull.name());
    }
}

pub struct Lull;

impl Injector for Lull {
    fn name(&self) -> &'static str {
        "lull"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PC]
    }
}
