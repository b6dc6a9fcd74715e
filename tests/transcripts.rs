//! The library's texts for people: every refusal, and the registry of invariants. A changed text shows in the
//! snapshots (`tests/snapshots/`), where a reviewer sees it.
//!
//! `INSTA_UPDATE=always cargo test --test transcripts` writes them anew.

use cutover::core::control_plane::{StoreRefusal, StoreUse};
use cutover::core::fence::{
    Body, ChunkFault, Config, Digest, Enforcement, Fence, FenceLimits, Frontier, Input, Key, Measure,
    Mutation, MutationError, Output, Prepare, Refusal, Reply, Request, Rows, RowsDigest, StatementOrigin,
    Stuck, Value,
};
use cutover::core::gate::GateRefusal;
use cutover::core::ids::{
    Epoch, Incarnation, MigrationId, PartitionId, Placement, Position, Revision, Serial, SessionId, WriteId,
};
use cutover::core::invariant::{Id, REGISTRY};
use cutover::core::migration::{
    BackendFailure, COMMAND_BYTES_MAX, CodecError, Command, MigrationError, Operator, PolicyError, Reason,
    TextError,
};
use cutover::core::placement::Guarantee;
use std::collections::BTreeSet;
use std::fmt::{Debug, Display};

const A: Placement = Placement(0);
const B: Placement = Placement(1);

/// A line for each error: the variant and its message. Checks each message against the house style, and that it
/// contains every value of the variant.
fn lines<E: Display + Debug>(errors: &[E]) -> String {
    let mut variants = BTreeSet::new();
    let mut text = String::new();
    for error in errors {
        let (sentence, debug) = (error.to_string(), format!("{error:?}"));
        let variant = debug.split([' ', '(']).next().unwrap_or_default().to_owned();
        assert!(!sentence.contains('\n') && !sentence.ends_with('.'), "{variant}: {sentence}");
        for word in sentence.split(|c: char| !c.is_alphanumeric()) {
            // A placement is a capital letter; no other word is capitalised.
            assert!(word.len() == 1 || word.chars().all(|c| !c.is_uppercase()), "{variant}: {sentence}");
        }
        // All numbers in the examples differ, so that a missing one is noticed.
        for number in debug.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() > 1) {
            assert!(sentence.contains(number), "{variant} does not say {number}: {sentence}");
        }
        assert!(variants.insert(variant.clone()), "{variant} twice");
        text += &format!("{variant}: {sentence}\n");
    }
    text
}

/// The origin of the statements in these errors.
const ORIGIN: StatementOrigin =
    StatementOrigin { store: A, partition: PartitionId(11), incarnation: Incarnation(2) };

fn fence_refusals() -> Vec<Refusal> {
    let id = WriteId { session: SessionId(21), serial: Serial(22) };
    let (have, named) = (MigrationId(12), MigrationId(11));
    vec![
        Refusal::WrongStore { have: A, named: B },
        Refusal::WrongPartition { have: PartitionId(11), named: PartitionId(12) },
        Refusal::UnknownPartition { store: A },
        Refusal::OlderMigration { have, named },
        Refusal::OtherCopy { have, named },
        Refusal::OtherSource { have: Incarnation(11), named: Incarnation(12) },
        Refusal::Sealed { through: Epoch(31), token: Epoch(30) },
        Refusal::Closed { through: Epoch(31), token: Epoch(30) },
        Refusal::Elsewhere {
            have: Frontier::Nothing,
            at: Position(40),
            after: Frontier::Everything,
            from: Position(42),
        },
        Refusal::Finished { migration: have },
        Refusal::TooLong { what: Measure::Items, have: 1025, limit: 1024 },
        Refusal::Malformed(ChunkFault::Rows),
        Refusal::Incomplete { have: Frontier::Nothing },
        Refusal::Trimmed { oldest: Position(42), asked: Position(40) },
        Refusal::Stuck { migration: have, why: Stuck::Trimmed },
        Refusal::NothingNew { position: Position(42) },
        Refusal::Differs { found: None },
        Refusal::Behind { have: Position(40), asked: Position(42) },
        Refusal::NotSealed { have: Epoch(30), asked: Epoch(31) },
        Refusal::CannotSeal { store: A },
        Refusal::Forgotten { id },
        Refusal::Busy { limit: 1024 },
        Refusal::Halted { store: A },
    ]
}

