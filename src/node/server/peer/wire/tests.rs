//! The encoding of one message of each kind. Nodes of different builds must agree on it: a difference here is a change of
//! the format, and takes a new [`PROTOCOL`](super::PROTOCOL).

use super::split::split_by;
use super::{Hello, PROTOCOL, decode, encode, hello, read_hello};
use crate::core::control_plane::{
    Address, ClusterVoterIdentity, ControlPlaneEntry, Endpoints, Founder, MembershipChange, MoveOrder,
    OrderChange, OrderOf, OwnershipTransition, PartitionName, Registered, StoreChange, StoreEndpoints,
    StoreFacts, Stores,
};
use crate::core::ids::{
    ClusterId, DirectoryId, Epoch, HistoryId, Index, MigrationId, NodeId, PartitionId, Placement, Serial,
    SessionId, Term,
};
use crate::core::migration::{Caps, Expected, Transition};
// The table of rooms binds production code only.
#[cfg(test)]
use crate::core::placement::Guarantee;
use crate::core::raft::{Append, Body, Content, Entry, LogPosition, Message, Peer, SessionLimits, Ticket};
use core::fmt::Write as _;
use prost::Message as _;
use std::sync::Arc;

const ME: Peer = Peer { node: NodeId(1), directory: DirectoryId(1) };
const OTHER: Peer = Peer { node: NodeId(2), directory: DirectoryId(300) };

fn at(term: u64, index: u64) -> LogPosition {
    LogPosition { term: Term(term), index: Index(index) }
}

fn registered(node: u8) -> Registered {
    let identity = format!("CN=n{node},O=example");
    let port = |name: &str| Address::try_from(format!("{name}:70{node}")).ok();
    let identity = ClusterVoterIdentity::from_certificate_subject(&identity);
    Registered {
        identity: identity.unwrap(),
        endpoints: Endpoints { peer: port("peer"), client: port("client") },
    }
}

fn store() -> StoreFacts {
    let address = Address::try_from("store:7400".to_owned()).unwrap();
    StoreFacts {
        name: "eu-1".parse().unwrap(),
        kind: "reference".parse().unwrap(),
        endpoints: StoreEndpoints::try_from(vec![address]).unwrap(),
        guarantee: Guarantee::Sealed,
        identity: "CN=eu-1".parse().unwrap(),
    }
}

fn entries() -> Vec<Entry<ControlPlaneEntry>> {
    let ticket = Ticket { session: SessionId(3), serial: Serial(2), acknowledged_through: Serial(1) };
    let expected = Expected { migration: MigrationId(4), epoch: Epoch(5) };
    let transition = Transition::Begin { expected, to: Placement(2) };
    let moved = OwnershipTransition { partition: PartitionId(7), transition };
    let Registered { identity, endpoints } = registered(2);
    let admit = MembershipChange::Admit { peer: OTHER, identity, endpoints };
    let payloads = [
        (None, ControlPlaneEntry::LeaderConfiguration { term: Term(6), leader: NodeId(1) }),
        (None, ControlPlaneEntry::MembershipChange(admit)),
        (Some(ticket), ControlPlaneEntry::OwnershipTransition(moved)),
        (
            None,
            ControlPlaneEntry::NamedTransition {
                name: PartitionName::try_from("acme".to_owned()).unwrap(),
                transition: Transition::Create { placement: Placement(1), guarantee: Guarantee::Timed },
            },
        ),
        (None, ControlPlaneEntry::StoreChange(StoreChange::Add { number: None, store: store() })),
        (
            None,
            ControlPlaneEntry::OrderChange(OrderChange::Order {
                partition: PartitionId(7),
                of: OrderOf::Next { expected, to: Placement(2) },
                order: MoveOrder { hold: true, keep_source_s: Some(60), ..MoveOrder::default() },
            }),
        ),
    ];
    let payloads = payloads.map(|(ticket, payload)| Content::Payload { ticket, payload });
    let contents = payloads.into_iter().chain([Content::OpenSession, Content::CloseSession(SessionId(8))]);
    contents.map(|content| Entry { term: Term(6), content }).collect()
}

