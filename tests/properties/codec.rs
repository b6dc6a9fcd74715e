//! Encodings in bytes and in text.

use super::{cases, some};
use cutover::core::ids::{Epoch, Incarnation, MigrationId, PartitionId, Placement};
use cutover::core::migration::{
    AbortReason, COMMAND_BYTES_MAX, CodecError, Command, Expected, Operator, Reason, Release, Settlement,
    TextError, Transition,
};
use cutover::node::proto::{PartitionSelector, request};
use proptest::prelude::*;

fn operator() -> impl Strategy<Value = Operator> {
    "[ -~äß]{0,30}[a-z]".prop_map(|text| Operator::try_from(text).expect("visible and short"))
}

fn reason() -> impl Strategy<Value = Reason> {
    "[ -~äß]{0,120}[a-z]".prop_map(|text| Reason::try_from(text).expect("visible and short"))
}

/// Any reason of an abort.
pub fn abort_reason() -> impl Strategy<Value = AbortReason> {
    prop::sample::select(vec![
        AbortReason::Operator,
        AbortReason::Budget,
        AbortReason::TakenOver,
        AbortReason::Refused,
        AbortReason::Broken,
        AbortReason::Ended,
        AbortReason::Digest,
    ])
}

/// Any command.
pub fn command() -> impl Strategy<Value = Command> {
    let expected = (some::number(), some::number())
        .prop_map(|(migration, epoch)| Expected { migration: MigrationId(migration), epoch: Epoch(epoch) });
    let parts = (expected, some::statements(), any::<u64>(), some::guarantee(), operator(), reason());
    let parts = (parts, abort_reason(), any::<bool>());
    let transition = (0_u8..20, parts).prop_map(|(kind, (parts, why, partial))| {
        let (expected, said, placement, guarantee, operator, reason) = parts;
        let placement = Placement(placement);
        let migration = expected.migration;
        match kind {
            0 => Transition::Create { placement, guarantee },
            1 => Transition::Open { expected, prepared: said.prepared.into() },
            2 => Transition::Begin { expected, to: placement },
            3 => Transition::EnterCutover { expected, receipt: said.receipt.into() },
            4 => Transition::EnterTimedCutover { expected, prepared: said.prepared.into() },
            5 => Transition::RecordWatermark { expected, reading: said.reading.into() },
            6 => Transition::Complete { expected, evidence: said.evidence.into() },
            7 => Transition::Abort { expected, why },
            8 => Transition::Force { expected, ended: said.ended.into(), partial, operator, reason },
            9 => Transition::Settle { migration, proof: Settlement::Sealed(said.receipt.into()) },
            10 => Transition::Settle { migration, proof: Settlement::Closed(said.prepared.into()) },
            11 => Transition::Settle { migration, proof: Settlement::Dropped(said.dropped.into()) },
            12 => Transition::RetireCopy { placement, copy: migration },
            13 => Transition::ForgetCopy { dropped: said.dropped.into() },
            17 => Transition::WriteOff { placement, copy: migration, operator, reason },
            14 => Transition::Release { expected, how: Release::Resume, operator, reason },
            15 => Transition::Release { expected, how: Release::KeepSource, operator, reason },
            16 => {
                let how = Release::AcceptTarget { guarantee };
                Transition::Release { expected, how, operator, reason }
            }
            18 => Transition::StartBlock { expected, target: Incarnation(migration.0) },
            _ => Transition::Delete { expected },
        }
    });
    (any::<u64>(), transition)
        .prop_map(|(partition, transition)| Command { partition: PartitionId(partition), transition })
}

/// Bytes that decode to a command are the encoding of that command: there is only one.
fn decoded_is_sound(bytes: &[u8]) -> Result<(), TestCaseError> {
    let Ok(command) = Command::decode(bytes) else { return Ok(()) };
    let again = command.encode().expect("what was read can be written");
    prop_assert_eq!(again.as_slice(), bytes, "{:?} has two encodings", command);
    Ok(())
}

/// The bytes of a command, of which one may say whether a store made its statement, or somebody reported it.
fn bytes_of(partition: PartitionId, transition: Transition) -> Vec<u8> {
    Command { partition, transition }.encode().expect("every command fits")
}

