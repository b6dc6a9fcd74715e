//! The election timers of the nodes: none fires early, and each timeout is drawn.

use super::{Judge, own};
use crate::event_log::now_ns;
use cutover::core::control_plane::{ControlPlaneInput, ControlPlaneOutput};
use cutover::core::raft::{Output, Timer};

/// The shortest and the longest election timeout of a node's clock, in nanoseconds.
pub type Bounds = (u64, u64);

/// Timeouts from which it can be told whether they are drawn.
const DRAWN_MIN: usize = 10;

/// The timers of one process.
#[derive(Default)]
pub(super) struct Timers {
    pub(super) bounds: Option<Bounds>,
    set_ns: Option<u64>,
}

impl Judge {
    /// Call when a node has started, with the bounds of its election timeouts.
    pub fn timed(&mut self, node: u8, bounds: Bounds) {
        let id = self.id(node);
        if let Some(shadow) = self.shadows.get_mut(&id) {
            shadow.timers.bounds = Some(bounds);
        }
    }

    /// Call with an input and the outputs that it has caused.
    pub(super) fn watch_timers(
        &mut self,
        node: u8,
        input: &ControlPlaneInput,
        outputs: &[ControlPlaneOutput],
    ) {
        let id = self.id(node);
        let Some(shadow) = self.shadows.get_mut(&id) else { return };
        let fired = matches!(input, ControlPlaneInput::TimerFired(Timer::Election));
        let elapsed = shadow.timers.set_ns.take_if(|_| fired).map(|set| now_ns() - set);
        if outputs.iter().any(|output| matches!(output, Output::SetTimer(Timer::Election))) {
            shadow.timers.set_ns = Some(now_ns());
        } else if outputs.iter().any(|output| matches!(output, Output::CancelTimer(Timer::Election))) {
            shadow.timers.set_ns = None;
        }
        let (Some(elapsed), Some((min, max))) = (elapsed, shadow.timers.bounds) else { return };
        // A timeout that ends late says nothing: the process was paused.
        if elapsed < max {
            self.timeouts.push(elapsed.saturating_sub(min) * 1_000 / (max - min).max(1));
        }
        // Timers have a resolution of a millisecond.
        self.demand(elapsed + 1_000_000 >= min, own::TIMERS, || {
            (
                format!("the election timeout of n{node} ends after {elapsed} ns"),
                format!("the shortest is {min}"),
            )
        });
    }

    /// At the end of a run: the timeouts of all nodes differ.
    pub fn timeouts_differ(&mut self) {
        let most = self.timeouts.iter().copied().max().unwrap_or(0);
        let least = self.timeouts.iter().copied().min().unwrap_or(0);
        let count = self.timeouts.len();
        self.demand(count < DRAWN_MIN || most - least > 20, own::TIMERS, || {
            let found = format!(
                "{count} election timeouts are between {least} and {most} thousandths of their range"
            );
            (found, "each is drawn".to_owned())
        });
    }
}
