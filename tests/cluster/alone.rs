//! A node without a peer port: it serves by itself, admits nobody, and can become the first node of a cluster when
//! it gets a port.

use super::harness::until;
use super::made::Cluster;
use cutover::client::Applied;
use cutover::core::ids::Placement;
use cutover::core::migration::Transition;
use cutover::core::placement::Guarantee;
use cutover::node::proto::PartitionSelector;
use cutover::node::proto::v1::Role;

fn create(cluster: &Cluster, session: &cutover::client::Session, name: &str) -> Applied {
    let transition = Transition::Create { placement: Placement(0), guarantee: Guarantee::Sealed };
    let asked = PartitionSelector::Name(
        cutover::core::control_plane::PartitionName::try_from(name.to_owned()).unwrap(),
    );
    cluster.run(session.apply(asked, transition)).unwrap().unwrap()
}

#[test]
fn a_node_alone_grows_into_a_cluster_and_keeps_everything() {
    let mut cluster = Cluster::of(3, true);
    cluster.nodes[0].alone = true;
    cluster.nodes[0].start_to_end().fails(65, &["cutover init", "listen.peer"]);
    cluster.nodes[0].verb(&["init"]).ok();
    let checked = cluster.nodes[0].verb(&["serve", "--check-config"]).ok();
    assert!(checked.contains("runs alone"), "{checked}");
    cluster.nodes[0].start();
    cluster.nodes[0].hears("runs alone");
    cluster.serves();
    cluster.know_stores();

    let session = cluster.run(cluster.client().session()).unwrap();
    let created = create(&cluster, &session, "acme");
    cluster.ctl(&["create", "globex", "--at", "B"]).ok();
    let refused = cluster.ctl(&["members", "add", "127.0.0.1:1"]);
    refused.fails(1, &["this node runs alone", "listen.peer"]);
    let listed = cluster.ctl(&["list"]).ok();
    let before = cluster.status(0).unwrap();
    assert_eq!((before.role(), before.partitions, before.sessions), (Role::Leader, 2, 1));

    // The process dies and restarts alone, with all its data.
    cluster.nodes[0].kill();
    cluster.nodes[0].start();
    cluster.serves();
    assert_eq!(cluster.ctl(&["list"]).ok(), listed);

    // The node gets a peer port, and others join it.
    assert_eq!(cluster.nodes[0].terminate().code, 0);
    cluster.nodes[0].alone = false;
    for node in &mut cluster.nodes {
        node.start();
    }
    cluster.serves();
    let after = cluster.status(0).unwrap();
    assert_eq!((after.revision, after.partitions, after.sessions), (before.revision, 2, 1));
    assert!(after.commit > before.commit && after.term > before.term);
    assert_eq!(cluster.ctl(&["list"]).ok(), listed);
    cluster.admit(1);
    cluster.admit(2);
    assert_eq!(cluster.ctl(&["list"]).ok(), listed);
    assert!(create(&cluster, &session, "initech").epoch >= created.epoch, "its session goes on");

    // The node is one of three now, and cannot serve alone again.
    assert_eq!(cluster.nodes[0].terminate().code, 0);
    cluster.nodes[0].alone = true;
    cluster.nodes[0]
        .start_to_end()
        .fails(65, &["the members in its log are", "n2", " alone; set listen.peer", "listen.peer"]);
    cluster.nodes[0].alone = false;
    cluster.nodes[0].start();
    cluster.nodes[1].kill();
    cluster.serves();
    until("all of it", || (cluster.status(0)?.partitions == 3).then_some(()));
}
