//! The storage does what the machines and their data in memory do, whatever is asked, and through restarts and power failures.

use super::asked::input;
use super::cases::cases;
use super::disk::{Disk, Faults};
use super::some;
use super::store::SMALL;
use super::twin::{PARTITION, STORE, Twin, create, open};
use cutover::core::fence::{Body, Input, Prepare, Request, Write};
use cutover::core::ids::{Epoch, MigrationId, PartitionId};
use cutover::node::proto::sink::SinkCall;
use proptest::prelude::*;

/// What happens to a store after a group of inputs.
#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    /// It is closed, and opened again.
    Restart,
    /// The process ends, and the store is opened again.
    Kill,
    /// The power fails, and the store is opened again.
    PowerFailure,
}

fn written() -> impl Strategy<Value = Input> {
    (some::write_id(3, 9), some::mutation()).prop_map(|(id, mutation)| {
        let body = Body::Write(Write { id, token: Epoch(9), mutation });
        Input::Request(Request { store: STORE, partition: PARTITION, body })
    })
}

/// Both partitions are created here.
fn created() -> Vec<(PartitionId, Input)> {
    let prepare =
        Prepare { migration: MigrationId(1), closed_through: Epoch::ZERO, source: None, keep: None };
    let create = |partition| {
        (partition, Input::Request(Request { store: STORE, partition, body: Body::Prepare(prepare) }))
    };
    vec![create(PARTITION), create(PartitionId(7))]
}

fn group() -> impl Strategy<Value = Vec<(PartitionId, Input)>> {
    // What names the first partition is asked of either.
    // Half of the writes have a token that no fence is above: most of what is drawn is refused otherwise.
    let asked = prop_oneof![3 => written(), 5 => input(SMALL)];
    let one = (asked, prop::bool::weighted(0.3)).prop_map(|(input, other)| {
        let of_other = PartitionId(7);
        let mut input = input;
        if let Input::Request(request) = &mut input
            && other
            && request.partition == PARTITION
        {
            request.partition = of_other;
        }
        (if other { of_other } else { PARTITION }, input)
    });
    prop::collection::vec(one, 1..6)
}

fn after() -> impl Strategy<Value = After> {
    prop_oneof![
        6 => Just(After::Nothing),
        1 => Just(After::Restart),
        1 => Just(After::Kill),
        1 => Just(After::PowerFailure),
    ]
}

proptest! {
    /// Every request is read as it was written.
    #[test]
    fn requests_arrive_as_they_were(input in input(SMALL)) {
        if let Input::Request(request) = input {
            let call = SinkCall::from(request.clone());
            prop_assert_eq!(Request::try_from(call).unwrap(), request);
        }
    }
}

/// A case is hundreds of transactions.
fn few() -> ProptestConfig {
    let usual = cases(1);
    ProptestConfig { cases: usual.cases.div_ceil(4), max_local_rejects: 1 << 20, ..usual }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn what_is_on_disk_is_what_the_machines_have(groups in prop::collection::vec((group(), after(), any::<u64>()), 1..30)) {
        let mut disk = Disk::default();
        let mut storage = create(&disk).unwrap();
        let mut twin = Twin::default();
        prop_assert_eq!(storage.perform(&created()).unwrap(), twin.perform(&created()));
        for (inputs, after, seed) in groups {
            let expected = twin.perform(&inputs);
            prop_assert_eq!(storage.perform(&inputs).unwrap(), expected);
            match after {
                After::Nothing => continue,
                After::Restart => storage.close().unwrap(),
                After::Kill => drop(storage),
                After::PowerFailure => {
                    let mut random = super::twin::Random(seed);
                    let left = disk.after_power_failure(&mut |bound| random.below(bound));
                    // What the old process writes goes nowhere.
                    drop(storage);
                    disk = left;
                }
            }
            storage = open(&disk).unwrap();
            twin.crash();
            let agrees = twin.agrees(&mut storage);
            prop_assert!(agrees.is_ok(), "{:?}", agrees);
        }
    }

    /// The power fails at any operation: what was answered is there, and a group that was not is there in full or not at all.
    #[test]
    fn a_group_is_there_in_full_or_not_at_all(
        groups in prop::collection::vec(group(), 1..12),
        within in prop::sample::select(vec![8_u64, 30, 120]),
        seed in any::<u64>(),
    ) {
        let mut random = super::twin::Random(seed);
        let disk = Disk::default();
        let mut storage = create(&disk).unwrap();
        let (mut before, mut twin) = (Twin::default(), Twin::default());
        prop_assert_eq!(storage.perform(&created()).unwrap(), twin.perform(&created()));
        let at = disk.operations() + 1 + u64::try_from(random.below(usize::try_from(within).unwrap())).unwrap();
        disk.set(Faults { power_fails_at: Some(at), ..Faults::default() });
        for inputs in groups {
            before = twin.clone();
            let expected = twin.perform(&inputs);
            match storage.perform(&inputs) {
                Ok(effects) => prop_assert_eq!(effects, expected),
                Err(error) => {
                    prop_assert!(error.to_string().contains("the power is off"), "{}", error);
                    prop_assert_eq!(storage.perform(&inputs).unwrap_err(), error, "it goes on after a failed write");
                    break;
                }
            }
            before = twin.clone();
        }
        let left = disk.after_power_failure(&mut |bound| random.below(bound));
        drop(storage);
        let mut storage = open(&left).unwrap();
        before.crash();
        twin.crash();
        let (one, other) = (before.agrees(&mut storage), twin.agrees(&mut storage));
        prop_assert!(one.is_ok() || other.is_ok(), "{:?} and {:?}", one, other);
    }
}
