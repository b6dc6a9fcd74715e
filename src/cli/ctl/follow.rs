//! What moves, as an operator sees it: a table of all, and one that is followed to its end.

use super::moving::{HEAD, how_far, is_near, machine, next_step, phase, row};
use super::print::{Out, name, placement};
use crate::cli::connect::failed;
use crate::cli::process::signals;
use crate::cli::{Failed, exit};
use crate::client::{Client, ClientError};
use crate::core::ids::{PartitionId, Placement};
use crate::node::proto::{PartitionSelector, v1};
use bytesize::ByteSize;
use core::future::Future;
use core::time::Duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use std::io::{IsTerminal as _, stderr};
use std::time::Instant;
use tokio::time::sleep;

/// How often a move is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often a line is printed where there is no terminal.
const LINE: Duration = Duration::from_secs(30);

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The copy has all rows and lags by little.
    CaughtUp,
    /// The partition is at its target.
    Arrived,
}

/// The record of a partition, with what is known of its move.
pub(super) async fn one(
    client: &Client,
    partition: PartitionSelector,
) -> Result<(v1::Record, v1::MovesResponse), Failed> {
    let now = client.moves(Some(partition), None).await.map_err(|error| failed(&error))?;
    let record = now.moves.first().and_then(|one| one.record.clone());
    Ok((record.ok_or_else(|| Failed::new(exit::INTERNAL, "the answer has no record"))?, now))
}

/// Says what keeps moves from going on.
pub(super) fn warn(now: &v1::MovesResponse) {
    if !now.driven {
        eprintln!(
            "note: the leader drives no moves ([controllers] run = true in its configuration), so nothing goes on by itself"
        );
    }
    if now.paused {
        eprintln!(
            "note: all moves are paused: the copy goes on, and no write is blocked (`cutover ctl resume`)"
        );
    }
}

/// All that moves, and what is ordered beside it.
async fn all(client: &Client) -> Result<v1::MovesResponse, ClientError> {
    let mut all: Option<v1::MovesResponse> = None;
    loop {
        let after = all.as_ref().and_then(|all| all.moves.last()).and_then(|one| one.record.as_ref());
        let after = after.map(|record| PartitionId(record.partition));
        let page = client.moves(None, after).await?;
        let more = page.more;
        match &mut all {
            Some(all) => all.moves.extend(page.moves),
            None => all = Some(page),
        }
        if !more {
            return Ok(all.unwrap_or_default());
        }
    }
}

pub(super) async fn list(client: &Client, out: &Out) -> Result<(), Failed> {
    let now = all(client).await.map_err(|error| failed(&error))?;
    let rows: Vec<_> = now.moves.iter().map(|one| row(one, &now)).collect();
    let of_machine: Vec<_> = now.moves.iter().map(|one| machine(one, &now)).collect();
    out.table("move", &HEAD, &rows, &of_machine);
    for drain in &now.drains {
        let (from, to, left) = (placement(drain.from), placement(drain.to), drain.left);
        out.result(
            || {
                let lines = drain.waits.iter().map(|wait| format!("\n  {}", waiting(wait)));
                let head = format!("{from} is drained to {to}: {left} partitions are left (to end it: ctl migrate --all-from {from} --stop)");
                core::iter::once(head).chain(lines).collect::<String>()
            },
            || {
                let waits: Vec<_> = drain.waits.iter().map(|wait| json!({ "why": wait.why, "partitions": wait.partitions, "first": wait.first })).collect();
                json!({ "type": "drain", "from": from, "to": to, "left": left, "waits": waits })
            },
        );
    }
    warn(&now);
    Ok(())
}

/// Why partitions of a drain wait, as a line.
fn waiting(wait: &v1::DrainWait) -> String {
    let v1::DrainWait { why, partitions, first } = wait;
    match partitions.saturating_sub(1) {
        0 => format!("{first} waits: {why}"),
        others => format!("{first} and {others} more wait: {why}"),
    }
}

