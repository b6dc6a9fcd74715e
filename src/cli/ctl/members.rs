//! Status of the nodes, and changes of the membership.

use super::print::Out;
use crate::cli::connect::failed;
use crate::cli::{Failed, exit};
use crate::client::{Client, ClientError};
use crate::core::control_plane::Address;
use crate::core::ids::{ClusterId, DirectoryId, HistoryId, NodeId};
use crate::node::proto::v1::{self, change_members_request::Change};
use core::time::Duration;
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// List the members
    List,
    /// Admit a node as a learner: it receives the log and has no vote
    Add {
        /// Address where the node listens for peers; the leader asks it there who it is
        #[arg(value_name = "HOST:PORT")]
        address: Address,
        /// Promote the learner to voter as soon as it has caught up
        #[arg(long)]
        promote: bool,
    },
    /// Put a node in the place of a voter: admit it, promote it when it has caught up, remove the other
    Replace {
        /// Number of the voter that is to leave
        old: u8,
        /// Address where the new node listens for peers. It may be the same node with an empty data directory
        #[arg(value_name = "HOST:PORT")]
        address: Address,
        #[command(flatten)]
        force: Force,
    },
    /// Promote a learner to voter; the learner must have caught up
    Promote {
        /// Number of the node
        node: u8,
        #[command(flatten)]
        force: Force,
    },
    /// Remove a voter or learner
    Remove {
        /// Number of the node
        node: u8,
        #[command(flatten)]
        force: Force,
    },
}

#[derive(Debug, Default, clap::Args)]
pub(super) struct Force {
    /// Change the members even if no quorum of live voters may be left, for this reason
    #[arg(long, value_name = "REASON", requires = "operator")]
    even_so: Option<String>,
    /// Name of the responsible operator, for the record
    #[arg(long, value_name = "NAME", requires = "even_so")]
    operator: Option<String>,
}

impl Force {
    fn wire(self) -> Option<v1::Override> {
        Some(v1::Override { operator: self.operator?, reason: self.even_so? })
    }
}

const HEAD: [&str; 6] = ["NODE", "DIRECTORY", "VOTER", "IDENTITY", "PEERS", "CLIENTS"];

async fn members(client: &Client) -> Result<Vec<v1::Member>, Failed> {
    Ok(client.members().await.map_err(|error| failed(&error))?.members)
}

async fn find(client: &Client, node: u8) -> Result<v1::MemberRef, Failed> {
    let all = members(client).await?;
    let found = all.iter().find(|member| member.node == u32::from(node));
    let found =
        found.ok_or_else(|| Failed::new(exit::REFUSED, format!("{} is not a member", NodeId(node))))?;
    Ok(v1::MemberRef { node: found.node, directory: found.directory })
}

pub(super) async fn run(client: &Client, out: &Out, what: What) -> Result<(), Failed> {
    match what {
        What::List => {}
        What::Add { address, promote } => {
            let member = add(client, &address).await?;
            if promote {
                promoted(client, member, None).await?;
            }
        }
        What::Replace { old, address, force } => replace(client, old, &address, force.wire()).await?,
        What::Promote { node, force } => promoted(client, find(client, node).await?, force.wire()).await?,
        What::Remove { node, force } => {
            change(client, Change::Remove(find(client, node).await?), force.wire()).await?;
        }
    }
    list(client, out).await
}

async fn change(
    client: &Client,
    change: Change,
    even_so: Option<v1::Override>,
) -> Result<v1::MemberRef, Failed> {
    let changed = client.change_members_even_so(change, even_so).await.map_err(|error| failed(&error))?;
    changed.member.ok_or_else(|| Failed::new(exit::INTERNAL, "the node did not say which member it changed"))
}

async fn add(client: &Client, address: &Address) -> Result<v1::MemberRef, Failed> {
    change(client, Change::AddLearner(v1::AddLearner { peer_address: address.to_string() }), None).await
}

/// Admits and promotes the node at an address, and removes another. A node that comes back with another data directory has
/// the number of the one that is to leave, which therefore leaves first. Each step is one committed change: typed again after
/// an interruption, the verb goes on where it was.
async fn replace(
    client: &Client,
    old: u8,
    address: &Address,
    even_so: Option<v1::Override>,
) -> Result<(), Failed> {
    let before = members(client).await?;
    let leaves = before.iter().find(|member| member.node == u32::from(old));
    let here = before.iter().find(|member| member.peer_address == address.to_string());
    let same = here.is_some_and(|member| member.node == u32::from(old));
    let reference = |member: &v1::Member| v1::MemberRef { node: member.node, directory: member.directory };
    if let Some(member) = leaves.filter(|_| same) {
        change(client, Change::Remove(reference(member)), even_so.clone()).await?;
        return promoted(client, add(client, address).await?, even_so).await;
    }
    let joins = match here {
        Some(member) => reference(member),
        None => add(client, address).await?,
    };
    if !here.is_some_and(|member| member.voter) {
        promoted(client, joins, even_so.clone()).await?;
    }
    match leaves {
        Some(member) => change(client, Change::Remove(reference(member)), even_so).await.map(|_| ()),
        None => Ok(()),
    }
}

/// How often a promotion is retried, at intervals of 500 ms, while the learner has not caught up.
const PROMOTION_RETRIES: u32 = 120;

