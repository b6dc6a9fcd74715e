//! Who a node is: its data directory, and the subject of its certificate. Directories that are lost, emptied, swapped; nodes
//! that are no members and say what they like; a certificate of somebody else at a node's address.

use super::harness::{Node, until};
use super::made::{Cluster, address, anybody, options, security};
use cutover::client::ClientError;
use cutover::core::control_plane::ControlPlaneEntry;
use cutover::core::ids::{DirectoryId, HistoryId, Index, NodeId, Term};
use cutover::core::raft::{Append, Body, LogPosition, Message, Peer};
use cutover::node::proto::v1::{PeerFrame, PeerHello, Role, StatusResponse, peer_client::PeerClient};
use std::time::Duration;

/// The terms and kinds of messages that a node which is no member might send.
fn messages(hello: &PeerHello, term: u64) -> Vec<PeerFrame> {
    let peer = |node: u32, directory| Peer {
        node: NodeId(u8::try_from(node).unwrap()),
        directory: DirectoryId(directory),
    };
    let at = |index| LogPosition { term: Term(term), index: Index(index) };
    let empty = Append { prev: LogPosition::ZERO, entries: Vec::new(), commit: Index::ZERO, round: 9 };
    let bodies: [Body<ControlPlaneEntry>; 10] = [
        Body::PreVote { campaign_term: Term(term.saturating_add(1)), last: at(1_000) },
        Body::PreVoted { campaign_term: Term(term), granted: true },
        Body::RequestVote { last: at(1_000), transfer: true },
        Body::VoteReply { granted: true },
        Body::VoteReply { granted: false },
        Body::Append(empty),
        Body::Appended { matched: Index(1), round: 9 },
        Body::AppendRejected { at: Index(1), hint: LogPosition::ZERO, round: 9 },
        Body::TimeoutNow,
        Body::StaleTerm,
    ];
    let framed = |(body, admitted): (Body<ControlPlaneEntry>, u64)| {
        let message = Message {
            history: HistoryId(hello.history),
            from: peer(hello.node, hello.directory),
            to: peer(hello.to_node, hello.to_directory),
            admitted: Index(admitted),
            term: Term(term),
            body,
        };
        PeerFrame { data: message.encode().unwrap(), last: true, hello: None }
    };
    // It claims to be of the beginning, or newer than all that the receiver has.
    bodies.into_iter().flat_map(|body| [(body.clone(), 0), (body, u64::MAX)]).map(framed).collect()
}

/// Sends these frames after a hello; the stream stays open. Returns the refusal, if there is one soon.
fn says(
    cluster: &Cluster,
    at: usize,
    with: usize,
    hello: &PeerHello,
    frames: Vec<PeerFrame>,
) -> Option<tonic::Status> {
    let (to, security) = (address(cluster.nodes[at].peer), security(cluster.nodes[with].files.as_ref()));
    let first = PeerFrame { data: Vec::new(), last: false, hello: Some(hello.clone()) };
    cluster.run(async move {
        let channel = cutover::node::tls::channel(&to, &security, &anybody()).await.unwrap();
        let frames = tokio_stream::iter(std::iter::once(first).chain(frames));
        let mut client = PeerClient::new(channel);
        tokio::time::timeout(Duration::from_secs(2), client.exchange(frames)).await.ok()?.err()
    })
}

/// Every kind of message, with every kind of term, of a node that was removed and of one that was never admitted.
#[test]
fn a_node_that_is_no_member_changes_nothing_whatever_it_says() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let leader = cluster.leader();
    let gone = (leader + 1) % 3;
    let its_directory = cluster.status(gone).unwrap().directory;
    let number = cluster.nodes[gone].number;
    cluster.ctl(&["members", "remove", &number.to_string()]).ok();
    cluster.nodes[gone].kill();
    let before: Vec<StatusResponse> = [leader, (leader + 2) % 3].map(|at| cluster.status(at).unwrap()).into();
    let term = before[0].term;
    for at in [leader, (leader + 2) % 3] {
        let removed = PeerHello { node: number.into(), directory: its_directory, ..cluster.hello_to(at) };
        let refused = says(&cluster, at, gone, &removed, messages(&removed, term + 1)).expect("a refusal");
        assert!(refused.message().contains("was removed from the cluster"), "{refused:?}");
        // With another directory id it is a node that was never admitted: it may be newer, so it is let in.
        let stranger = PeerHello { directory: 77_777, ..removed };
        for term in [term - 1, term, term + 1, term + (1 << 21), u64::MAX - 1, u64::MAX] {
            let _ended = says(&cluster, at, gone, &stranger, messages(&stranger, term));
        }
    }
    for (at, before) in [leader, (leader + 2) % 3].into_iter().zip(before) {
        let now = cluster.status(at).unwrap();
        assert_eq!((now.role(), now.term), (before.role(), before.term), "n{}", now.node);
    }
    cluster.ctl(&["create", "globex", "--at", "A"]).ok();
}

