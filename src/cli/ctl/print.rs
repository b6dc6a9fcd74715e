//! Output of `ctl`: tables for humans, one JSON object per line for programs.

use crate::cli::Format;
use crate::core::ids::Placement;
use crate::node::proto::v1;
use serde_json::{Value, json};

/// Prints results to stdout in the format that was asked for.
pub(super) struct Out {
    format: Format,
}

impl Out {
    pub(super) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// Prints one result: a line of text, or a JSON object with a `type`.
    pub(super) fn result(&self, human: impl FnOnce() -> String, machine: impl FnOnce() -> Value) {
        match self.format {
            Format::Human => println!("{}", human()),
            Format::Json => println!("{}", machine()),
        }
    }

    /// Prints lines for people only; machines find the same in a field.
    pub(super) fn notes(&self, notes: &[String]) {
        if self.format != Format::Json {
            notes.iter().for_each(|note| println!("{note}"));
        }
    }

    /// Prints a table with a header, or one JSON object per row with `kind` as its `type`.
    pub(super) fn table(&self, kind: &str, head: &[&str], rows: &[Vec<String>], machine: &[Value]) {
        if self.format == Format::Json {
            for value in machine {
                let mut value = value.clone();
                value["type"] = json!(kind);
                println!("{value}");
            }
            return;
        }
        let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String]| {
            let padded: Vec<String> = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}", width = *width))
                .collect();
            println!("{}", padded.join("  ").trim_end());
        };
        line(&head.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>());
        for row in rows {
            line(row);
        }
    }
}

pub(super) fn placement(number: u64) -> String {
    Placement(number).to_string()
}

pub(super) fn partition(id: u64, name: &str) -> String {
    if name.is_empty() { format!("p{id}") } else { name.to_owned() }
}

/// The name of a record's partition, or its number.
pub(super) fn name(record: &v1::Record) -> String {
    partition(record.partition, &record.name)
}

pub(super) const fn guarantee(wire: v1::Guarantee) -> &'static str {
    match wire {
        v1::Guarantee::Sealed => "sealed",
        v1::Guarantee::Timed => "timed",
        v1::Guarantee::Unspecified => "?",
    }
}

/// The state as `Active(A)`, `Draining(A>B)`, `Cutover(A>B)`, or `deleted` for `None`.
pub(super) fn state(placed: Option<&v1::Placed>) -> String {
    let Some(placed) = placed else { return "deleted".to_owned() };
    let from = placement(placed.from);
    let to = placed.to.map(placement).unwrap_or_default();
    if placed.held.is_some() {
        return format!("Held({from}>{to})");
    }
    match placed.phase() {
        v1::Phase::Active => format!("Active({from})"),
        v1::Phase::Draining => format!("Draining({from}>{to})"),
        v1::Phase::Cutover => format!("Cutover({from}>{to})"),
        v1::Phase::Unspecified => "?".to_owned(),
    }
}

/// What the state does not show: a copy that is not opened, the watermark, the debt, old copies.
pub(super) fn notes(record: &v1::Record) -> String {
    let mut notes = Vec::new();
    if let Some(placed) = &record.placed {
        if !placed.opened {
            notes.push(
                "not opened yet; if its store has lost its state since, `ctl delete` it and create it again"
                    .to_owned(),
            );
        }
        if let Some(held) = &placed.held {
            notes.push(format!(
                "writes are refused: m{} was in flight when the cluster was restored; look at both stores, then `ctl release`",
                held.migration
            ));
        }
        if placed.phase() == v1::Phase::Draining && placed.cutover.is_some() {
            notes.push("writes may be blocked".to_owned());
        }
        if let Some(watermark) = placed.cutover.and_then(|facts| facts.watermark) {
            notes.push(format!("watermark {watermark}"));
        }
        if let Some(debt) = &placed.unsealed {
            let (at, through) = (placement(debt.placement), debt.through);
            notes.push(format!(
                "UNSEALED: {at} may still acknowledge writes through e{through}, and they are lost"
            ));
        }
    }
    for old in &record.old_copies {
        let doing = if old.retiring { "retiring" } else { "old copy" };
        notes.push(format!("{doing} m{} at {}", old.copy, placement(old.placement)));
    }
    notes.join(", ")
}

pub(super) fn record_json(record: &v1::Record) -> Value {
    let placed = record.placed.as_ref().map(|placed| {
        json!({
            "from": placement(placed.from),
            "to": placed.to.map(placement),
            "owned_since": placed.owned_since,
            "copy": placed.copy,
            "opened": placed.opened,
            "guarantee": guarantee(placed.guarantee()),
            "watermark": placed.cutover.and_then(|facts| facts.watermark),
            "may_block": placed.cutover.is_some(),
            "draining_epoch": placed.cutover.map(|facts| facts.draining_epoch),
            "held": placed.held.map(|held| json!({
                "migration": held.migration, "draining_epoch": held.draining_epoch,
            })),
            "unsealed": placed.unsealed.as_ref().map(|debt| json!({
                "placement": placement(debt.placement), "through": debt.through, "migration": debt.migration,
            })),
        })
    });
    let old = record.old_copies.iter().map(|old| {
        json!({ "placement": placement(old.placement), "copy": old.copy, "retiring": old.retiring,
                "sealed_through": old.sealed_through })
    });
    json!({
        "partition": record.partition,
        "name": record.name,
        "epoch": record.epoch,
        "migration": record.migration,
        "state": state(record.placed.as_ref()),
        "placed": placed,
        "old_copies": old.collect::<Vec<_>>(),
    })
}
