//! Performs the outputs of the engine.

use super::pump::Pump;
use super::pump::Stopped;
use super::transport::Transport;
use crate::core::control_plane::{Answer, ControlPlaneEntry, ControlPlaneInput, ControlPlaneOutput};
use crate::core::ids::Revision;
use crate::core::raft::{BatchNumber, Content, Effect, Entry, LogPosition, Output};
use metrics::counter;

impl<T: Transport> Pump<T> {
    pub(super) fn synced(&mut self, done: Option<Result<BatchNumber, String>>) {
        match done {
            Some(Ok(through)) => {
                self.stall.progress();
                for message in self.outbox.durable(through) {
                    self.transport.send(message);
                }
                self.input(ControlPlaneInput::Synced(through));
            }
            Some(Err(error)) => self.stopped = Some(Stopped::Disk(error)),
            None => self.stopped = Some(Stopped::Disk("the storage task ended".to_owned())),
        }
    }

    pub(super) fn perform(&mut self, outputs: Vec<ControlPlaneOutput>) {
        for output in outputs {
            let Some(output) = self.outbox.pass(output) else { continue };
            match output {
                Output::Persist { number, batch } => {
                    if self.batches.try_send((number, batch)).is_err() {
                        self.stopped = Some(Stopped::Disk("the storage task ended".to_owned()));
                    }
                }
                Output::SetTimer(timer) => self.timers.set(timer),
                Output::CancelTimer(timer) => self.timers.cancel(timer),
                Output::Mark(mark) => {
                    counter!("cutover_marks_total", "mark" => mark.text()).increment(1);
                }
                Output::BecameLeader(term) => {
                    counter!("cutover_elections_won_total").increment(1);
                    tracing::info!(%term, "became leader");
                }
                Output::Halt(halt) => self.stopped = Some(Stopped::Halted(halt)),
                Output::Applied { at, entry, effect } => self.applied(at, &entry, &effect),
                Output::Installed(at) => {
                    tracing::info!(%at, "installed a snapshot from the leader");
                    self.touched.clear();
                    self.installed = true;
                }
                Output::Send(message) => self.transport.send(message),
                Output::Decided { id, outcome } => {
                    if let Some(reply) = self.proposals.remove(&id) {
                        // Who has an outcome sees its change in what this node publishes.
                        self.show();
                        let _gone = reply.send(Ok(outcome));
                    }
                }
                Output::Read { id, outcome } => self.finish_read(id, outcome),
                Output::Transfer(outcome) => {
                    if let Some(reply) = self.transfer.take() {
                        let _gone = reply.send(outcome);
                    }
                }
            }
        }
    }

    pub(super) fn applied(
        &mut self,
        at: LogPosition,
        entry: &Entry<ControlPlaneEntry>,
        effect: &Effect<Answer>,
    ) {
        let Effect::Answered { answer, repeated: false } = effect else { return };
        let partition = match (answer, &entry.content) {
            (Answer::Named { partition, .. }, _) => Some(*partition),
            (
                Answer::Epoch(_),
                Content::Payload { payload: ControlPlaneEntry::OwnershipTransition(command), .. },
            ) => Some(command.partition),
            _ => None,
        };
        if let Answer::Refused(_) = answer {
            counter!("cutover_refused_total", "reason" => "compare-and-swap").increment(1);
        }
        if let Some(partition) = partition {
            self.touched.insert(partition, Revision(at.index.0));
        }
    }
}
