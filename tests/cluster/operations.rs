//! The operator's commands, in a cluster with certificates.

use super::harness::until;
use super::made::{Cluster, address, options};
use cutover::core::ids::{Epoch, MigrationId, NodeId, PartitionId};
use cutover::node::proto::v1;

#[test]
fn a_partition_moves_by_the_operators_commands() {
    let cluster = Cluster::secure(3);
    let told = cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    assert!(told.contains("Active(A)"), "{told}");
    cluster.ctl(&["open", "acme"]).ok();
    assert!(cluster.ctl(&["plan", "acme", "--to", "B"]).ok().contains("A>B"));
    cluster.ctl(&["plan", "acme", "--to", "A"]).fails(1, &["A"]);
    for (words, state) in [
        (&["begin", "acme", "--to", "B"][..], "Draining(A>B)"),
        (&["enter-cutover", "acme", "--watermark", "3"], "Cutover(A>B)"),
        (&["abort", "acme"], "Active(A)"),
        (&["begin", "acme", "--to", "B"], "Draining(A>B)"),
        (&["enter-cutover", "acme", "--watermark", "4", "--digest", "1f/77"], "Cutover(A>B)"),
    ] {
        let told = cluster.ctl(words).ok();
        assert!(told.contains(state), "{words:?}: {told}");
    }
    // Evidence for a position below the watermark does not complete the migration.
    cluster.ctl(&["complete", "acme", "--position", "3"]).fails(1, &["3", "4"]);
    // Nor does a copy with another digest.
    cluster
        .ctl(&["complete", "acme", "--position", "4", "--digest", "a1/2"])
        .fails(1, &["the digest a1/2, the source had 1f/77"]);
    assert!(cluster.ctl(&["complete", "acme", "--position", "4"]).ok().contains("Active(B)"));
    cluster.ctl(&["abort", "acme"]).fails(1, &["acme"].map(|_| "p1"));
    cluster.ctl(&["retire", "acme", "--at", "A"]).ok();
    cluster.ctl(&["forget", "acme", "--at", "A"]).ok();
    let told = cluster.ctl(&["--format", "json", "get", "acme"]).ok();
    let record: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(record["state"], "Active(B)");
    assert_eq!(record["old_copies"], serde_json::json!([]));
    cluster.ctl(&["get", "nobody"]).fails(1, &["nobody", "no placement"]);
}

#[test]
fn a_node_is_replaced_by_its_next_life() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let lost = (cluster.leader() + 1) % 3;
    cluster.nodes[lost].kill();
    std::fs::remove_dir_all(&cluster.nodes[lost].data).unwrap();
    let number = cluster.nodes[lost].number.to_string();
    let before = cluster.run(cluster.client().members()).unwrap().members;
    // It comes up with another data directory, and is not that voter.
    cluster.nodes[lost].start();
    cluster.nodes[lost].hears("made an empty data directory");
    cluster.nodes[lost].hears("its data directory is another one");
    let told = cluster.status_of(&cluster.nodes[lost].client.to_string());
    assert!(told.contains("waits to be admitted"), "{told}");
    let at = cluster.nodes[lost].peer.to_string();
    let told = cluster.ctl(&["members", "replace", &number, &at]).ok();
    let row = told.lines().find(|line| line.starts_with(&format!("n{number} "))).unwrap_or_default();
    assert!(row.contains("yes"), "{told}");
    let after = cluster.run(cluster.client().members()).unwrap().members;
    let directory =
        |all: &[v1::Member]| all.iter().find(|one| one.node.to_string() == number).unwrap().directory;
    assert_ne!(directory(&before), directory(&after));
    // The new voter counts: with it, and without another one, there is a quorum.
    let other = (lost + 1) % 3;
    cluster.nodes[other].kill();
    cluster.serves();
    assert!(cluster.ctl(&["get", "acme"]).ok().contains("Active(A)"));
}

#[test]
fn the_leadership_is_handed_over_by_order_and_at_the_end() {
    let mut cluster = Cluster::secure(3);
    let first = cluster.leader();
    let to = (first + 1) % 3;
    let number = cluster.nodes[to].number.to_string();
    let told = cluster.ctl(&["transfer", "--to", &number]).ok();
    assert!(told.contains(&format!("transferred the leadership to n{number}")), "{told}");
    assert_eq!(cluster.leader(), to);
    // A node that is terminated first transfers its leadership, so the next term begins with a successful election.
    let before = cluster.status(to).unwrap().term;
    let ended = cluster.nodes[to].terminate();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("transferred the leadership"), "{ended:?}");
    assert!(!ended.err.contains(" ERROR "), "{ended:?}");
    let next = cluster.leader();
    assert_ne!(next, to);
    assert_eq!(cluster.status(next).unwrap().term, before + 1, "no election timed out in between");
    cluster.nodes[to].start();
    cluster.serves();
}

#[test]
fn new_certificates_are_taken_while_it_runs() {
    let mut cluster = Cluster::secure(3);
    let old = cluster.client();
    cluster.run(old.members()).unwrap();
    let authority = cluster.authority.as_ref().unwrap();
    for node in &cluster.nodes {
        authority.issue(&format!("n{}", node.number), &node.identity);
        node.signal("-HUP");
        node.hears("loaded new certificates");
    }
    // Existing connections stay, new ones can be made, and the nodes can reach each other.
    cluster.run(old.members()).unwrap();
    cluster.serves();
    // A half-written certificate file has no effect.
    let files = cluster.nodes[0].files.clone().unwrap();
    let whole = std::fs::read(&files.cert).unwrap();
    std::fs::write(&files.cert, &whole[..whole.len() / 2]).unwrap();
    cluster.nodes[0].signal("-HUP");
    cluster.nodes[0].hears("cannot load the new certificates");
    cluster.serves();
    std::fs::write(&files.cert, whole).unwrap();
    let leader = cluster.leader();
    cluster.nodes[leader].kill();
    cluster.serves();
}

