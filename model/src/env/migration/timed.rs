//! The clock of `timed` scopes.
//!
//! The environment's clock ticks. Each tick makes the writes in flight older, and a write older than D ticks can no
//! longer take effect. That is the assumption of the `timed` guarantee; `--pauses unbounded` removes it. A
//! controller's clock counts the same ticks and may run ahead by a few. A tick is the smallest duration that can
//! make a difference; it stands for one millisecond of the policy.

use super::Timed;
use super::mark::Mark;
use super::step::{Done, NextState};
use super::{Action, Migration, State};
use cutover::core::migration::Timer;

impl Migration {
    /// How many ticks of its controller's clock a timer runs.
    pub(super) fn duration(&self, timer: &Timer) -> u64 {
        let set = self.bounds.timed.and_then(|timed| timed.barrier_ticks);
        match (timer, set) {
            (Timer::Barrier { .. }, Some(ticks)) => ticks,
            (_, _) => self.bounds.policy.duration_ms(timer),
        }
    }

    pub(super) fn timed_actions(&self, state: &State, timed: Timed, into: &mut Vec<Action>) {
        into.push(Action::Tick);
        let newest = u8::try_from(state.log.revision()).unwrap_or(u8::MAX);
        for (controller, manager) in (0u8..).zip(&state.controllers.machines) {
            for (timer, (which, counted)) in (0u8..).zip(&manager.timers) {
                if *counted >= self.duration(which) {
                    let oldest = u8::try_from(manager.seen).unwrap_or(0);
                    into.extend((oldest..=newest).map(|revision| Action::Fire {
                        controller,
                        timer,
                        revision,
                    }));
                }
            }
            if !manager.timers.is_empty() && state.controllers.gained < timed.clock_gain {
                into.push(Action::Gain { controller });
            }
            if self.bounds.replaces && *manager != self.controller() {
                into.push(Action::Replace { controller });
            }
        }
    }
}

impl NextState<'_> {
    pub(super) fn tick(&mut self) -> Done {
        let timed = self.env.bounds.timed?;
        if let Some(limit) = timed.effect_ticks {
            let writes = &mut self.net.edit().writes;
            let before = writes.len();
            writes.retain(|(_, age)| u64::from(*age) < limit);
            let expired = writes.len() < before;
            for (_, age) in writes.iter_mut() {
                *age += 1;
            }
            writes.sort();
            if expired {
                self.mark(Mark::Expired);
            }
        }
        for name in 0..self.controllers.machines.len() {
            self.count(name);
        }
        self.say(|| "a tick passes".to_owned());
        Some(())
    }

    pub(super) fn gain(&mut self, name: usize) -> Done {
        self.count(name);
        self.controllers.edit().gained += 1;
        self.say(|| "its clock gains a tick".to_owned());
        Some(())
    }

    fn count(&mut self, name: usize) {
        let env = self.env;
        if let Some(manager) = self.controllers.edit().machines.get_mut(name) {
            for (timer, counted) in &mut manager.timers {
                *counted = (*counted + 1).min(env.duration(timer));
            }
        }
    }
}