/// Three voters; n2 is down; a creation is acknowledged; n1 and n3 stop, and n3 loses its data. n2 and n3 are a majority by
/// number, but n3 is not that voter: nobody leads until n1 is back, and the creation is there.
#[test]
fn a_voter_without_its_data_does_not_vote_the_rest_into_the_past() {
    let mut cluster = Cluster::secure(3);
    cluster.nodes[1].kill();
    cluster.serves();
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    cluster.nodes[0].kill();
    cluster.nodes[2].kill();
    // The volume is not mounted: the mount point is there, and empty.
    let (data, away) = (cluster.nodes[2].data.clone(), cluster.nodes[2].directory.join("away"));
    std::fs::rename(&data, &away).unwrap();
    std::fs::create_dir(&data).unwrap();
    cluster.nodes[1].start();
    cluster.nodes[2].start();
    cluster.nodes[2].hears("made an empty data directory");
    cluster.nodes[1].hears("its data directory is another one");
    // Longer than several elections.
    std::thread::sleep(Duration::from_secs(5));
    for at in [1, 2] {
        let status = cluster.status(at).unwrap();
        assert!(status.role() != Role::Leader && status.leader.is_none(), "{status:?}");
    }
    let client = cluster.client_of(cluster.ann.as_ref(), options(2));
    let read = cluster.run(client.members()).unwrap_err();
    assert!(
        matches!(read, ClientError::NoLeader(_) | ClientError::Busy(_) | ClientError::Unreachable(_)),
        "{read:?}"
    );
    let told = cluster.status_of(&cluster.nodes[2].client.to_string());
    assert!(
        told.contains("waits to be admitted") || told.contains("its data directory is another one"),
        "{told}"
    );
    cluster.nodes[0].start();
    cluster.serves();
    cluster.ctl(&["get", "acme"]).ok();
    // Mounted again, it is the voter that it was.
    cluster.nodes[2].kill();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&away, &data).unwrap();
    cluster.nodes[2].start();
    cluster.nodes[1].kill();
    cluster.serves();
    cluster.ctl(&["get", "acme"]).ok();
}

/// A majority loses its data. One node has everything; it cannot go on without an order, and `recover` loses nothing.
#[test]
fn a_majority_without_its_data_needs_an_order() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    for node in &mut cluster.nodes {
        node.kill();
    }
    for at in [1, 2] {
        std::fs::remove_dir_all(&cluster.nodes[at].data).unwrap();
    }
    for node in &mut cluster.nodes {
        node.start();
    }
    cluster.nodes[0].hears("its data directory is another one");
    std::thread::sleep(Duration::from_secs(4));
    assert!(cluster.status(0).unwrap().leader.is_none());
    cluster.nodes[0].kill();
    let from = cluster.nodes[0].data.display().to_string();
    cluster.nodes[0].data = cluster.nodes[0].directory.join("recovered");
    let order = ["recover", "--from", &from, "--operator", "ann", "--reason", "two disks lost", "--yes"];
    cluster.nodes[0].verb(&order).ok();
    cluster.nodes[0].start();
    cluster.admit(1);
    cluster.admit(2);
    cluster.ctl(&["get", "acme"]).ok();
    assert_eq!(cluster.run(cluster.client().members()).unwrap().members.len(), 3);
}

