//! A move in words: what it does, how far it is, who is waited for and what to type.

use super::print::{name, placement};
use crate::node::proto::v1;
use bytesize::ByteSize;
use core::time::Duration;
use serde_json::{Value, json};

/// What a move does, in a few words.
pub(super) fn phase(one: &v1::Move, paused: bool) -> &'static str {
    let Some(placed) = one.record.as_ref().and_then(|record| record.placed.as_ref()) else {
        return "dropping";
    };
    let holds = one.order.as_ref().is_some_and(|order| order.hold) || paused;
    match placed.phase() {
        _ if placed.held.is_some() => "held since a restore",
        v1::Phase::Draining if placed.cutover.is_some() => "blocked",
        v1::Phase::Draining if is_near(one) && holds => "caught up, held",
        v1::Phase::Draining if is_near(one) => "caught up",
        v1::Phase::Draining => "copying",
        v1::Phase::Cutover => "cutover",
        _ if !placed.opened => "opening",
        _ if placed.unsealed.is_some() => "settling a debt",
        v1::Phase::Active | v1::Phase::Unspecified => "dropping",
    }
}

fn sizes(one: &v1::Move) -> Option<(v1::CopySize, v1::CopySize)> {
    let progress = one.progress.as_ref()?;
    Some((progress.source?, progress.target?))
}

/// Writes that the target lacks; `None`: its rows are not all there yet, or nothing is known.
fn lag(one: &v1::Move) -> Option<u64> {
    let (source, target) = sizes(one)?;
    target.complete.then(|| source.position.saturating_sub(target.position))
}

/// The most writes that a copy lacks that has caught up.
const NEAR: u64 = 64;

pub(super) fn is_near(one: &v1::Move) -> bool {
    lag(one).is_some_and(|lag| lag <= NEAR)
}

/// Seconds until all rows are there, at the speed of late.
fn left_s(one: &v1::Move) -> Option<u64> {
    let (source, target) = sizes(one)?;
    let speed = one.progress.as_ref().map_or(0, |progress| progress.bytes_per_second);
    let left = source.bytes.saturating_sub(target.bytes);
    if target.complete { None } else { left.checked_div(speed) }
}

pub(super) fn how_far(one: &v1::Move) -> String {
    let Some((source, target)) = sizes(one) else { return String::new() };
    let mut text = format!(
        "{} of {} rows, {} of {}",
        target.rows,
        source.rows,
        ByteSize(target.bytes),
        ByteSize(source.bytes)
    );
    if let Some(lag) = lag(one) {
        text = format!("{} rows, {}, lags by {lag} writes", target.rows, ByteSize(target.bytes));
    }
    if let Some(speed) =
        one.progress.as_ref().map(|progress| progress.bytes_per_second).filter(|speed| *speed > 0)
    {
        text.push_str(&format!(", {}/s", ByteSize(speed)));
    }
    if let Some(left) = left_s(one) {
        text.push_str(&format!(", {left} s left"));
    }
    text
}

/// Who is waited for, and what to type.
pub(super) fn next_step(one: &v1::Move, now: &v1::MovesResponse) -> String {
    let Some(record) = &one.record else { return String::new() };
    let of = name(record);
    let flies = record.placed.as_ref().is_some_and(|placed| placed.to.is_some());
    let waits =
        one.progress.as_ref().map(|progress| progress.waits_for.as_str()).filter(|waits| !waits.is_empty());
    if let Some(held) = super::held::told(one) {
        return held;
    }
    if let Some(waits) = waits {
        return format!(
            "waits for {waits}{}",
            if flies { format!("; to give up: ctl abort {of}") } else { String::new() }
        );
    }
    if !now.driven {
        return "the leader drives no moves".to_owned();
    }
    if flies && now.paused {
        return "paused: ctl resume".to_owned();
    }
    if flies && one.order.as_ref().is_some_and(|order| order.hold) {
        return format!("held: ctl cutover {of}");
    }
    String::new()
}

/// What the record does not show: how the last move ended, what is ordered, and what will be dropped when.
pub(super) fn told(one: &v1::Move, paused: bool) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(aborted) = &one.aborted {
        told.push(format!(
            "m{} to {} was aborted: {}",
            aborted.migration,
            placement(aborted.to),
            aborted.text
        ));
    }
    if let Some(order) = &one.order {
        if order.hold {
            told.push("held".to_owned());
        }
        if !order.reason.is_empty() {
            told.push(format!("moves for: {}", order.reason));
        }
    }
    if paused {
        told.push("all moves are paused".to_owned());
    }
    for old in &one.retirements {
        let at = old.at_s.map(|at| std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        let when =
            at.map_or_else(|| "later".to_owned(), |at| humantime::format_rfc3339_seconds(at).to_string());
        told.push(format!("{} drops m{} {when}", placement(old.placement), old.copy));
    }
    told
}

pub(super) fn machine(one: &v1::Move, now: &v1::MovesResponse) -> Value {
    let record = one.record.clone().unwrap_or_default();
    let placed = record.placed.unwrap_or_default();
    let progress = one.progress.clone().unwrap_or_default();
    let size = |size: Option<v1::CopySize>| {
        size.map(|size| json!({ "rows": size.rows, "bytes": size.bytes, "position": size.position, "complete": size.complete }))
    };
    json!({
        "partition": record.partition, "name": record.name, "migration": record.migration, "epoch": record.epoch,
        "from": placement(placed.from), "to": placed.to.map(placement), "phase": phase(one, now.paused),
        "source": size(progress.source), "target": size(progress.target), "lag_writes": lag(one),
        "bytes_per_second": progress.bytes_per_second, "left_s": left_s(one), "driven_ms": progress.driven_ms,
        "blocked_ms": progress.blocked_ms, "blocked_budget_ms": one.blocked_budget_ms, "waits_for": progress.waits_for,
        "hold": one.order.as_ref().is_some_and(|order| order.hold),
        "reason": one.order.as_ref().map(|order| order.reason.clone()),
        "next": next_step(one, now), "paused": now.paused, "driven": now.driven,
    })
}

pub(super) const HEAD: [&str; 7] = ["PARTITION", "MOVE", "FROM>TO", "PHASE", "HOW FAR", "FOR", "NEXT"];

pub(super) fn row(one: &v1::Move, now: &v1::MovesResponse) -> Vec<String> {
    let record = one.record.clone().unwrap_or_default();
    let placed = record.placed.unwrap_or_default();
    let to = placed.to.map(placement).unwrap_or_default();
    let since = one.progress.as_ref().map(|progress| progress.driven_ms / 1_000);
    vec![
        name(&record),
        format!("m{}", record.migration),
        format!("{}>{to}", placement(placed.from)).trim_end_matches('>').to_owned(),
        phase(one, now.paused).to_owned(),
        how_far(one),
        since.map_or_else(String::new, |since| format!("{since} s")),
        next_step(one, now),
    ]
}
