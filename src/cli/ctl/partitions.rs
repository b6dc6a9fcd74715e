//! Listing and watching partitions.

use super::print::{Out, guarantee, notes, partition, placement, record_json, state};
use crate::cli::Failed;
use crate::cli::connect::failed;
use crate::client::{Client, Update};
use crate::core::ids::PartitionId;
use crate::core::migration::PartitionRecord;
use crate::node::proto::{PartitionSelector, v1};
use serde_json::json;

fn row(record: &v1::Record) -> Vec<String> {
    let kind = record.placed.as_ref().map_or("", |placed| guarantee(placed.guarantee()));
    vec![
        format!("p{}", record.partition),
        record.name.clone(),
        state(record.placed.as_ref()),
        format!("e{}", record.epoch),
        format!("m{}", record.migration),
        kind.to_owned(),
        notes(record),
    ]
}

const HEAD: [&str; 7] = ["PARTITION", "NAME", "STATE", "EPOCH", "MIGRATION", "GUARANTEE", "NOTES"];

pub(super) async fn list(client: &Client, out: &Out) -> Result<(), Failed> {
    let mut records = Vec::new();
    loop {
        let after = records.last().map(|record: &v1::Record| PartitionId(record.partition));
        let page = client.list(after).await.map_err(|error| failed(&error))?;
        records.extend(page.records);
        if !page.more {
            break;
        }
    }
    let rows: Vec<_> = records.iter().map(row).collect();
    let machine: Vec<_> = records.iter().map(record_json).collect();
    out.table("partition", &HEAD, &rows, &machine);
    Ok(())
}

pub(super) async fn get(client: &Client, out: &Out, partition: PartitionSelector) -> Result<(), Failed> {
    let found = client.resolve(partition).await.map_err(|error| failed(&error))?;
    let partition = PartitionSelector::Id(found.record.partition);
    let (record, now) = super::follow::one(client, partition).await?;
    let (mut cells, mut machine) = (row(&record), record_json(&record));
    if let (Some(one), Some(notes)) = (now.moves.first(), cells.last_mut()) {
        let told = super::moving::told(one, now.paused);
        let all = [core::mem::take(notes)].into_iter().chain(told).filter(|note| !note.is_empty());
        *notes = all.collect::<Vec<_>>().join(", ");
        machine["aborted"] = one.aborted.as_ref().map_or(serde_json::Value::Null, |aborted| {
            json!({ "migration": aborted.migration, "to": placement(aborted.to), "reason": aborted.text })
        });
    }
    out.table("partition", &HEAD, &[cells], &[machine]);
    Ok(())
}

fn line(record: &PartitionRecord) -> v1::Record {
    v1::Record::of(record, None)
}

pub(super) async fn watch(client: &Client, out: &Out) -> Result<(), Failed> {
    let mut watch = client.watch();
    loop {
        match watch.next().await.map_err(|error| failed(&error))? {
            Update::Everything { records, revision, history } => {
                out.result(
                    || format!("r{}  {} partitions, history {history}", revision.0, records.len()),
                    || json!({ "type": "resync", "revision": revision.0, "history": history.to_string(), "partitions": records.len() }),
                );
                for record in &records {
                    print_change(out, revision.0, record.partition, Some(record));
                }
            }
            Update::Changed { partition, record, revision } => {
                print_change(out, revision.0, partition, record.as_ref())
            }
        }
    }
}

fn print_change(out: &Out, revision: u64, id: PartitionId, record: Option<&PartitionRecord>) {
    let wire = record.map(line);
    out.result(
        || match &wire {
            Some(record) => {
                let name = partition(record.partition, &record.name);
                format!("r{revision}  {name}  {}@e{}  {}", state(record.placed.as_ref()), record.epoch, notes(record))
                    .trim_end()
                    .to_owned()
            }
            None => format!("r{revision}  {id}  gone"),
        },
        || json!({ "type": "change", "revision": revision, "partition": id.0, "record": wire.as_ref().map(record_json) }),
    );
}