#[test]
fn a_follower_names_the_leader_and_a_client_finds_it() {
    let cluster = Cluster::secure(3);
    let leader = cluster.leader();
    for at in 0..3 {
        let known = vec![address(cluster.nodes[at].client)];
        let dial = super::made::dialer(cluster.ann.as_ref());
        let client = cutover::client::Client::new(known, dial, options(10)).unwrap();
        cluster.run(client.members()).unwrap();
        let followed = client.addresses().contains(&address(cluster.nodes[leader].client));
        assert!(followed, "n{} does not know n{}", at + 1, leader + 1);
    }
}

#[test]
fn sessions_expire_and_say_so() {
    use cutover::client::ClientError;
    use cutover::core::ids::{PartitionId, Placement};
    use cutover::core::migration::Transition;
    use cutover::core::placement::Guarantee;
    let cluster = Cluster::plain(1);
    let client = cluster.client();
    let create = || Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    cluster.run(async {
        let first = client.session().await.unwrap();
        let asked = cutover::node::proto::PartitionSelector::Id(PartitionId(1));
        first.apply(asked.clone(), create()).await.unwrap().unwrap();
        // With too many sessions, the least recently used one is closed.
        let opening: Vec<_> = (0..1_024)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { client.session().await.map(|session| session.id()) })
            })
            .collect();
        for one in opening {
            one.await.unwrap().unwrap();
        }
        let told = first.apply(asked, create()).await.unwrap();
        let expired =
            matches!(&told, Err(ClientError::SessionExpired { session, .. }) if *session == first.id());
        assert!(expired, "{told:?}");
    });
    assert_eq!(cluster.status(0).unwrap().sessions, 1_024);
}

#[test]
fn a_transfer_to_nobody_is_refused() {
    let cluster = Cluster::plain(1);
    let refused = cluster.run(cluster.client().transfer(Some(NodeId(9)))).unwrap_err();
    assert!(refused.to_string().contains("n9"), "{refused}");
    until("its leader", || Some(cluster.leader()));
}

#[test]
fn a_store_that_enforces_nothing_is_named_so_by_the_operator() {
    let cluster = Cluster::secure(1);
    let store = ["stores", "add", "d", "--endpoint", "d:7400", "--guarantee", "timed", "--identity", "CN=d"];
    cluster.ctl(&store).ok();
    let wrong = cluster.ctl(&["create", "acme", "--at", "d", "--guarantee", "sealed"]);
    wrong.fails(1, &["store D states the guarantee timed", "names sealed"]);
    cluster.ctl(&["create", "acme", "--at", "d"]).ok();
    // Nobody has asked the store, and by default it is said to enforce tokens: then the guarantee would be another one.
    cluster.ctl(&["open", "acme"]).fails(1, &["the source's guarantee is timed"]);
    let opened = cluster.ctl(&["open", "acme", "--not-enforced"]);
    assert!(opened.err.contains("reported by you"), "{}", opened.err);
    opened.ok();
    cluster.ctl(&["begin", "acme", "--to", "B"]).ok();
    cluster.ctl(&["start-block", "acme"]).ok();
    assert!(cluster.ctl(&["get", "acme"]).ok().contains("writes may be blocked"));
    cluster.ctl(&["start-block", "acme"]).fails(1, &["m2 may block writes already"]);
    let who = ["--operator", "ann", "--reason", "down", "--reported", "--not-enforced"];
    let force = [["force", "acme", "--position", "4"].as_slice(), &who].concat();
    // Only for that epoch, and of a copy that lacks rows only if one says so.
    let lacking = cluster.ctl(&force[..2]);
    assert_eq!((lacking.code, lacking.out.as_str()), (64, ""));
    assert!(lacking.err.contains("--position <POSITION>"), "{}", lacking.err);
    let forced = cluster.ctl(&force);
    assert!(!forced.err.contains("note"), "{}", forced.err);
    forced.ok();
    let told = cluster.ctl(&["--format", "json", "get", "acme"]).ok();
    let record: serde_json::Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!((&record["state"], &record["placed"]["guarantee"]), (&"Active(B)".into(), &"timed".into()));
    let audit = cluster.ctl(&["audit"]).ok();
    assert!(audit.contains("ann") && audit.contains("reported"), "{audit}");
}

#[test]
fn a_store_that_lost_its_state_learns_what_was_given_out_before() {
    let cluster = Cluster::secure(1);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    cluster.ctl(&["open", "acme"]).ok();
    cluster.ctl(&["begin", "acme", "--to", "B"]).ok();
    cluster.ctl(&["abort", "acme"]).ok();
    let floor = |partition| cluster.run(cluster.client().floor(PartitionId(partition))).unwrap();
    assert_eq!(floor(1), (Epoch(3), MigrationId(2)), "the record's epoch, and the last migration");
    cluster.ctl(&["delete", "acme"]).ok();
    for at in ["B", "A"] {
        cluster.ctl(&["forget", "acme", "--at", at]).ok();
    }
    // The record is gone, and what was given out is known.
    cluster.ctl(&["get", "acme"]).fails(1, &["acme"]);
    assert_eq!(floor(1), (Epoch(4), MigrationId(2)));
    assert_eq!(floor(77), (Epoch(4), MigrationId(2)), "of a partition that never was, too");
}
