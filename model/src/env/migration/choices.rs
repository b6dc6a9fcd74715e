//! Lists the actions that are enabled in a state.

use super::action::{Action, Damage};
use super::client::{matters, sink_of};
use super::effect::Delivery;
use super::storage::damaged;
use super::{Message, Migration, State};
use cutover::core::fence::Write;

fn numbers(len: usize) -> impl Iterator<Item = u8> {
    0..u8::try_from(len).unwrap_or(u8::MAX)
}

impl Migration {
    /// Every action that is enabled in a state, in a fixed order. Some may turn out to change nothing.
    pub fn actions(&self, state: &State, into: &mut Vec<Action>) {
        self.client_actions(state, into);
        for (offer, message) in (0u8..).zip(&state.enabled.requests) {
            let Some(at) = sink_of(message.store) else { continue };
            if !self.is_idle(state, at, message, Delivery::Arrives) {
                into.push(Action::Request { offer });
            }
            if self.bounds.misroute && !self.is_idle(state, 1 - at, message, Delivery::Arrives) {
                into.push(Action::Misroute { offer });
            }
        }
        into.extend(numbers(state.enabled.commits.len()).map(|offer| Action::Commit { offer }));
        for (message, chunk) in (0u8..).zip(&state.net.chunks) {
            if sink_of(chunk.store).is_some_and(|at| !self.is_idle(state, at, chunk, Delivery::Arrives)) {
                into.push(Action::Chunk { message });
            }
            if self.strays(state, chunk, Delivery::Arrives) {
                into.push(Action::MisrouteChunk { message });
            }
            if state.spent.damages < self.bounds.damages {
                let damaged = Damage::ALL.into_iter().filter(|what| damaged(chunk, *what).is_some());
                into.extend(damaged.map(|what| Action::Damaged { message, what }));
            }
        }
        into.extend(numbers(state.enabled.steps.len()).map(|offer| Action::Controller { offer }));
        self.fault_actions(state, into);
        if let Some(timed) = self.bounds.timed {
            self.timed_actions(state, timed, into);
        }
    }

    /// Whether a message has any effect at the wrong sink.
    fn strays(&self, state: &State, message: &Message, delivery: Delivery) -> bool {
        let at = sink_of(message.store).filter(|_| self.bounds.misroute);
        at.is_some_and(|at| !self.is_idle(state, 1 - at, message, delivery))
    }

    fn client_actions(&self, state: &State, into: &mut Vec<Action>) {
        let newest = u8::try_from(state.log.revision()).unwrap_or(u8::MAX);
        let views = || (0..=newest).filter(|revision| state.log.is_view(usize::from(*revision)));
        for gateway in numbers(state.clients.gateways.len()) {
            let Some(busy) = state.clients.gateways.get(usize::from(gateway)) else { continue };
            if busy.attempts < self.bounds.attempts && !busy.operation.is_done() {
                into.extend(views().map(|revision| Action::Send { gateway, revision }));
            }
        }
        for (message, (write, _)) in (0u8..).zip(&state.net.writes) {
            if sink_of(write.store).is_some_and(|at| !self.is_idle(state, at, write, self.arrival())) {
                into.push(Action::Write { message });
            }
            if self.strays(state, write, self.arrival()) {
                into.push(Action::MisrouteWrite { message });
            }
        }
        for sink in 0..2u8 {
            let admitted = state.sinks[usize::from(sink)].fence.admitted();
            let first =
                |(at, write): &(usize, &Write)| !admitted.iter().take(*at).any(|other| other == *write);
            // If the same write is admitted twice, applying either is the same action.
            let each = admitted.iter().enumerate().filter(first);
            into.extend(
                each.filter_map(|(at, _)| Some(Action::Apply { sink, index: u8::try_from(at).ok()? })),
            );
        }
        for (message, answer) in (0u8..).zip(&state.net.answers) {
            if matters(&state.clients, answer) {
                into.push(Action::Answer { message });
            }
        }
        for reader in numbers(state.clients.readers.len()) {
            into.extend(views().map(|revision| Action::Resolve { reader, revision }));
            if state.clients.readers.get(usize::from(reader)).is_some_and(|reader| reader.sent.is_some()) {
                into.push(Action::Serve { reader });
            }
        }
        if state.clients.gated < self.bounds.gated {
            into.extend(views().map(|revision| Action::Gate { revision }));
        }
        if self.bounds.stale_reads {
            let harmful = views().filter(|revision| !self.is_harmless(state, *revision));
            into.extend(harmful.map(|revision| Action::Stale { revision }));
        }
    }

    fn fault_actions(&self, state: &State, into: &mut Vec<Action>) {
        for sink in 0..2u8 {
            if self.bounds.unsynced {
                into.push(Action::Sync { sink });
            }
            if state.spent.crashes < self.bounds.crashes {
                into.push(Action::Crash { sink });
            }
            if state.spent.wipes < self.bounds.wipes {
                into.push(Action::Wipe { sink });
            }
            if state.spent.trims < self.bounds.trims {
                into.push(Action::Trim { sink });
            }
            if self.bounds.trims > 0 && self.stuck(state, usize::from(sink)).is_some() {
                into.push(Action::Stuck { sink });
            }
        }
        let revisions = numbers(state.log.tables.len());
        into.extend(
            revisions
                .filter(|revision| state.log.restorable(usize::from(*revision)).is_some())
                .map(|revision| Action::Restore { revision }),
        );
        if state.spent.takeovers < self.bounds.takeovers {
            into.push(Action::TakeOver);
        }
        if state.spent.restarts < self.bounds.restarts {
            let gateways = numbers(state.clients.gateways.len());
            into.extend(gateways.map(|gateway| Action::Restart { gateway }));
        }
    }
}
