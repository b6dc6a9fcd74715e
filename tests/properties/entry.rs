//! Every entry fits into the log, and is read back unchanged.

use super::{cases, codec};
use cutover::core::control_plane::{
    Address, ClusterVoterIdentity, ControlPlaneEntry, Endpoints, MembershipChange, Override, PartitionName,
};
use cutover::core::fence::{Claim, Digest, Dropped, Ended, Prepared, RowsDigest, SealReceipt};
use cutover::core::ids::{
    DirectoryId, Epoch, Incarnation, MigrationId, NodeId, PartitionId, Placement, Serial, SessionId, Term,
};
use cutover::core::migration::{
    AbortReason, Command, Expected, Operator, Reason, Release, Settlement, Transition,
};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Content, Entry, NodeLimits, Peer, Ticket};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

const PEER: Peer = Peer { node: NodeId(u8::MAX), directory: DirectoryId(u64::MAX) };
const SPEAKER: (u64, u64, u64) = (u64::MAX, u64::MAX, u64::MAX);

/// An entry with a ticket, whose numbers have the maximum length.
fn entry(payload: ControlPlaneEntry) -> Entry<ControlPlaneEntry> {
    let (session, serial) = (SessionId(u64::MAX), Serial(u64::MAX));
    let ticket = Some(Ticket { session, serial, acknowledged_through: serial });
    Entry { term: Term(u64::MAX), content: Content::Payload { ticket, payload } }
}

/// A statement with these fields, made without a sink; only its length matters here.
fn stated<T: DeserializeOwned + Serialize>(parts: &impl Serialize) -> T {
    let bytes = postcard::to_allocvec(parts).expect("they are numbers");
    let (statement, rest): (T, _) = postcard::take_from_bytes(&bytes).expect("its parts in their order");
    assert_eq!((rest.len(), postcard::to_allocvec(&statement)), (0, Ok(bytes.clone())), "all of its parts");
    statement
}

/// The longest transition of each kind.
fn transitions(operator: Operator, reason: Reason) -> Vec<Transition> {
    let max = u64::MAX;
    let expected = Expected { migration: MigrationId(max), epoch: Epoch(max) };
    let prepared: Claim<Prepared> = stated(&(1_u8, (SPEAKER, max, max, true, true)));
    let digest = Digest { rows: RowsDigest::of(u128::MAX), ids: u128::MAX };
    let receipt: Claim<SealReceipt> = stated(&(1_u8, (SPEAKER, max, max, max, digest, max)));
    let ended: Claim<Ended> = stated(&(1_u8, (SPEAKER, max, max, max, true, true)));
    let dropped: Claim<Dropped> = stated(&(1_u8, (SPEAKER, max)));
    let (placement, copy) = (Placement(u64::MAX), MigrationId(max));
    vec![
        Transition::Create { placement, guarantee: Guarantee::Timed },
        Transition::Open { expected, prepared },
        Transition::Begin { expected, to: placement },
        Transition::StartBlock { expected, target: Incarnation(max) },
        Transition::EnterCutover { expected, receipt },
        Transition::EnterTimedCutover { expected, prepared },
        Transition::RecordWatermark {
            expected,
            reading: stated(&(1_u8, (SPEAKER, max, max, max, digest, max))),
        },
        Transition::Complete { expected, evidence: stated(&(1_u8, (SPEAKER, max, max, max, digest, true))) },
        Transition::Abort { expected, why: AbortReason::Digest },
        Transition::Force {
            expected,
            ended,
            partial: true,
            operator: operator.clone(),
            reason: reason.clone(),
        },
        Transition::WriteOff { placement, copy, operator: operator.clone(), reason: reason.clone() },
        Transition::Release {
            expected,
            how: Release::AcceptTarget { guarantee: Guarantee::Timed },
            operator,
            reason,
        },
        Transition::Settle { migration: copy, proof: Settlement::Sealed(receipt) },
        Transition::Settle { migration: copy, proof: Settlement::Closed(prepared) },
        Transition::Settle { migration: copy, proof: Settlement::Dropped(dropped) },
        Transition::RetireCopy { placement, copy },
        Transition::ForgetCopy { dropped },
        Transition::Delete { expected },
    ]
}