#[test]
fn swapped_directories_are_refused_and_untouched() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let swap = |cluster: &mut Cluster| {
        let data = cluster.nodes[1].data.clone();
        cluster.nodes[1].data = cluster.nodes[2].data.clone();
        cluster.nodes[2].data = data;
    };
    for at in [1, 2] {
        cluster.nodes[at].kill();
    }
    swap(&mut cluster);
    cluster.nodes[1].start_to_end().fails(65, &["belongs to another node", "found n3/", "expected n2"]);
    cluster.nodes[2].start_to_end().fails(65, &["belongs to another node", "found n2/", "expected n3"]);
    swap(&mut cluster);
    for at in [1, 2] {
        cluster.nodes[at].start();
    }
    cluster.serves();
    cluster.ctl(&["get", "acme"]).ok();
}

/// A learner's first snapshot names the founder alone. It follows whoever leads.
#[test]
fn a_node_joins_whoever_leads() {
    let mut cluster = Cluster::of(4, true);
    let late = cluster.nodes.pop().unwrap();
    let mut cluster = cluster.found();
    cluster.nodes.push(late);
    for leader in 0..3 {
        until("the leader that was asked for", || {
            let words = ["transfer", "--to", &cluster.nodes[leader].number.to_string()];
            let _asked = cluster.ctl(&words);
            (cluster.status(leader)?.role() == Role::Leader).then_some(())
        });
        cluster.nodes[3].data = cluster.nodes[3].directory.join(format!("data-{leader}"));
        cluster.nodes[3].start();
        let at = cluster.nodes[3].peer.to_string();
        let told = cluster.ctl(&["members", "add", &at, "--promote"]).ok();
        assert!(told.lines().any(|line| line.starts_with("n4 ") && line.contains("yes")), "{told}");
        cluster.ctl(&["members", "remove", "4"]).ok();
        cluster.nodes[3].kill();
    }
}

/// A process with a gateway's certificate listens where a node was. The leader does not speak to it.
#[test]
fn a_certificate_of_somebody_else_behind_a_nodes_address_is_not_spoken_to() {
    let mut cluster = Cluster::secure(3);
    let leader = cluster.leader();
    let taken = (leader + 1) % 3;
    cluster.nodes[taken].kill();
    let authority = cluster.authority.as_ref().unwrap();
    cluster.nodes[taken].files = Some(authority.issue("gw1", "CN=gw1,OU=gateway,O=example"));
    cluster.nodes[taken].identity = "CN=gw1,OU=gateway,O=example".to_owned();
    cluster.nodes[taken].data = cluster.nodes[taken].directory.join("other");
    cluster.nodes[taken].start();
    cluster.nodes[leader].hears("the certificate is of CN=gw1,OU=gateway,O=example");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
}

/// The data directory of a voter is copied, and both copies run. They meet at the leader, which takes neither from then on.
#[test]
fn two_copies_of_one_directory_are_found_and_refused() {
    let mut cluster = Cluster::secure(3);
    let leader = cluster.leader();
    let original = (leader + 1) % 3;
    cluster.nodes[original].terminate();
    let (number, files) = (cluster.nodes[original].number, cluster.nodes[original].files.clone());
    let mut copy = Node::new(&cluster.directory.path().join("copy"), 0, number, files);
    std::fs::create_dir_all(&copy.data).unwrap();
    let file = "log.redb";
    std::fs::copy(cluster.nodes[original].data.join(file), copy.data.join(file)).unwrap();
    cluster.nodes[original].start();
    cluster.serves();
    until("the original beside the others", || {
        let commit = cluster.status(leader)?.commit;
        (cluster.status(original)?.commit == commit).then_some(())
    });
    // Nobody sends the copy anything, so it asks for an election, and with that it speaks.
    copy.start();
    let found = "two processes run with the data directory of n";
    cluster.nodes[leader].hears(found);
    copy.hears(found);
    cluster.nodes[original].hears(found);
    let told = cluster.status_of(&copy.client.to_string());
    assert!(told.contains(found), "{told}");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    // Both are stopped, and the member is replaced by the node with a directory of its own.
    copy.kill();
    cluster.nodes[original].kill();
    std::fs::remove_dir_all(&cluster.nodes[original].data).unwrap();
    cluster.nodes[original].start();
    let at = cluster.nodes[original].peer.to_string();
    cluster.ctl(&["members", "replace", &number.to_string(), &at]).ok();
    cluster.nodes[leader].kill();
    cluster.serves();
    cluster.ctl(&["get", "acme"]).ok();
}