/// The body that comes after another one in the list of all kinds.
fn next(body: Option<&Body<ControlPlaneEntry>>) -> Option<Body<ControlPlaneEntry>> {
    let Some(body) = body else {
        return Some(Body::PreVote { campaign_term: Term(6), last: at(5, 4) });
    };
    Some(match body {
        Body::PreVote { .. } => Body::PreVoted { campaign_term: Term(6), granted: true },
        Body::PreVoted { .. } => Body::RequestVote { last: at(5, 4), transfer: true },
        Body::RequestVote { .. } => Body::VoteReply { granted: true },
        Body::VoteReply { .. } => {
            Body::Append(Append { prev: at(5, 4), entries: entries(), commit: Index(4), round: 9 })
        }
        Body::Append(_) => Body::Appended { matched: Index(10), round: 9 },
        Body::Appended { .. } => Body::AppendRejected { at: Index(4), hint: at(2, 3), round: 9 },
        Body::AppendRejected { .. } => {
            let voters = [ME, OTHER].map(|peer| (peer, registered(peer.node.0)));
            let founder = Founder {
                cluster: ClusterId(0x50),
                history: HistoryId(0x51),
                voters: voters.into(),
                caps: Caps::PRODUCTION,
                sessions: SessionLimits::PRODUCTION,
                stores: Stores::none(),
            };
            Body::Install(Arc::clone(&founder.disk().unwrap().snapshot))
        }
        Body::Install(_) => Body::TimeoutNow,
        Body::TimeoutNow => Body::StaleTerm,
        Body::StaleTerm => return None,
    })
}

fn messages() -> impl Iterator<Item = Message<ControlPlaneEntry>> {
    let bodies = std::iter::successors(next(None), |body| next(Some(body)));
    bodies.map(|body| Message {
        history: HistoryId(0x51),
        from: ME,
        to: OTHER,
        admitted: Index(3),
        term: Term(6),
        body,
    })
}

/// A title, and under it bytes in hexadecimal.
fn dump(text: &mut String, title: &str, bytes: &[u8]) {
    writeln!(text, "{title}").unwrap();
    for line in bytes.chunks(32) {
        let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "  {hex}").unwrap();
    }
}

#[test]
fn messages_are_encoded_as_ever() {
    let mut text = format!("version {PROTOCOL}\n");
    for message in messages() {
        let bytes = encode(&message).unwrap();
        let kind = format!("{:?}", message.body);
        let kind: String = kind.chars().take_while(char::is_ascii_alphanumeric).collect();
        dump(&mut text, &kind, &bytes);
        assert_eq!(decode(&bytes).unwrap(), message);
    }
    insta::assert_snapshot!(text, @r"
    version 6
    PreVote
      51010102ac02030600060504
    PreVoted
      51010102ac020306010601
    RequestVote
      51010102ac02030602050401
    VoteReply
      51010102ac0203060301
    Append
      51010102ac02030604050408060000030601060000000002ac020f434e3d6e32
      2c4f3d6578616d706c650108706565723a373032010a636c69656e743a373032
      060001030201010702040502060000020461636d650001010600000400000465
      752d31097265666572656e6365010a73746f72653a373430300007434e3d6575
      2d3106000005000700040502010000013c0006010602080409
    Appended
      51010102ac020306050a09
    AppendRejected
      51010102ac0203060604020309
    Install
      51010102ac02030607510001020101000002ac020000006a80081000500208a0
      8d06080000000002010f434e3d6e312c4f3d6578616d706c650108706565723a
      373031010a636c69656e743a373031020f434e3d6e322c4f3d6578616d706c65
      0108706565723a373032010a636c69656e743a37303200000000000001000000
      0000
    TimeoutNow
      51010102ac02030608
    StaleTerm
      51010102ac02030609
    ");
}

#[test]
fn frames_are_encoded_as_ever() {
    let mut text = format!("version {PROTOCOL}\n");
    let who = Hello { from: ME, to: OTHER, cluster: ClusterId(0x50), history: HistoryId(0x51), run: 0x52 };
    let address = Address::try_from("peer:701".to_owned()).unwrap();
    let frame = hello(&who, Some(&address));
    assert_eq!(read_hello(frame.hello.as_ref().unwrap()), Ok(who));
    dump(&mut text, "hello", &hello(&who, Some(&address)).encode_to_vec());
    let bytes = encode(&messages().next().unwrap()).unwrap();
    for frame in split_by(8, &bytes) {
        dump(&mut text, "frame", &frame.encode_to_vec());
    }
    insta::assert_snapshot!(text, @r"
    version 6
    hello
      1a3d10012208706565723a373031280631010000000000000039500000000000
      00004151000000000000004802512c01000000000000595200000000000000
    frame
      0a0851010102ac020306
    frame
      0a04000605041001
    ");
}
