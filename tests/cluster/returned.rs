//! Nodes that return after they were removed, or after the cluster was recovered without them: they are told that they were removed, they report it,
//! and the cluster is not disturbed.

use super::harness::until;
use super::made::{Cluster, address, security};
use cutover::core::control_plane::PartitionName;
use cutover::node::proto::v1::{
    MembersRequest, PartitionRef, ResolveRequest, Role, cluster_client::ClusterClient, error_detail::Why,
    partition_ref::By, placements_client::PlacementsClient,
};
use cutover::node::proto::{PartitionSelector, detail_of};

/// Number of refusals after which a returned node counts as harmless.
const REFUSALS: usize = 5;

fn acme() -> PartitionSelector {
    PartitionSelector::Name(PartitionName::try_from("acme".to_owned()).unwrap())
}

/// Number of times that a node has refused a peer.
fn refusals(cluster: &Cluster, at: usize) -> usize {
    let metrics = super::garbage::scrape(cluster.nodes[at].metrics);
    let line = metrics.lines().find(|line| line.contains("cutover_refused_total{reason=\"peer\"}"));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
}

/// Asks this node for a strong read, which only a leader can answer.
#[track_caller]
fn reads_nothing(cluster: &Cluster, at: usize) {
    let (own, security) = (address(cluster.nodes[at].client), security(cluster.ann.as_ref()));
    cluster.run(async {
        let channel = cutover::node::tls::channel(&own, &security, &super::made::anybody()).await.unwrap();
        let by = By::Name("acme".to_owned());
        let request = ResolveRequest { partition: Some(PartitionRef { by: Some(by) }) };
        let told = PlacementsClient::new(channel.clone()).resolve(request).await.unwrap_err();
        assert!(matches!(detail_of(&told), Some(Why::NotLeader(_))), "{told:?}");
        let told = ClusterClient::new(channel).members(MembersRequest {}).await.unwrap_err();
        assert!(matches!(detail_of(&told), Some(Why::NotLeader(_))), "{told:?}");
    });
    let status = cluster.status(at).expect("what it knows of itself");
    assert!(!matches!(status.role(), Role::Leader | Role::Candidate), "{status:?}");
}

#[test]
fn a_node_that_was_removed_disturbs_nobody() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let leader = cluster.leader();
    let gone = (leader + 1) % 3;
    cluster.nodes[gone].kill();
    let number = cluster.nodes[gone].number.to_string();
    cluster.ctl(&["members", "remove", &number]).ok();
    let before = cluster.status(leader).unwrap();
    assert_eq!(before.role(), Role::Leader);
    cluster.nodes[gone].start();
    cluster.nodes[gone].hears("was removed from the cluster");
    cluster.nodes[leader].hears("refused a peer");
    until("more refusals", || (refusals(&cluster, leader) >= REFUSALS).then_some(()));
    let now = cluster.status(leader).unwrap();
    assert_eq!((now.role(), now.term), (Role::Leader, before.term), "{now:?}");
    reads_nothing(&cluster, gone);
    let own = cluster.nodes[gone].client.to_string();
    let told = cluster.status_of(&own);
    assert!(
        told.contains(&format!("n{number} is outside: n{number}/")) && told.contains("was removed"),
        "{told}"
    );
    assert_eq!(cluster.status(gone).unwrap().term, before.term);
    let members = cluster.run(cluster.client().members()).unwrap().members;
    assert!(members.iter().all(|member| member.node.to_string() != number), "{members:?}");
    cluster.ctl(&["get", "acme"]).ok();
    // Without the leader there is no majority, and the vote of a removed node does not count.
    cluster.nodes[leader].kill();
    until("a node that misses its leader", || {
        cluster.status((leader + 2) % 3).is_some_and(|status| status.leader.is_none()).then_some(())
    });
    reads_nothing(&cluster, gone);
    // A node that leads again may not know that the removal is committed, and may tell the removed node of it.
    cluster.nodes[leader].start();
    cluster.run(cluster.client().resolve(acme())).unwrap();
    reads_nothing(&cluster, gone);
    until("a node that says it is outside", || {
        cluster.status(gone).is_some_and(|status| !status.outside.is_empty()).then_some(())
    });
}

/// The lost nodes are a majority of the old configuration. They elect a leader among themselves, but cannot reach
/// the cluster that continued.
#[test]
fn nodes_that_were_lost_are_another_cluster() {
    let mut cluster = Cluster::secure(3);
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
    let left = cluster.leader();
    for node in &mut cluster.nodes {
        node.kill();
    }
    let node = &mut cluster.nodes[left];
    let from = node.data.display().to_string();
    node.data = node.directory.join("recovered");
    node.verb(&["recover", "--from", &from, "--operator", "ann", "--reason", "two disks burned", "--yes"])
        .ok();
    node.start();
    let own = cluster.nodes[left].client.to_string();
    until("a leader of its own", || {
        cluster.status(left).is_some_and(|status| status.role() == Role::Leader).then_some(())
    });
    let before = cluster.status(left).unwrap();
    for lost in [(left + 1) % 3, (left + 2) % 3] {
        cluster.nodes[lost].start();
    }
    let refused = "the cluster was restored or recovered since";
    cluster.nodes[left].hears(refused);
    // The lost nodes' leader contacts all members that it knows, and is told of its removal.
    until("a lost node that was told", || {
        cluster
            .nodes
            .iter()
            .enumerate()
            .any(|(at, node)| at != left && node.said().contains(refused))
            .then_some(())
    });
    until("more refusals", || (refusals(&cluster, left) >= REFUSALS).then_some(()));
    let now = cluster.status(left).unwrap();
    assert_eq!((now.role(), now.term), (Role::Leader, before.term), "{now:?}");
    let members = cluster.ctl_at(&own, &["--format", "json", "members", "list"]).ok();
    assert_eq!(members.matches("\"directory\"").count(), 1, "{members}");
}
