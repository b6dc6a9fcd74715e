//! Encodings of messages, batches, disks and snapshots, taken from runs of a cluster.

use super::act::{ClusterEvent, act};
use super::cases;
use super::hosts::{NodeMessage, Observation};
use super::run::Run;
use cutover::core::control_plane::{ControlPlaneEntry, ControlPlaneState};
use cutover::core::raft::{Batch, Body, Elections, Message, MessageError, Snapshot};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::BTreeSet;

/// All messages and batches of a run, without repetitions.
fn said(acts: &[ClusterEvent]) -> (Vec<NodeMessage>, Vec<Batch<ControlPlaneEntry>>) {
    let mut run = Run::new(Elections::Stable, 3);
    run.elect();
    let (mut messages, mut batches) = (BTreeSet::new(), BTreeSet::new());
    for act in acts {
        for told in run.take(act) {
            match told {
                Observation::Received(message) => {
                    messages.insert(message);
                }
                Observation::Wrote(_, batch) => {
                    batches.insert(batch);
                }
                Observation::Did(..) | Observation::Waits(..) => {}
            }
        }
    }
    (messages.into_iter().collect(), batches.into_iter().collect())
}

proptest! {
    #![proptest_config(cases(1))]

    #[test]
    fn a_message_cut_short_or_followed_by_more_is_refused(
        acts in prop::collection::vec(act(), 20..80),
        cut in any::<Index>(),
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        for message in said(&acts).0 {
            let bytes = message.encode().expect("a message can be written");
            let back = Message::decode(&bytes);
            prop_assert_eq!(back.as_ref(), Ok(&message));
            let short = NodeMessage::decode(&bytes[..cut.index(bytes.len())]);
            prop_assert!(matches!(short, Err(MessageError::Malformed(_))));
            let long = [bytes, more.clone()].concat();
            prop_assert_eq!(NodeMessage::decode(&long), Err(MessageError::Trailing { have: more.len() }));
        }
    }

    /// A message with a flipped bit decodes to some message or is refused.
    #[test]
    fn a_wrong_bit_does_no_harm(
        acts in prop::collection::vec(act(), 20..60),
        at in any::<Index>(),
        flip in 0_u8..8,
    ) {
        for message in said(&acts).0 {
            let mut bytes = message.encode().expect("a message can be written");
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << flip;
            if let Ok(other) = NodeMessage::decode(&bytes) {
                let again = other.encode().expect("what was read can be written");
                prop_assert_eq!(NodeMessage::decode(&again), Ok(other));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = NodeMessage::decode(&bytes) {
            let again = message.encode().expect("what was read can be written");
            prop_assert_eq!(NodeMessage::decode(&again), Ok(message));
        }
    }

    #[test]
    fn a_batch_cut_short_is_none(acts in prop::collection::vec(act(), 20..80), cut in any::<Index>()) {
        for batch in said(&acts).1 {
            let bytes = postcard::to_allocvec(&batch).expect("a batch can be written");
            let short = &bytes[..cut.index(bytes.len())];
            prop_assert!(postcard::from_bytes::<Batch<ControlPlaneEntry>>(short).is_err());
        }
    }

    #[test]
    fn a_snapshot_cut_short_or_followed_by_more_cannot_be_read(
        acts in prop::collection::vec(act(), 40..120),
        cut in any::<Index>(),
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        for batch in said(&acts).1 {
            let Some(snapshot) = batch.snapshot else { continue };
            let applied = snapshot.applied::<ControlPlaneState>().expect("it was just taken");
            prop_assert_eq!(applied.last(), snapshot.last);
            prop_assert_eq!(applied.configuration(), &snapshot.configuration);
            let bytes = snapshot.data.bytes();
            let with = |data: &[u8]| {
                let snapshot = Snapshot { data: data.to_vec().into(), ..(*snapshot).clone() };
                (snapshot.prepare::<ControlPlaneState>().is_ok(), snapshot.applied::<ControlPlaneState>().ok())
            };
            prop_assert_eq!(with(bytes), (true, Some(applied)));
            prop_assert_eq!(with(&bytes[..cut.index(bytes.len())]), (false, None));
            prop_assert_eq!(with(&[bytes, &more].concat()), (false, None));
        }
    }

    /// A snapshot that cannot be decoded changes nothing and is not acknowledged; one that is old or known is not
    /// decoded at all.
    #[test]
    fn a_snapshot_that_cannot_be_read_is_as_good_as_lost(
        acts in prop::collection::vec(act(), 40..200),
        cut in any::<Index>(),
    ) {
        let mut run = Run::new(Elections::Plain, 3);
        run.elect();
        for act in &acts {
            for told in run.take(act) {
                let Observation::Received(message) = told else { continue };
                let Body::Install(snapshot) = &message.body else { continue };
                let Some(node) = run.cluster.node(message.to.node) else { continue };
                let bytes = snapshot.data.bytes();
                let data = bytes[..cut.index(bytes.len())].to_vec().into();
                let broken = std::sync::Arc::new(Snapshot { data, ..(**snapshot).clone() });
                let mut other = node.clone();
                let said = other.handle(cutover::core::raft::Input::Received(Message {
                    body: Body::Install(broken),
                    ..message.clone()
                }));
                prop_assert_eq!(other.snapshot(), node.snapshot());
                prop_assert!(said.iter().all(|output| !matches!(output, cutover::core::raft::Output::Installed(_))));
            }
        }
    }
}
