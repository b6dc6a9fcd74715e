//! A controller of one partition, with the record that it has read and the timers that it has set.

use super::truth::Beside;
use cutover::core::migration::{Controller, PartitionRecord, Timer};
use cutover_reference::beside::controller::ControllerBeside;

/// A controller.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Manager {
    pub(super) machine: Controller,
    pub(super) beside: Beside<ControllerBeside>,
    pub(super) view: Option<PartitionRecord>,
    /// The timers that run, and the tick at which each was set.
    pub(super) timers: Vec<(Timer, u64)>,
}

impl Manager {
    pub(super) fn new(machine: Controller) -> Self {
        let beside = Beside(ControllerBeside::of(&machine));
        Self { machine, beside, view: None, timers: Vec::new() }
    }

    /// Starts a timer; one that runs is left alone.
    pub(super) fn set(&mut self, timer: Timer, now: u64) {
        if self.timers.iter().all(|(known, _)| *known != timer) {
            self.timers.push((timer, now));
        }
    }
}
