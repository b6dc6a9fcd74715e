//! Renaming sessions: the same swap twice is no change, and a renamed machine does the renamed thing.

use super::store::{SMALL, Store, config};
use super::{asked, cases, fence, gate, some};
use cutover::core::fence::{
    AppliedIds, Body, Enforcement, Fence, FenceLimits, Input, Output, Reply, Request, SealReceipt, Write,
};
use cutover::core::gate::Operation;
use cutover::core::ids::{Epoch, Names, PartitionId, Placement, Relabel, SessionId, WriteId};
use cutover::core::invariant::{Fact, Findings, Monitor, Register};
use cutover::core::migration::{Caps, Command, PlacementTable, Transition};
use cutover::core::placement::Guarantee;
use proptest::prelude::*;

struct Swap;

/// Limits with room for all sessions.
const ROOMY: FenceLimits = FenceLimits { sessions_max: 8, ..SMALL };

impl Names for Swap {
    fn session(&self, session: SessionId) -> SessionId {
        match session.0 {
            1 => SessionId(2),
            2 => SessionId(1),
            _ => session,
        }
    }
}

fn renamed(input: &Input) -> Input {
    match input {
        Input::Request(request) => Input::Request(request.relabel(&Swap)),
        Input::Apply(write) => Input::Apply(write.relabel(&Swap)),
        Input::Trim { .. } | Input::Stuck { .. } => input.clone(),
    }
}

/// A state without digests: a digest is of the ids, and says nothing of other ones.
fn undigested(fence: &Fence) -> impl PartialEq + std::fmt::Debug + use<> {
    let durable = fence.durable();
    let receipt = durable.receipt().map(of_receipt);
    let fences = (durable.sealed_through(), durable.closed_through(), durable.newest());
    (fences, receipt, durable.copy().cloned(), fence.admitted().to_vec())
}

fn of_receipt(receipt: &SealReceipt) -> impl PartialEq + std::fmt::Debug + use<> {
    (receipt.origin(), receipt.migration(), receipt.through(), receipt.watermark(), receipt.target())
}

fn states_digest(output: &Output) -> bool {
    matches!(output.reply(), Some(Reply::Sealed(_) | Reply::Evidence(_) | Reply::Watermark(_)))
}

fn writes(input: &Input) -> bool {
    matches!(input, Input::Apply(_) | Input::Request(Request { body: Body::Write(_) | Body::Chunk(_), .. }))
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn a_fence_renamed_twice_is_itself(inputs in prop::collection::vec(asked::input(SMALL), 0..60)) {
        let mut store = Store::new(config(fence::STORE, fence::PARTITION, Enforcement::Tokens, SMALL));
        for input in &inputs {
            let _ = store.step(input);
            prop_assert_eq!(&store.fence.relabel(&Swap).relabel(&Swap), &store.fence);
        }
    }

    /// Holds as long as no session is forgotten: the forgotten ones are represented by a number, and numbers are
    /// ordered.
    #[test]
    fn a_renamed_fence_does_the_renamed_thing(inputs in prop::collection::vec(asked::input(ROOMY), 0..60)) {
        let config = config(fence::STORE, fence::PARTITION, Enforcement::Tokens, ROOMY);
        let (mut plain, mut other) = (Store::new(config), Store::new(config));
        for input in &inputs {
            let (said, meant) = (plain.step(input), other.step(&renamed(input)));
            prop_assert_eq!(said.len(), meant.len());
            if !writes(input) && !said.iter().any(states_digest) {
                prop_assert_eq!(said, meant, "nothing here names a session");
            }
            prop_assert_eq!(undigested(&plain.fence.relabel(&Swap)), undigested(&other.fence));
            prop_assert_eq!(&plain.data.relabel(&Swap), &other.data);
        }
    }

    #[test]
    fn an_operation_renamed_does_the_renamed_thing(
        work in gate::work(),
        guarantee in some::guarantee(),
        events in prop::collection::vec(gate::event(), 0..20),
    ) {
        let mut operation = Operation::new(PartitionId(1), work, guarantee);
        for event in &events {
            let _ = operation.handle(event);
            let once = operation.relabel(&Swap);
            prop_assert_eq!(once.is_done(), operation.is_done());
            prop_assert_eq!(once.relabel(&Swap), operation.clone());
        }
    }

    #[test]
    fn what_a_memory_knows_is_renamed_with_it(
        ids in prop::collection::vec(some::write_id(3, 3), 0..20),
        asked in some::write_id(3, 3),
    ) {
        let mut memory = AppliedIds::new();
        for (index, id) in (1..).zip(&ids) {
            memory.remember(*id, cutover::core::ids::Position(index), 3, 2);
        }
        let once = memory.relabel(&Swap);
        prop_assert_eq!(once.known(asked.relabel(&Swap)), memory.known(asked));
        prop_assert_eq!(once.relabel(&Swap), memory);
    }

    #[test]
    fn a_monitor_renamed_twice_is_itself(
        done in prop::collection::vec((some::write_id(3, 2), 0_u8..5), 0..12),
    ) {
        let mut table = PlacementTable::new(Caps::PRODUCTION);
        let create = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
        let created = table.apply(&Command { partition: PartitionId(1), transition: create });
        prop_assert_eq!(created, Ok(Epoch(1)));
        let record = table.record(PartitionId(1));
        let mut all: Vec<WriteId> = done.iter().map(|(id, _)| *id).collect();
        all.sort();
        all.dedup();
        let mut monitor = Monitor::new(record, vec![(some::key("0"), Register::new(all))]);
        let mut findings = Findings::new(false);
        let store = Store::new(config(Placement(0), PartitionId(1), Enforcement::Tokens, SMALL));
        for (id, what) in &done {
            let write = Write { id: *id, token: Epoch(1), mutation: some::put(*id) };
            let fact = match what {
                0 | 1 => Fact::WriteInvoked(*id),
                2 => Fact::Acknowledged(*id),
                3 => Fact::ReadInvoked(0),
                // Facts about a partition that does not exist have no guarantee.
                _ => Fact::Wrote { store: Placement(0), write: &write, fences: store.fence.durable(), record: None },
            };
            monitor.feed(&fact, &mut findings);
            let once = monitor.relabel(&Swap);
            let foreign = sorted(monitor.exempt());
            prop_assert_eq!(once.exempt(), foreign.as_slice());
            prop_assert_eq!(once.relabel(&Swap), monitor.clone());
        }
    }
}

/// A set of writes under the swap, sorted again.
fn sorted(ids: &[WriteId]) -> Vec<WriteId> {
    let mut renamed = ids.to_vec().relabel(&Swap);
    renamed.sort();
    renamed
}
