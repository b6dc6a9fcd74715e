//! A client's operation, the gate, and their references.

use super::Disagreement;
use crate::gateway::gate::{takes_writes, violated};
use crate::gateway::operation::{Operation, Waits};
use cutover::core::gate::{self, Event, Output, Work, WriteAdmission};
use cutover::core::ids::{Epoch, PartitionId};
use cutover::core::placement::{Guarantee, Resolution};

/// The reference of an operation, beside the machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperationBeside(Operation);

impl OperationBeside {
    /// Beside an operation that has not begun.
    #[must_use]
    pub const fn new(partition: PartitionId, work: Work, guarantee: Guarantee) -> Self {
        Self(Operation::new(partition, work, guarantee))
    }

    /// What the reference has.
    #[must_use]
    pub const fn operation(&self) -> &Operation {
        &self.0
    }

    /// Judges the outputs of one event, and whether the machine is done after it.
    ///
    /// # Errors
    /// The machine and the reference differ. The reference is then of no use any more.
    pub fn handled(
        &mut self,
        event: &Event,
        outputs: &[Output],
        after: &gate::Operation,
    ) -> Result<(), Disagreement> {
        let before = self.0.waits;
        let expected = self.0.handle(event);
        let (mut have, mut wanted) = (outputs.to_vec(), expected.clone());
        have.sort_unstable();
        wanted.sort_unstable();
        if have != wanted || !is_in_order(outputs) {
            return Err(Disagreement::new(rule_of(event), (event, outputs), (before, expected)));
        }
        let (done, idle) = (self.0.waits == Waits::Nothing, self.0.waits == Waits::Start);
        if after.is_done() != done || after.is_idle() != idle || *after.work() != self.0.work {
            return Err(Disagreement::new("G10", after, &self.0));
        }
        Ok(())
    }
}

/// What is sent comes after its admission, and the outcome comes last.
fn is_in_order(outputs: &[Output]) -> bool {
    let at = |wanted: fn(&Output) -> bool| outputs.iter().position(wanted);
    let sent = at(|output| matches!(output, Output::Send(_)));
    let admitted = at(|output| matches!(output, Output::Admitted { .. }));
    let ended = at(|output| matches!(output, Output::Finish(_)));
    admitted.is_none_or(|admitted| sent.is_none_or(|sent| admitted < sent))
        && ended.is_none_or(|ended| ended + 1 == outputs.len())
}

const fn rule_of(event: &Event) -> &'static str {
    match event {
        Event::Start => "G1",
        Event::Resolved(_) => "G2 to G6",
        Event::Replied(_) => "G7, G8, G13",
        Event::Served { .. } => "G8",
        Event::TimerFired(_) => "G6, G9",
    }
}

/// Judges what the gate says of a write.
///
/// # Errors
/// It is not what the rules allow.
pub fn admitted(
    view: &Resolution,
    resolved: Epoch,
    from_cache: bool,
    admission: &WriteAdmission,
) -> Result<(), Disagreement> {
    let violated = violated(view, resolved, from_cache);
    let right = match admission {
        WriteAdmission::Admit(store) => violated.is_empty() && takes_writes(view) == Some(*store),
        WriteAdmission::Reject(refusal) => violated.contains(refusal),
    };
    if right { Ok(()) } else { Err(Disagreement::new("G11, G12", (view, resolved, admission), violated)) }
}