/// The longest change of each kind.
fn longest() -> Vec<ControlPlaneEntry> {
    let operator = Operator::try_from("o".repeat(64)).expect("as long as it may be");
    let reason = Reason::try_from("ä".repeat(128)).expect("as long as it may be");
    assert!(Operator::try_from("o".repeat(65)).is_err() && Reason::try_from("r".repeat(257)).is_err());
    let even_so = Some(Override { operator: operator.clone(), reason: reason.clone() });
    let most = usize::try_from(ClusterVoterIdentity::BYTES_MAX).unwrap();
    let subject = format!("CN={}", "n".repeat(most - 3));
    let identity = ClusterVoterIdentity::from_certificate_subject(&subject).expect("as long as it may be");
    assert_eq!(identity.as_str().len(), most);
    assert!(ClusterVoterIdentity::from_certificate_subject(&format!("{subject}n")).is_err());
    let address: Address =
        format!("{}:65535", "n".repeat(Address::BYTES_MAX - 6)).parse().expect("as long as it may be");
    assert!(format!("n{address}").parse::<Address>().is_err());
    let endpoints = Endpoints { peer: Some(address.clone()), client: Some(address) };
    let name: PartitionName = "n".repeat(PartitionName::BYTES_MAX).parse().expect("as long as it may be");
    let partition = PartitionId(u64::MAX);
    let moved = transitions(operator, reason).into_iter().map(|transition| Command { partition, transition });
    let mut entries: Vec<_> = moved.map(ControlPlaneEntry::OwnershipTransition).collect();
    let named = |entry: &ControlPlaneEntry| match entry {
        ControlPlaneEntry::OwnershipTransition(Command { transition, .. }) => {
            let (name, transition) = (name.clone(), transition.clone());
            Some(ControlPlaneEntry::NamedTransition { name, transition })
        }
        ControlPlaneEntry::NamedTransition { .. }
        | ControlPlaneEntry::MembershipChange(_)
        | ControlPlaneEntry::StoreChange(_)
        | ControlPlaneEntry::OrderChange(_)
        | ControlPlaneEntry::LeaderConfiguration { .. } => None,
    };
    let by_name: Vec<_> = entries.iter().filter_map(named).collect();
    entries.extend(by_name);
    let changes = [
        MembershipChange::Admit { peer: PEER, identity, endpoints },
        MembershipChange::Promote { peer: PEER, even_so: even_so.clone() },
        MembershipChange::Remove { peer: PEER, even_so },
    ];
    entries.extend(changes.map(ControlPlaneEntry::MembershipChange));
    entries.extend(super::stores::longest().map(ControlPlaneEntry::StoreChange));
    entries.extend(super::orders::longest().map(ControlPlaneEntry::OrderChange));
    entries.push(ControlPlaneEntry::LeaderConfiguration { term: Term(u64::MAX), leader: PEER.node });
    entries
}

fn survives(entry: &Entry<ControlPlaneEntry>) -> usize {
    let bytes = postcard::to_allocvec(entry).expect("every entry can be written");
    assert_eq!(u32::try_from(bytes.len()), Ok(entry.encoded_len()));
    let (read, rest): (Entry<ControlPlaneEntry>, _) = postcard::take_from_bytes(&bytes).expect("and read");
    assert_eq!((&read, rest.len()), (entry, 0));
    bytes.len()
}

/// The entry fits even if three more bytes are needed.
#[test]
fn the_longest_entry_of_each_kind_fits() {
    let max = usize::try_from(NodeLimits::PRODUCTION.entry_bytes_max).unwrap();
    let lengths: Vec<_> = longest().into_iter().map(|payload| survives(&entry(payload))).collect();
    let longest = lengths.iter().copied().max().unwrap();
    assert!(longest <= 1024 && longest * 4 <= max, "{longest} of {max} bytes");
}

/// Any entry that a client can propose.
fn any_entry() -> impl Strategy<Value = ControlPlaneEntry> {
    let peer = (any::<u8>(), any::<u64>())
        .prop_map(|(node, life)| Peer { node: NodeId(node), directory: DirectoryId(life) });
    let host = proptest::option::of(
        "[a-z0-9.-]{1,100}:[1-9][0-9]{0,3}".prop_map(|text| text.parse::<Address>().expect("it is one")),
    );
    let endpoints = (host.clone(), host).prop_map(|(peer, client)| Endpoints { peer, client });
    let change =
        (0_u8..3, peer, "[a-zä,+ ]{0,60}", endpoints).prop_map(|(kind, peer, name, endpoints)| match kind {
            0 => {
                let name: String = name
                    .chars()
                    .flat_map(|c| ['\\', c].into_iter().skip(usize::from(c.is_alphabetic())))
                    .collect();
                let subject = format!("CN=n{name}n");
                let identity =
                    ClusterVoterIdentity::from_certificate_subject(&subject).expect("it is escaped");
                MembershipChange::Admit { peer, identity, endpoints }
            }
            1 => MembershipChange::Promote { peer, even_so: None },
            _ => MembershipChange::Remove { peer, even_so: None },
        });
    prop_oneof![
        4 => codec::command().prop_map(ControlPlaneEntry::OwnershipTransition),
        2 => change.prop_map(ControlPlaneEntry::MembershipChange),
        2 => super::stores::any_change().prop_map(ControlPlaneEntry::StoreChange),
        2 => super::orders::any_change().prop_map(ControlPlaneEntry::OrderChange),
        1 => ("[a-z][a-z0-9._-]{0,62}[a-z]", codec::command()).prop_map(|(name, command)| {
            let name: PartitionName = name.parse().expect("it is one");
            ControlPlaneEntry::NamedTransition { name, transition: command.transition }
        }),
        1 => (any::<u64>(), any::<u8>()).prop_map(|(term, leader)| ControlPlaneEntry::LeaderConfiguration {
            term: Term(term),
            leader: NodeId(leader),
        }),
    ]
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn an_entry_survives_its_bytes(payload in any_entry()) {
        let longest = survives(&entry(payload));
        prop_assert!(longest <= 1024, "{longest} bytes");
    }

    /// An entry that is decoded from arbitrary bytes of a peer or disk has texts within their limits.
    #[test]
    fn damaged_bytes_are_no_entry_or_one_that_keeps_the_bounds(
        payload in any_entry(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = postcard::to_allocvec(&entry(payload)).expect("every entry can be written");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok((read, _)) = postcard::take_from_bytes::<Entry<ControlPlaneEntry>>(&bytes) {
            prop_assert!(survives(&read) <= 1024);
        }
    }
}