/// Fails to compile when a variant is added, which must then be added to the list above.
const fn listed(refusal: &Refusal) {
    match refusal {
        Refusal::WrongStore { .. }
        | Refusal::WrongPartition { .. }
        | Refusal::UnknownPartition { .. }
        | Refusal::OlderMigration { .. }
        | Refusal::OtherCopy { .. }
        | Refusal::OtherSource { .. }
        | Refusal::Sealed { .. }
        | Refusal::Closed { .. }
        | Refusal::Elsewhere { .. }
        | Refusal::Finished { .. }
        | Refusal::TooLong { .. }
        | Refusal::Malformed(_)
        | Refusal::Incomplete { .. }
        | Refusal::Trimmed { .. }
        | Refusal::Stuck { .. }
        | Refusal::NothingNew { .. }
        | Refusal::Differs { .. }
        | Refusal::Behind { .. }
        | Refusal::NotSealed { .. }
        | Refusal::CannotSeal { .. }
        | Refusal::Forgotten { .. }
        | Refusal::Busy { .. }
        | Refusal::Halted { .. } => {}
    }
}

/// A digest is shown in hexadecimal.
const fn digest(ids: u128) -> Digest {
    Digest { rows: RowsDigest::of(9), ids }
}

fn migration_refusals() -> Vec<MigrationError> {
    let (partition, migration) = (PartitionId(11), MigrationId(12));
    let (have, expected) = (MigrationId(13), MigrationId(12));
    vec![
        MigrationError::UnknownPartition { partition },
        MigrationError::AlreadyExists { partition },
        MigrationError::StaleExpectation {
            expected_migration: MigrationId(12),
            expected_epoch: Epoch(31),
            migration: MigrationId(13),
            epoch: Epoch(32),
        },
        MigrationError::AlreadyMigrating { migration },
        MigrationError::NotMigrating { partition },
        MigrationError::NotDraining { migration },
        MigrationError::NotCutover { migration },
        MigrationError::SamePlacement { placement: A },
        MigrationError::NotOpen { partition },
        MigrationError::AlreadyOpen { partition },
        MigrationError::OtherSpeaker { origin: ORIGIN, placement: B },
        MigrationError::OtherIncarnation { have: Incarnation(15), expected: Incarnation(14) },
        MigrationError::OtherMigration { have, expected },
        MigrationError::OtherEpoch { have: Epoch(32), expected: Epoch(31) },
        MigrationError::SealTooLow { have: Epoch(30), needed: Epoch(31) },
        MigrationError::NotCaughtUp { have: Position(40), needed: Position(42) },
        MigrationError::DigestDiffers { have: digest(1), expected: digest(2) },
        MigrationError::Incomplete { placement: A },
        MigrationError::WatermarkMissing,
        MigrationError::WatermarkRecorded { have: Position(42) },
        MigrationError::WrongGuarantee { have: Guarantee::Timed },
        MigrationError::PlacementCap { placement: A, have: 23, limit: 22 },
        MigrationError::OverallCap { have: 23, limit: 22 },
        MigrationError::PartitionCap { limit: 100 },
        MigrationError::CopyCap { limit: 18 },
        MigrationError::Unsettled { placement: A, through: Epoch(31) },
        MigrationError::NotEnforced { placement: A, through: Epoch(31) },
        MigrationError::NoDebt { migration },
        MigrationError::UnknownCopy { placement: A, copy: migration },
        MigrationError::CopyLeft { placement: A, copy: migration },
        MigrationError::LateWrites { placement: A, before: Epoch(31) },
        MigrationError::Held { migration },
        MigrationError::NotHeld { partition },
        MigrationError::Backend { reason: BackendFailure::NoQuorum },
        MigrationError::BlockStarted { migration },
        MigrationError::UnknownName,
        MigrationError::UnknownStore { store: A },
        MigrationError::StoreGuarantee { store: A, have: Guarantee::Timed, asked: Guarantee::Sealed },
    ]
}