/// Promotes a learner, and waits until it has caught up or [`PROMOTION_RETRIES`] are used up.
async fn promoted(
    client: &Client,
    member: v1::MemberRef,
    even_so: Option<v1::Override>,
) -> Result<(), Failed> {
    for waited in 0.. {
        let error = match client.change_members_even_so(Change::Promote(member), even_so.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let not_yet = matches!(&error, ClientError::Refused { reason, .. }
            if matches!(reason.as_str(), "NotCaughtUp" | "Silent" | "InProgress"));
        if !not_yet || waited >= PROMOTION_RETRIES {
            return Err(failed(&error));
        }
        if waited == 0 {
            eprintln!("waiting for {} to catch up", NodeId(u8::try_from(member.node).unwrap_or(u8::MAX)));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn list(client: &Client, out: &Out) -> Result<(), Failed> {
    let all = members(client).await?;
    let row = |member: &v1::Member| {
        vec![
            format!("n{}", member.node),
            DirectoryId(member.directory).to_string(),
            if member.voter { "yes" } else { "learner" }.to_owned(),
            member.identity.clone(),
            member.peer_address.clone(),
            member.client_address.clone(),
        ]
    };
    let machine = |member: &v1::Member| {
        json!({ "node": member.node, "directory": DirectoryId(member.directory).to_string(), "voter": member.voter,
                "identity": member.identity, "peer_address": member.peer_address,
                "client_address": member.client_address })
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    out.table("member", &HEAD, &rows, &all.iter().map(machine).collect::<Vec<_>>());
    Ok(())
}

pub(super) async fn transfer(client: &Client, out: &Out, to: Option<u8>) -> Result<(), Failed> {
    let to = client.transfer(to.map(NodeId)).await.map_err(|error| failed(&error))?;
    out.result(
        || format!("transferred the leadership to {to}"),
        || json!({ "type": "transferred", "to": to.0 }),
    );
    Ok(())
}

/// Prints the status of every known node. A node that does not answer gets a row with the error.
pub(super) async fn status(client: &Client, out: &Out) -> Result<(), Failed> {
    let mut addresses = client.addresses();
    if let Ok(all) = client.members().await {
        let known =
            all.members.into_iter().filter_map(|member| Address::try_from(member.client_address).ok());
        addresses = known.collect();
    }
    addresses.dedup();
    let (mut rows, mut machine, mut answered) = (Vec::new(), Vec::new(), 0);
    let mut notes = Vec::new();
    for address in addresses {
        match client.status(&address).await {
            Ok(status) => {
                answered += 1;
                if !status.outside.is_empty() {
                    notes.push(format!("n{} is outside: {}", status.node, status.outside));
                }
                let silent = status.followers.iter().filter(|other| !other.live);
                let silent = silent.map(|other| {
                    format!("n{} has not answered n{}, which leads, lately", other.node, status.node)
                });
                notes.extend(silent);
                rows.push(row(&address, &status));
                machine.push(status_json(&address, &status));
            }
            Err(error) => {
                rows.push(vec![String::new(), address.to_string(), error.to_string()]);
                machine.push(json!({ "address": address.to_string(), "error": error.to_string() }));
            }
        }
    }
    let head =
        ["NODE", "ADDRESS", "ROLE", "TERM", "COMMIT", "LOG", "DURABLE", "PARTITIONS", "MOVING", "VERSION"];
    out.table("status", &head, &rows, &machine);
    // In the table they would make a column as wide as a page.
    out.notes(&notes);
    if answered == 0 {
        return Err(Failed::new(exit::UNAVAILABLE, "no node answered"));
    }
    Ok(())
}

const fn role(role: v1::Role) -> &'static str {
    match role {
        v1::Role::Follower => "follower",
        v1::Role::PreCandidate => "pre-candidate",
        v1::Role::Candidate => "candidate",
        v1::Role::Leader => "leader",
        v1::Role::Unspecified => "?",
    }
}

fn row(address: &Address, status: &v1::StatusResponse) -> Vec<String> {
    vec![
        format!("n{}", status.node),
        address.to_string(),
        match status.outside.as_str() {
            "" => role(status.role()).to_owned(),
            _ => "outside".to_owned(),
        },
        status.term.to_string(),
        status.commit.to_string(),
        status.last_index.to_string(),
        status.durable_index.to_string(),
        status.partitions.to_string(),
        status.migrations_in_flight.to_string(),
        status.version.clone(),
    ]
}

fn status_json(address: &Address, status: &v1::StatusResponse) -> serde_json::Value {
    let follower = |of: &v1::Follower| json!({ "node": of.node, "matched": of.matched, "live": of.live });
    json!({
        "address": address.to_string(), "cluster": ClusterId(status.cluster).to_string(),
        "history": HistoryId(status.history).to_string(), "node": status.node,
        "directory": DirectoryId(status.directory).to_string(), "version": status.version, "role": role(status.role()),
        "term": status.term, "leader": status.leader.as_ref().map(|leader| leader.node),
        "commit": status.commit, "last_index": status.last_index, "durable_index": status.durable_index,
        "snapshot_index": status.snapshot_index, "revision": status.revision, "partitions": status.partitions,
        "migrations_in_flight": status.migrations_in_flight, "sessions": status.sessions,
        "followers": status.followers.iter().map(follower).collect::<Vec<_>>(),
        "outside": Some(&status.outside).filter(|why| !why.is_empty()),
    })
}
