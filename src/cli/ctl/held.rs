//! A migration that is held since the cluster was restored: what its stores show, and the release that fits.

use super::print::{name, placement};
use crate::cli::connect::failed;
use crate::cli::{Failed, exit};
use crate::client::Client;
use crate::node::proto::v1::held_move::Owner;
use crate::node::proto::{PartitionSelector, v1};

/// What the stores show, and what to type. `None`: the migration is not held.
pub(super) fn told(one: &v1::Move) -> Option<String> {
    let record = one.record.as_ref()?;
    let placed = record.placed.as_ref()?;
    placed.held.as_ref()?;
    let of = name(record);
    let Some(held) = &one.held else { return Some(format!("look at both stores, then: ctl release {of}")) };
    let at =
        |position: Option<u64>| position.map_or_else(|| "nothing".to_owned(), |at| format!("writes to {at}"));
    let (from, to) = (placement(placed.from), placed.to.map(placement).unwrap_or_default());
    let has = format!("{from} has {}, {to} {}", at(held.source_position), at(held.target_position));
    Some(match held.owner() {
        Owner::Source => format!("{has}: {from} is the owner, to go on: ctl release {of} --by-stores"),
        Owner::Target => format!("{has}: {to} is the owner, to go on: ctl release {of} --by-stores"),
        Owner::Unspecified => format!("{has}; {}: ctl release {of}", held.unclear),
    })
}

/// Whether the source is kept, else the target is accepted, by what the stores show.
pub(super) async fn keeps_source(client: &Client, partition: &PartitionSelector) -> Result<bool, Failed> {
    let now = client.moves(Some(partition.clone()), None).await.map_err(|error| failed(&error))?;
    let refused = |why: &str| Failed::new(exit::REFUSED, format!("{partition}: {why}"));
    let one = now.moves.first().ok_or_else(|| refused("the answer has no record"))?;
    if told(one).is_none() {
        return Err(refused("no migration is held"));
    }
    let Some(held) = &one.held else {
        return Err(refused("the leader runs no controllers, which would ask the stores"));
    };
    match held.owner() {
        Owner::Source => Ok(true),
        Owner::Target => Ok(false),
        Owner::Unspecified => Err(refused(&format!("whose it is, is not certain: {}", held.unclear))),
    }
}