/// What is shown while something is waited for: one line that changes, or a line now and then.
struct Shown {
    bar: ProgressBar,
    terminal: bool,
    last: Option<(String, Instant)>,
}

impl Shown {
    fn new() -> Self {
        let terminal = stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar, terminal, last: None }
    }

    /// `phase`: a line is printed as soon as this is another one.
    fn say(&mut self, phase: &str, line: String) {
        if self.terminal {
            self.bar.set_message(line);
            self.bar.tick();
            return;
        }
        let known = self.last.as_ref().is_some_and(|(last, at)| last == phase && at.elapsed() < LINE);
        if !known {
            eprintln!("{line}");
            self.last = Some((phase.to_owned(), Instant::now()));
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Follows a move until it has ended, or caught up. Ctrl-C leaves it under way.
pub(super) async fn follow(
    client: &Client,
    out: &Out,
    record: &v1::Record,
    migration: u64,
    until: Until,
) -> Result<(), Failed> {
    attended(&name(record), followed(client, out, record, migration, until)).await
}

async fn followed(
    client: &Client,
    out: &Out,
    record: &v1::Record,
    migration: u64,
    until: Until,
) -> Result<(), Failed> {
    let (number, of, began) = (PartitionId(record.partition), name(record), Instant::now());
    let to =
        |one: &v1::Move| one.record.as_ref().and_then(|record| record.placed.as_ref()?.to).map(placement);
    let mut shown = Shown::new();
    let mut last = v1::Move::default();
    loop {
        let now = match client.moves(Some(PartitionSelector::Id(number)), None).await {
            Ok(now) => now,
            // The move is the leader's, and goes on when there is one again.
            Err(ClientError::Unreachable(why) | ClientError::NoLeader(why) | ClientError::Busy(why)) => {
                shown.say(
                    "away",
                    format!("{of}: the control plane does not answer, the move goes on when it does: {why}"),
                );
                sleep(LOOK).await;
                continue;
            }
            Err(error) => return Err(failed(&error)),
        };
        let Some(one) = now.moves.into_iter().next() else { return Err(gone(&of)) };
        let current = one.record.clone().unwrap_or_default();
        let flies = current.migration == migration
            && current.placed.as_ref().is_some_and(|placed| placed.to.is_some());
        if !flies {
            drop(shown);
            return ended(out, &of, migration, &one, &last, began);
        }
        let now = v1::MovesResponse { moves: Vec::new(), ..now };
        let doing = phase(&one, now.paused);
        let text = [how_far(&one), next_step(&one, &now)].into_iter().filter(|part| !part.is_empty());
        let text: Vec<String> = text.collect();
        shown.say(
            doing,
            format!("{of} m{migration} to {}: {doing}  {}", to(&one).unwrap_or_default(), text.join("; ")),
        );
        if until == Until::CaughtUp && is_near(&one) {
            drop(shown);
            out.result(
                || {
                    format!(
                        "{of}: {}; it waits (`cutover ctl cutover {of}` blocks writes and completes it)",
                        how_far(&one)
                    )
                },
                || {
                    let mut line = machine(&one, &now);
                    line["type"] = json!("caught-up");
                    line
                },
            );
            return Ok(());
        }
        last = one;
        sleep(LOOK).await;
    }
}

fn gone(of: &str) -> Failed {
    Failed::new(exit::REFUSED, format!("{of} is gone"))
}

/// Follows something, unless the operator leaves: at any moment, also while nobody answers. What is followed goes on.
async fn attended(of: &str, follows: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::select! {
        biased;
        () = signals() => {
            let back = format!("{of} goes on without you; `cutover ctl moves` shows how far it is, `cutover ctl abort` ends a move");
            Err(Failed::new(exit::INDETERMINATE, back))
        }
        ended = follows => ended,
    }
}

/// What became of a move that is over.
fn ended(
    out: &Out,
    of: &str,
    migration: u64,
    one: &v1::Move,
    last: &v1::Move,
    began: Instant,
) -> Result<(), Failed> {
    let record = one.record.clone().unwrap_or_default();
    let arrived = record.placed.as_ref().filter(|placed| placed.copy == migration);
    let Some(placed) = arrived else {
        let why = one.aborted.as_ref().filter(|aborted| aborted.migration == migration);
        let why = why.map_or_else(|| "another move has begun".to_owned(), |aborted| aborted.text.clone());
        return Err(Failed::new(exit::REFUSED, format!("{of}: m{migration} was aborted: {why}")));
    };
    let finished =
        one.finished.as_ref().filter(|finished| finished.migration == migration && finished.completed);
    let blocked = finished.map(|finished| finished.blocked_ms);
    let target = last.progress.as_ref().and_then(|progress| progress.target);
    let at = placement(placed.from);
    out.result(
        || {
            let blocked = blocked.map_or_else(
                || "for how long writes were blocked is not known, since the leader changed".to_owned(),
                |blocked| format!("writes were blocked for at most {blocked} ms"),
            );
            let size = target.map_or_else(String::new, |size| format!(", about {} rows, {}", size.rows, ByteSize(size.bytes)));
            let old = record.old_copies.iter().filter(|old| !old.retiring).map(|old| placement(old.placement));
            let old: Vec<_> = old.collect();
            let keeps = if one.retirements.is_empty() && !old.is_empty() {
                format!("; {} keeps its copy until `cutover ctl retire {of} --at {}`", old.join(" and "), old.join(" and "))
            } else {
                String::new()
            };
            format!("{of} is at {at}@e{}: {blocked}{size}, {} s{keeps}", record.epoch, began.elapsed().as_secs())
        },
        || {
            json!({ "type": "moved", "partition": record.partition, "name": record.name, "migration": migration, "at": at,
                    "epoch": record.epoch, "blocked_ms": blocked, "rows": target.map(|size| size.rows),
                    "bytes": target.map(|size| size.bytes), "ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
        },
    );
    Ok(())
}

/// Follows a drain until the store owns no partition. Ctrl-C leaves it under way.
pub(super) async fn drained(client: &Client, out: &Out, from: Placement) -> Result<(), Failed> {
    attended(&format!("the drain of {from}"), empties(client, out, from)).await
}

async fn empties(client: &Client, out: &Out, from: Placement) -> Result<(), Failed> {
    let (mut shown, began, mut warned) = (Shown::new(), Instant::now(), false);
    loop {
        match all(client).await {
            Ok(now) => {
                if !warned {
                    warn(&now);
                    warned = true;
                }
                let Some(drain) = now.drains.iter().find(|drain| drain.from == from.0) else {
                    drop(shown);
                    out.result(
                        || {
                            format!(
                                "{from} owns no partition, or the drain was ended; {} s",
                                began.elapsed().as_secs()
                            )
                        },
                        || json!({ "type": "drained", "from": from.to_string() }),
                    );
                    return Ok(());
                };
                let moving = now.moves.iter().filter(|one| {
                    one.record
                        .as_ref()
                        .and_then(|record| record.placed.as_ref())
                        .is_some_and(|placed| placed.from == from.0 && placed.to.is_some())
                });
                let line = format!("{from}: {} partitions left, {} under way", drain.left, moving.count());
                // The first reason is enough for a line; `ctl moves` has all.
                let waits =
                    drain.waits.first().map(|wait| format!("; {}", waiting(wait))).unwrap_or_default();
                shown.say("drain", format!("{line}{waits}"));
            }
            Err(ClientError::Unreachable(why) | ClientError::NoLeader(why) | ClientError::Busy(why)) => {
                shown.say("away", format!("the control plane does not answer: {why}"));
            }
            Err(error) => return Err(failed(&error)),
        }
        sleep(LOOK).await;
    }
}
