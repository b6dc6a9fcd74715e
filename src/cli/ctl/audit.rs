//! `ctl audit`: the transitions, and the forced changes of the members, that an audit asks for.

use super::print::{Out, partition};
use crate::cli::Failed;
use crate::cli::connect::failed;
use crate::client::Client;
use crate::core::ids::Index;
use serde_json::json;

const HEAD: [&str; 7] = ["INDEX", "PARTITION", "EPOCH", "SOURCE", "OPERATOR", "REASON", "TRANSITION"];

pub(super) async fn audit(client: &Client, out: &Out) -> Result<(), Failed> {
    let (mut rows, mut machine, mut after) = (Vec::new(), Vec::new(), Index::ZERO);
    loop {
        let page = client.audit(after).await.map_err(|error| failed(&error))?;
        for entry in &page.entries {
            let of_members = entry.partition == 0;
            let source = match (of_members, entry.reported) {
                (true, _) => "-",
                (false, true) => "reported",
                (false, false) => "stated",
            };
            let (named, epoch) = if of_members {
                ("-".to_owned(), "-".to_owned())
            } else {
                (partition(entry.partition, &entry.name), format!("e{}", entry.epoch))
            };
            rows.push(vec![
                entry.index.to_string(),
                named,
                epoch,
                source.to_owned(),
                entry.operator.clone(),
                entry.reason.clone(),
                entry.what.clone(),
            ]);
            machine.push(json!({
                "index": entry.index, "partition": entry.partition, "name": entry.name, "epoch": entry.epoch,
                "what": entry.what, "reported": entry.reported, "operator": entry.operator, "reason": entry.reason,
            }));
        }
        after = page.entries.last().map_or(after, |entry| Index(entry.index));
        if !page.more {
            break;
        }
    }
    out.table("audit", &HEAD, &rows, &machine);
    Ok(())
}
