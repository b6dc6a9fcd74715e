//! Nodes are killed under load, often the leader, and nothing that was acknowledged is lost.

use super::harness::until;
use super::load::{Load, PARTITIONS, judged};
use super::made::Cluster;
use cutover::core::ids::{Epoch, PartitionId};
use cutover::core::invariant::history::{Answer, Invocation, Operation, Seen, Verdict};
use cutover::core::migration::Transition;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use std::time::Instant;

/// Kills nodes under load: in every other round the leader. The disks stay. `seed` determines victims and work;
/// `CUTOVER_SEED` sets it.
fn rounds(rounds: u32, seed: u64, secure: bool) -> Vec<Operation> {
    let chosen = std::env::var("CUTOVER_SEED").ok();
    let seed = chosen.map_or(seed, |seed| seed.parse().expect("CUTOVER_SEED is a number"));
    eprintln!("seed {seed}");
    let mut cluster = if secure { Cluster::secure(3) } else { Cluster::plain(3) };
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let load = Load::begin(&cluster, seed);
    let began = Instant::now();
    for round in 0..rounds {
        let drawn = usize::try_from(random.next_u32() % 3).unwrap();
        let victim = if random.next_u32().is_multiple_of(2) { cluster.leader() } else { drawn };
        // Some work between kills, so that there is something to lose.
        let before = load.operations();
        let wanted = before + 20 + usize::try_from(random.next_u32() % 40).unwrap();
        until("progress under load", || (load.operations() >= wanted).then_some(()));
        // Sometimes the node is terminated instead, and completes its calls.
        if random.next_u32().is_multiple_of(5) {
            assert_eq!(cluster.nodes[victim].terminate().code, 0);
        } else {
            cluster.nodes[victim].kill();
        }
        // In some rounds the node stays down until the others have made progress without it.
        if random.next_u32().is_multiple_of(2) {
            cluster.serves();
        }
        cluster.nodes[victim].start();
        cluster.serves();
        if round % 20 == 19 {
            eprintln!("{} rounds, {} operations, {:?}", round + 1, load.operations(), began.elapsed());
        }
    }
    load.end(&cluster)
}

/// The epoch in the last read of each partition.
fn last_epoch(operations: &[Operation], partition: u64) -> Option<Epoch> {
    operations.iter().rev().filter(|one| one.partition == PartitionId(partition)).find_map(|one| {
        match &one.call {
            Invocation::Read { seen: Seen::Record(record), .. } => Some(record.epoch),
            Invocation::Read { .. } | Invocation::Apply { .. } => None,
        }
    })
}

fn acknowledged(operation: &Operation) -> Option<Epoch> {
    match &operation.call {
        Invocation::Apply { answer: Answer::Ok { epoch }, .. } => Some(*epoch),
        Invocation::Apply { .. } | Invocation::Read { .. } => None,
    }
}

fn hold(operations: &[Operation]) {
    let judged = judged(operations);
    assert_eq!(judged.verdict, Verdict::Linearizable, "{judged:?}");
    let mut total = 0;
    for partition in 1..=PARTITIONS {
        let own = operations.iter().filter(|one| one.partition == PartitionId(partition));
        let epochs: Vec<Epoch> = own.filter_map(acknowledged).collect();
        total += epochs.len();
        let last = last_epoch(operations, partition);
        assert!(epochs.iter().max() <= last.as_ref(), "p{partition}: {:?} > {last:?}", epochs.iter().max());
    }
    eprintln!(
        "LINEARIZABLE: {} operations, {} transitions acknowledged, {} of unknown fate, {} configurations",
        judged.operations, total, judged.indeterminate, judged.configurations
    );
    assert!(total > 0, "a load that does nothing shows nothing");
}

/// Checks that the checker finds a loss: the same history, with one acknowledged transition left out, must be
/// refused.
fn loses_one(operations: &[Operation]) {
    let mut refused = 0;
    let moves = |call: &Invocation| match call {
        // Each of these transitions takes an epoch, which later answers contain.
        Invocation::Apply { transition, answer: Answer::Ok { .. } } => matches!(
            transition,
            Transition::Begin { .. }
                | Transition::EnterCutover { .. }
                | Transition::Complete { .. }
                | Transition::Abort { .. }
        ),
        Invocation::Apply { .. } | Invocation::Read { .. } => false,
    };
    // One of the same kind whose fate is unknown may have taken effect in its place.
    let replaced = |lost: &Operation| {
        let Invocation::Apply { transition: of_lost, .. } = &lost.call else { return false };
        operations.iter().any(|one| {
            one.partition == lost.partition
                && matches!(
                    &one.call,
                    Invocation::Apply { transition, answer: Answer::Indeterminate } if transition.kind() == of_lost.kind()
                )
        })
    };
    let fits = |at: &usize| moves(&operations[*at].call) && !replaced(&operations[*at]);
    let all: Vec<usize> = (0..operations.len()).filter(fits).collect();
    let chosen = [all[0], all[all.len() / 2], all[all.len() - 1]];
    for at in chosen {
        let mut without = operations.to_vec();
        without.remove(at);
        refused += usize::from(matches!(judged(&without).verdict, Verdict::NotLinearizable(_)));
    }
    assert_eq!(refused, chosen.len(), "a history with a lost transition is rejected");
    // The last read is changed to return the record before the last transition.
    let mut stale = operations.to_vec();
    let of = |operation: &Operation| match &operation.call {
        Invocation::Read { seen: Seen::Record(record), .. } => Some(record.clone()),
        Invocation::Read { .. } | Invocation::Apply { .. } => None,
    };
    let last = stale.iter().rposition(|one| of(one).is_some()).unwrap();
    let now = of(&stale[last]).unwrap();
    let earlier =
        stale.iter().filter_map(of).find(|old| old.partition == now.partition && old.epoch < now.epoch);
    if let Invocation::Read { seen, .. } = &mut stale[last].call {
        *seen = Seen::Record(earlier.expect("an earlier state"));
    }
    assert!(matches!(judged(&stale).verdict, Verdict::NotLinearizable(_)), "a stale read is rejected");
}

#[test]
fn nodes_die_under_load_and_nothing_is_lost() {
    let history = rounds(10, 0x5eed, false);
    hold(&history);
    loses_one(&history);
}

/// The long version, with TLS: `cargo test -p cutover --test cluster -- --ignored two_hundred --nocapture`.
#[test]
#[ignore = "minutes: the ordinary run has ten rounds"]
fn two_hundred_nodes_die_under_load_and_nothing_is_lost() {
    let began = Instant::now();
    let history = rounds(200, 0x0c07_04e5, true);
    hold(&history);
    eprintln!("200 rounds: {:?}", began.elapsed());
}
