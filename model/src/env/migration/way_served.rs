//! The end of a way: what clients have begun ends, and the owner serves a new session.

use super::client::sink_of;
use super::effect::Delivery;
use super::goals::{END, SERVE};
use super::way::Run;
use super::{Leaving, id};
use crate::ways::Way;
use cutover::core::fence::{Body, Reply, Request};
use cutover::core::gate::{self, Consistency, Operation, Work};
use cutover::core::ids::Revision;
use std::collections::VecDeque;

/// A session that no scope has.
const PROBE: u8 = 200;

impl Run<'_> {
    pub(super) fn serves(&mut self, begun: &[Operation]) -> Way {
        if self.record().is_none_or(|record| record.placed.is_none()) {
            return Way::Leads;
        }
        for operation in begun {
            if self.ends(operation.clone()).is_none() {
                return Way::Stuck(END);
            }
        }
        let write = self.env.operation(Work::Write(id(PROBE, 1), super::contents::probe()));
        let read = self.env.operation(Work::Read(Consistency::Strong, super::contents::key(0)));
        let wrote = self.ends(write) == Some(gate::Outcome::Acknowledged);
        let served = self.ends(read) == Some(gate::Outcome::Served(Consistency::Strong));
        if wrote && served { Way::Leads } else { Way::Stuck(SERVE) }
    }

    /// How an operation ends, before its client's deadline.
    fn ends(&mut self, mut operation: Operation) -> Option<gate::Outcome> {
        let (mut timers, mut events) = (VecDeque::new(), VecDeque::new());
        let (mut resolved, mut answered) = (false, false);
        if operation.is_idle() {
            events.push_back(gate::Event::Start);
        } else {
            timers.extend([gate::Timer::Attempt, gate::Timer::Backoff]);
        }
        for _ in 0..40 {
            let event = events.pop_front().or_else(|| timers.pop_front().map(gate::Event::TimerFired))?;
            self.steps += 1;
            for output in operation.handle(&event) {
                match output {
                    gate::Output::Resolve(_) => {
                        let record = self.record().filter(|_| std::mem::replace(&mut resolved, true));
                        let resolution =
                            record.and_then(|record| record.resolution(Revision(u64::from(u32::MAX))));
                        events.push_back(gate::Event::Resolved(resolution));
                    }
                    gate::Output::Send(request) => {
                        let answers = self.sends(request);
                        events.extend(answers.into_iter().filter(|_| answered));
                        answered = true;
                    }
                    gate::Output::SetTimer(gate::Timer::Deadline) | gate::Output::Admitted { .. } => {}
                    gate::Output::SetTimer(timer) => {
                        timers.retain(|running| *running != timer);
                        timers.push_back(timer);
                    }
                    gate::Output::Finish(outcome) => return Some(outcome),
                }
            }
        }
        None
    }

    /// A gateway's request arrives; what comes back.
    fn sends(&mut self, request: Request) -> Vec<gate::Event> {
        let (store, Some(at)) = (request.store, sink_of(request.store)) else { return Vec::new() };
        let read = if let Body::Read(read) = &request.body { Some(read.token) } else { None };
        let (leaving, served) = self.deliver(at, request, Delivery::ArrivesAndApplies);
        let replies = leaving.into_iter().filter_map(|leaving| match leaving {
            Leaving::Reply(reply @ (Reply::Applied { .. } | Reply::Refused { .. })) => {
                Some(gate::Event::Replied(reply))
            }
            Leaving::Reply(
                Reply::Prepared(_)
                | Reply::Sealed(_)
                | Reply::Evidence(_)
                | Reply::Watermark(_)
                | Reply::ChunkTaken(_)
                | Reply::Ended(_)
                | Reply::Dropped(_),
            )
            | Leaving::Chunk(_)
            | Leaving::Value { .. } => None,
        });
        let serves = read.filter(|_| served).map(|token| gate::Event::Served { store, token });
        replies.chain(serves).collect()
    }
}