/// Fails to compile when a variant is added, which must then be added to the list above.
const fn listed_too(refusal: &MigrationError) {
    match refusal {
        MigrationError::UnknownPartition { .. }
        | MigrationError::AlreadyExists { .. }
        | MigrationError::StaleExpectation { .. }
        | MigrationError::AlreadyMigrating { .. }
        | MigrationError::NotMigrating { .. }
        | MigrationError::NotDraining { .. }
        | MigrationError::NotCutover { .. }
        | MigrationError::SamePlacement { .. }
        | MigrationError::NotOpen { .. }
        | MigrationError::AlreadyOpen { .. }
        | MigrationError::OtherSpeaker { .. }
        | MigrationError::OtherIncarnation { .. }
        | MigrationError::OtherMigration { .. }
        | MigrationError::OtherEpoch { .. }
        | MigrationError::SealTooLow { .. }
        | MigrationError::NotCaughtUp { .. }
        | MigrationError::DigestDiffers { .. }
        | MigrationError::Incomplete { .. }
        | MigrationError::WatermarkMissing
        | MigrationError::WatermarkRecorded { .. }
        | MigrationError::WrongGuarantee { .. }
        | MigrationError::PlacementCap { .. }
        | MigrationError::OverallCap { .. }
        | MigrationError::PartitionCap { .. }
        | MigrationError::CopyCap { .. }
        | MigrationError::Unsettled { .. }
        | MigrationError::NotEnforced { .. }
        | MigrationError::NoDebt { .. }
        | MigrationError::UnknownCopy { .. }
        | MigrationError::CopyLeft { .. }
        | MigrationError::LateWrites { .. }
        | MigrationError::BlockStarted { .. }
        | MigrationError::Held { .. }
        | MigrationError::NotHeld { .. }
        | MigrationError::UnknownName
        | MigrationError::UnknownStore { .. }
        | MigrationError::StoreGuarantee { .. }
        | MigrationError::Backend { .. } => {}
    }
}

#[test]
fn refusals_of_a_sink() {
    let refusals = fence_refusals();
    refusals.iter().for_each(listed);
    insta::assert_snapshot!("refusals_of_a_sink", lines(&refusals));
}

fn store_refusals() -> [StoreRefusal; 9] {
    let (store, by, partition) = (A, Placement(1), PartitionId(7));
    [
        StoreRefusal::NameTaken { by },
        StoreRefusal::IdentityTaken { by },
        StoreRefusal::EndpointTaken { endpoint: 2, by },
        StoreRefusal::UnknownStore { store },
        StoreRefusal::InUse { store, partition, used: StoreUse::OldCopy },
        StoreRefusal::OtherRevision { store, expected: Revision(4), found: Revision(9) },
        StoreRefusal::TooMany { have: 256, limit: 256 },
        StoreRefusal::NumberTaken { store },
        StoreRefusal::NumberNotUsed { store },
    ]
}

/// Fails to compile when a variant is added, which must then be added to the list above.
const fn listed_there(refusal: &StoreRefusal) {
    match refusal {
        StoreRefusal::NameTaken { .. }
        | StoreRefusal::IdentityTaken { .. }
        | StoreRefusal::EndpointTaken { .. }
        | StoreRefusal::UnknownStore { .. }
        | StoreRefusal::InUse { .. }
        | StoreRefusal::OtherRevision { .. }
        | StoreRefusal::TooMany { .. }
        | StoreRefusal::NumberTaken { .. }
        | StoreRefusal::NumberNotUsed { .. } => {}
    }
}

#[test]
fn refusals_of_changes_of_the_stores() {
    let refusals = store_refusals();
    refusals.iter().for_each(listed_there);
    insta::assert_snapshot!("refusals_of_changes_of_the_stores", lines(&refusals));
}

/// What a copy cannot go on for, what is wrong with a chunk, and what no write may be.
#[test]
fn refusals_of_copies_and_writes() {
    let stuck = [Stuck::Trimmed, Stuck::OtherSource, Stuck::NoSource];
    let faults = [ChunkFault::Backwards, ChunkFault::Changes, ChunkFault::Rows, ChunkFault::Ids];
    let writes = [
        MutationError::TooLong { what: "key", have: 513, limit: 512 },
        MutationError::Empty,
        MutationError::TooMany { have: 129 },
        MutationError::Twice,
        MutationError::TooLarge { have: 1_048_577 },
    ];
    let too_long = |what| Refusal::TooLong { what, have: 25, limit: 24 }.to_string() + "\n";
    let measures = [Measure::Items, Measure::Bytes].map(too_long).concat();
    let said = [lines(&stuck), lines(&faults), lines(&writes), measures].concat();
    insta::assert_snapshot!("refusals_of_copies_and_writes", said);
}

