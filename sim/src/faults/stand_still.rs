//! Fault: a disk stands still for a while, and comes back. Batches gather behind the write that waits, and are written as one
//! group. Shorter than the limit, nobody may notice; a machine that is suspended again and again while its disk stands has not
//! lost it either; and a disk that hangs for longer must stop its node.

use super::injector::{Cluster, Injector, Lasting};
use super::pause::paused;
use crate::options::{Drawn, Group};

/// The probability is aimed: at a leader, all callers wait for the disk.
const PPM: Drawn = Drawn::chance(Group::Node, "stand_ppm", &[500, 2_000, 6_000]);
/// In so many of a hundred cases, the leader ends meanwhile, and others are to be elected.
const ENDS_PC: Drawn = Drawn::scale(Group::Node, "stand_ends_pc", &[0, 20, 50]);

pub struct StandStill;

const fn suspended(node: u8) -> Lasting {
    ("suspend", node, 0)
}

/// Suspends a machine, lets it run for a moment, and suspends it again, until its disk is back.
fn suspend(cluster: &mut dyn Cluster, node: u8) {
    let step_ms = cluster.options().stall_ms() / 4;
    let (asleep, awake) = (cluster.stream("suspend", 0).between(3 * step_ms, 4 * step_ms), step_ms / 4);
    let wakes_ns = cluster.now_ns() + asleep * 1_000_000;
    if cluster.lasts_until_ns(paused(node)).is_none() && cluster.is_up(node) {
        cluster.pause(node, true);
        cluster.lasts(paused(node), wakes_ns, |cluster, (_, node, _)| cluster.pause(node, false));
    }
    if cluster.stands_until_ns(node) > wakes_ns {
        cluster.lasts(suspended(node), wakes_ns + awake * 1_000_000, |cluster, (_, node, _)| {
            suspend(cluster, node)
        });
    }
}

impl Injector for StandStill {
    fn name(&self) -> &'static str {
        "stand-still"
    }

    fn options(&self) -> &'static [Drawn] {
        &[PPM, ENDS_PC]
    }

    fn is_of_stores(&self) -> bool {
        true
    }

    fn node(&self, cluster: &mut dyn Cluster, node: u8) {
        let ppm = cluster.aimed(node, cluster.options().value(&PPM));
        let (limit_ms, ends_pc) = (cluster.options().stall_ms(), cluster.options().value(&ENDS_PC));
        let how = cluster.stream("standing", 0).below(10);
        let for_ms = cluster.stream("standing", 1).between(limit_ms / 10, limit_ms / 10 * 7);
        let ends = cluster.stream("standing", 2).below(100) < ends_pc;
        if !cluster.strikes(self.name(), node.into(), ppm) || !cluster.is_up(node) {
            return;
        }
        cluster.count(self.name());
        let for_ms = match how {
            0 => limit_ms * 2,
            1 => limit_ms * 4,
            _ => for_ms,
        };
        cluster.stand_still(node, for_ms);
        if how == 1 {
            suspend(cluster, node);
        }
        let leader = cluster.nodes().into_iter().find(|other| cluster.leads(*other) && *other != node);
        if let Some(leader) = leader.filter(|_| ends) {
            super::down(cluster, leader, super::End::Process);
        }
    }
}