proptest! {
    #![proptest_config(cases(8))]

    /// What a client asks for arrives as it was, but its statements are reported ones.
    #[test]
    fn a_command_survives_the_client_interface(command in command()) {
        let Command { partition, transition } = command;
        let asked = request(PartitionSelector::Id(partition), transition.clone(), None);
        let sent = asked.transition.expect("it has one");
        let arrived = Transition::try_from(sent).expect("it is well-formed");
        prop_assert!(!transition.is_reported() || arrived.is_reported());
        let (was, is) = (bytes_of(partition, transition), bytes_of(partition, arrived.clone()));
        prop_assert_eq!(was.len(), is.len());
        let differ: Vec<_> = was.iter().zip(&is).filter(|(was, is)| was != is).collect();
        let reported = arrived.is_reported() && differ == [(&0, &1)];
        prop_assert!(differ.is_empty() || reported, "{:?}", differ);
        let again = request(PartitionSelector::Id(partition), arrived.clone(), None).transition;
        prop_assert_eq!(again.map(Transition::try_from), Some(Ok(arrived)));
    }

    #[test]
    fn a_command_survives_its_bytes(command in command()) {
        let bytes = command.encode().expect("every command fits");
        prop_assert!(bytes.len() <= 512, "{} bytes: every part of a command is small", bytes.len());
        prop_assert_eq!(Command::decode(&bytes), Ok(command));
    }

    #[test]
    fn one_bit_more_or_less_is_no_way_in(command in command(), at in any::<prop::sample::Index>(), flip in 0_u8..8) {
        let mut bytes = command.encode().expect("every command fits");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << flip;
        decoded_is_sound(&bytes)?;
        prop_assert_ne!(Command::decode(&bytes), Ok(command));
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_sound(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        decoded_is_sound(&bytes)?;
    }

    /// A number can be padded with empty groups of bits; here the first number, the partition.
    #[test]
    fn another_encoding_of_a_command_is_refused(command in command(), groups in 1_usize..4) {
        let bytes = command.encode().expect("every command fits");
        let last = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number ends");
        let mut padded = bytes[..=last].to_vec();
        padded[last] |= 0x80;
        padded.extend(vec![0x80; groups - 1]);
        padded.push(0);
        padded.extend(&bytes[last + 1..]);
        let refusal = if last + groups < 10 {
            prop_assert_eq!(Command::decode(&padded), Err(CodecError::NotCanonical));
            "it is not canonical"
        } else {
            prop_assert!(matches!(Command::decode(&padded), Err(CodecError::Malformed(_))));
            "it has more groups than a partition's 64 bits"
        };
        prop_assert_ne!(Command::decode(&padded), Ok(command), "{}", refusal);
    }

    #[test]
    fn a_command_cut_short_or_followed_by_more_is_refused(
        command in command(),
        more in prop::collection::vec(any::<u8>(), 1..16),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = command.encode().expect("every command fits");
        let short = &bytes[..cut.index(bytes.len())];
        prop_assert!(matches!(Command::decode(short), Err(CodecError::Malformed(_))));
        let have = more.len();
        let long = [bytes, more].concat();
        prop_assert_eq!(Command::decode(&long), Err(CodecError::Trailing { have }));
    }

    #[test]
    fn what_is_longer_than_any_command_is_not_read(command in command(), over in 1_usize..100) {
        let mut bytes = command.encode().expect("every command fits");
        let have = COMMAND_BYTES_MAX + over;
        bytes.resize(have, 0);
        prop_assert_eq!(Command::decode(&bytes), Err(CodecError::TooLong { have }));
    }

    #[test]
    fn a_text_is_taken_as_it_is_or_refused_for_what_it_is(text in "[ -~\\t\\u{0}\\u{85}äß\\u{1F600}]{0,80}") {
        let (have, limit, what) = (text.len(), 64, "the operator");
        let control = text.chars().any(char::is_control);
        let expected = match () {
            () if have > limit => Err(TextError::TooLong { what, have, limit }),
            () if control => Err(TextError::Control { what }),
            () if text.trim().is_empty() => Err(TextError::Empty { what }),
            () => Ok(text.clone()),
        };
        prop_assert_eq!(Operator::try_from(text).map(String::from), expected);
    }

    #[test]
    fn a_text_over_its_bound_does_not_come_in_by_the_log(have in 65_usize..200, said in some::statements()) {
        let operator = Operator::try_from("o".repeat(64)).expect("64 bytes are allowed");
        let reason = Reason::try_from("r".repeat(256)).expect("256 bytes are allowed");
        let expected = Expected { migration: MigrationId(1), epoch: Epoch(1) };
        let force =
            Transition::Force { expected, ended: said.ended.into(), partial: false, operator, reason };
        let bytes = Command { partition: PartitionId(1), transition: force }.encode().expect("it fits");
        // The operator follows its length, 64; then comes the reason with its length, 256.
        let at = bytes.windows(2).position(|pair| pair == [64, b'o']).expect("the operator is in there");
        let mut forged = bytes[..at].to_vec();
        forged.extend(postcard::to_allocvec(&"o".repeat(have)).expect("a text can be written"));
        forged.extend(&bytes[at + 65..]);
        prop_assert!(matches!(Command::decode(&forged), Err(CodecError::Malformed(_))));
    }
}

#[test]
fn the_bounds_of_texts_are_inclusive() {
    let (what, limit) = ("the reason", 256);
    assert!(Reason::try_from("r".repeat(256)).is_ok());
    assert_eq!(Reason::try_from("r".repeat(257)), Err(TextError::TooLong { what, have: 257, limit }));
    assert_eq!(Reason::try_from(" ".to_owned()), Err(TextError::Empty { what }));
    assert_eq!(Reason::try_from("a\nb".to_owned()), Err(TextError::Control { what }));
}