/// A row, a key and a write, as they are shown: bytes that are no text are escaped, and of a long value the beginning is enough.
#[test]
fn rows_in_messages() {
    let key = |bytes: &[u8]| Key::try_from(bytes).unwrap();
    let value = |bytes: &[u8]| Value::try_from(bytes).unwrap();
    let differs = |bytes: &[u8]| Refusal::Differs { found: Some(value(bytes)) }.to_string();
    insta::assert_snapshot!(differs(b"v1"), @r#"the row is "v1", the write expects another"#);
    insta::assert_snapshot!(differs(&[0xff, b'"']), @r#"the row is "\xff\"", the write expects another"#);
    assert!(differs(&[b'x'; 300]).len() < 100);
    let cas = Mutation::cas(key(b"k\n"), None, Some(value(b"v")));
    insta::assert_snapshot!(cas, @r"if -k\n k\n=v");
    insta::assert_snapshot!(Mutation::delete(key(b"k")), @"-k");
    let through = Frontier::Through(key(b"k7"));
    insta::assert_snapshot!(through, @"key k7");
}

#[test]
fn refusals_of_the_table() {
    let refusals = migration_refusals();
    refusals.iter().for_each(listed_too);
    insta::assert_snapshot!("refusals_of_the_table", lines(&refusals));
}

#[test]
fn refusals_of_the_gate() {
    let (partition, epoch) = (PartitionId(11), Epoch(31));
    let refusals = [
        GateRefusal::InCutover { partition, epoch },
        GateRefusal::StaleEpoch { have: Epoch(32), got: epoch },
        GateRefusal::Cached { partition },
    ];
    insta::assert_snapshot!("refusals_of_the_gate", lines(&refusals));
}

#[test]
fn refusals_of_texts_bytes_and_policies() {
    let operator = |text: &str| Operator::try_from(text.to_owned()).unwrap_err();
    let texts: [TextError; 3] = [operator(" "), operator(&"x".repeat(65)), operator("a\u{7}")];
    let policies = [
        PolicyError::Zero { what: "retry_ms" },
        PolicyError::BudgetBelowBarrier { budget: 301, barrier: 302 },
    ];
    let long = Command::decode(&vec![0; COMMAND_BYTES_MAX + 1]).unwrap_err();
    let more = Command::decode(&[[1, 0, 0, 0].as_slice(), &[7; 12]].concat()).unwrap_err();
    let none = Command::decode(&[]).unwrap_err();
    assert!(matches!(none, CodecError::Malformed(_)), "{none}");
    let said = [lines(&texts), lines(&policies), lines(&[long, more, CodecError::NotCanonical])].concat();
    insta::assert_snapshot!("refusals_of_texts_bytes_and_policies", said);
    let reason = Reason::try_from("x".repeat(257)).unwrap_err();
    insta::assert_snapshot!(reason, @"the reason has 257 bytes, at most 256 are allowed");
}

/// A refusal contains the sink's own numbers, not fixed ones.
#[test]
fn a_sink_names_what_it_has_and_what_was_asked() {
    let limits = FenceLimits::PRODUCTION;
    let (partition, incarnation, enforcement) = (PartitionId(1), Incarnation(1), Enforcement::Tokens);
    let mut fence = Fence::unknown(Config { store: A, partition, incarnation, enforcement, limits });
    let mut ask = |migration: u64| {
        let (migration, closed_through) = (MigrationId(migration), Epoch(4));
        let prepare = Prepare { migration, closed_through, source: None, keep: None };
        let request = Request { store: A, partition, body: Body::Prepare(prepare) };
        match fence.handle(&Input::Request(request), &Rows::new()).pop() {
            Some(Output::Reply(Reply::Refused { refusal, .. })) => refusal.to_string(),
            Some(Output::Reply(reply)) => format!("{reply:?}"),
            other => panic!("no answer: {other:?}"),
        }
    };
    assert!(ask(7).starts_with("Prepared"));
    insta::assert_snapshot!(ask(5), @"the copy here was made by m7, the request names the older m5");
}

/// The id, claim and source of every invariant. A change of a claim needs a reason and a review.
#[test]
fn the_registry() {
    let mut names = BTreeSet::new();
    let mut text = String::new();
    for (id, entry) in Id::ALL.iter().zip(REGISTRY) {
        assert_eq!(id.entry(), entry);
        assert_eq!(Id::named(entry.id), Some(*id));
        assert_eq!(Id::in_set(id.bit()).collect::<Vec<_>>(), [*id]);
        assert!(names.insert(entry.id), "{} twice", entry.id);
        let (first, last) = (entry.claim.chars().next().unwrap(), entry.claim.chars().last().unwrap());
        assert!(first.is_uppercase() && last == '.', "a claim is a sentence: {}", entry.claim);
        text += &format!("{} ({:?})\n  {}\n  {}\n", entry.id, entry.scope, entry.claim, entry.source);
    }
    assert_eq!(Id::ALL.len(), REGISTRY.len());
    assert_eq!(Id::named("no.such-invariant"), None);
    insta::assert_snapshot!("registry", text);
}
