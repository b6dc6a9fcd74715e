//! Changes of the members that would leave no quorum of live voters.

use super::harness::until;
use super::made::Cluster;
use cutover::node::proto::v1::{MemberRef, change_members_request::Change};

/// Node 1, 2, 3, with the leader first.
fn from_the_leader(cluster: &Cluster) -> [usize; 3] {
    let leader = cluster.leader();
    [leader, (leader + 1) % 3, (leader + 2) % 3]
}

#[test]
fn a_change_that_would_cost_the_quorum_needs_a_reason() {
    let mut cluster = Cluster::of(4, true);
    let late = cluster.nodes.pop().unwrap();
    let mut cluster = cluster.found();
    cluster.nodes.push(late);
    cluster.nodes[3].start();
    let at = cluster.nodes[3].peer.to_string();
    cluster.ctl(&["members", "add", &at]).ok();
    let [leader, live, dead] = from_the_leader(&cluster);
    until("all have everything", || {
        let status = cluster.status(leader)?;
        (status.followers.iter().filter(|other| other.matched == status.commit).count() == 3).then_some(())
    });
    // A voter and the learner die.
    cluster.nodes[dead].kill();
    cluster.nodes[3].kill();
    let live = cluster.nodes[live].number.to_string();
    let dead = cluster.nodes[dead].number.to_string();
    until("the leader notices that two do not answer", || {
        let told = cluster.ctl(&["--deadline", "2", "status"]);
        let silent = [&dead, "4"].map(|node| format!("n{node} has not answered"));
        silent.iter().all(|note| told.out.contains(note) || told.err.contains(note)).then_some(())
    });
    let few = "only 1 of the 2 voters after it answer and have caught up, which is no quorum";
    cluster.ctl(&["members", "remove", &live]).fails(1, &[few]);
    let client = cluster.client();
    let found = cluster.run(client.members()).unwrap().members.into_iter().find(|one| one.node == 4).unwrap();
    let promote = Change::Promote(MemberRef { node: 4, directory: found.directory });
    let told = cluster.run(client.change_members(promote)).unwrap_err();
    assert!(told.to_string().contains("does not answer, so it may be down"), "{told}");
    // Without a name there is no record of who is responsible.
    let told = cluster.ctl(&["members", "promote", "4", "--even-so", "it is on its way"]);
    assert!(told.code == 64 && told.err.contains("--operator"), "{told:?}");
    let before = cluster.ctl(&["members", "list"]).ok();
    assert_eq!(before.lines().filter(|line| line.contains(" yes ")).count(), 3, "{before}");
    // An operator may know better. Three of the four must have the change, so it waits for the node that is on its way.
    let order = ["members", "promote", "4", "--even-so", "it is on its way", "--operator", "ann"];
    let ran = cluster.ctl(&[&["--deadline", "2"], &order[..]].concat());
    assert!(ran.code != 0 && ran.err.contains("the outcome is unknown"), "{ran:?}");
    cluster.nodes[3].start();
    until("the fourth voter", || {
        let told = cluster.ctl(&["--deadline", "2", "members", "list"]).out;
        told.lines().any(|line| line.starts_with("n4 ") && line.contains(" yes ")).then_some(())
    });
    cluster.ctl(&["members", "remove", &dead]).ok();
    let audit = cluster.ctl(&["audit"]).ok();
    assert!(audit.contains("it is on its way") && audit.contains("ann"), "{audit}");
    cluster.ctl(&["create", "acme", "--at", "A"]).ok();
}
