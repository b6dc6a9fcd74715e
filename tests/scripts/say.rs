//! Prints what the machines of a migration do, one line each.

use super::store::Store;
use cutover::core::fence::{Body, Chunk, Contents, Frontier, Key, Output, Reply, Row};
use cutover::core::migration::{Command, Expected, PartitionRecord, Settlement, Timer, Transition};

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(" ") }
}

/// A row with the position of the write that set it.
fn row((key, row): (&Key, &Row)) -> String {
    format!("{key}={}@{}", row.value, row.position)
}

fn rows(data: &Contents) -> String {
    list(data.rows().iter().map(row))
}

/// What is in a chunk.
pub fn chunk(chunk: &Chunk) -> String {
    let changes = chunk.changes.iter().map(|change| {
        let cells: Vec<_> = change.effects.iter().map(ToString::to_string).collect();
        format!("{}:{}:{}", change.position, change.id, cells.join(","))
    });
    let ids = if chunk.applied.is_some() { ", write ids" } else { "" };
    format!(
        "to {} at {}: changes {}, rows {}{ids}",
        chunk.through,
        chunk.position,
        list(changes),
        list(chunk.rows.iter().map(|(key, of)| row((key, of))))
    )
}

/// How far a copy reaches, if it lacks rows.
const fn so_far(complete: bool) -> &'static str {
    if complete { "" } else { " of some rows" }
}

/// The request to a store.
pub fn body(body: &Body) -> String {
    match body {
        Body::Prepare(p) => {
            let source = p.source.map(|source| format!(" from {source}")).unwrap_or_default();
            let keep = p.keep.map(|keep| format!(" keep {keep}")).unwrap_or_default();
            format!("prepare {}{source}{keep} closed through {}", p.migration, p.closed_through)
        }
        Body::Seal(s) => format!("seal {} through {}, target {}", s.migration, s.through, s.target),
        Body::Evidence(q) => format!("evidence? {} {} at least {}", q.migration, q.epoch, q.at_least),
        Body::Watermark(q) => format!("watermark? {} {}", q.migration, q.epoch),
        Body::Drop(d) => match d.sealed_through {
            Some(through) => format!("drop {} if sealed through {through}", d.copy),
            None => format!("drop {}", d.copy),
        },
        Body::Export(e) => format!("export {} after {} at {}", e.migration, e.after, e.position),
        Body::Chunk(c) => format!("chunk {} {} after {} at {}", c.migration, c.source, c.after, c.from),
        Body::End(e) => format!("end {} {}", e.migration, e.epoch),
        Body::Write(w) => format!("write {} token {}", w.id, w.token),
        Body::Read(r) => format!("read {} token {}", r.key, r.token),
    }
}

/// The reply of a store.
pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Prepared(p) => {
            let (migration, closed) = (p.migration(), p.closed_through());
            let finished = if p.finished() { ", takes no chunks" } else { "" };
            format!("prepared {migration} closed through {closed} {}{finished}", p.origin().incarnation)
        }
        Reply::Sealed(r) => {
            let (migration, through, watermark) = (r.migration(), r.through(), r.watermark());
            format!("sealed {migration} through {through} watermark {watermark}, target {}", r.target())
        }
        Reply::Evidence(e) => {
            let origin = e.origin().incarnation;
            format!("evidence {} {} position {} {origin}", e.migration(), e.epoch(), e.position())
        }
        Reply::Watermark(w) => {
            let (migration, epoch, position) = (w.migration(), w.epoch(), w.position());
            format!(
                "watermark {migration} {epoch} position {position}, sealed through {}",
                w.sealed_through()
            )
        }
        Reply::Dropped(d) => format!("dropped {}", d.copy()),
        Reply::ChunkTaken(t) => {
            format!("taken {} position {}{}", t.migration(), t.position(), so_far(t.complete()))
        }
        Reply::Ended(e) => {
            let (migration, epoch, position) = (e.migration(), e.epoch(), e.position());
            format!("ended {migration} {epoch} position {position}{}", so_far(e.complete()))
        }
        Reply::Applied { write, position } => format!("applied {} at {position}", write.id),
        Reply::Refused { request, refusal } => format!("refused {}: {refusal}", body(&request.body)),
    }
}

/// The output of a store. `found`: the row that a read finds.
pub fn output(output: &Output, found: Option<&Row>) -> String {
    match output {
        Output::Append(change) => {
            let cells = list(change.effects.iter().map(ToString::to_string));
            format!("append {} at {}: {cells}", change.id, change.position)
        }
        Output::Import { rows } => {
            let set = |(key, of): &(Key, Option<Row>)| {
                of.as_ref().map_or_else(|| format!("-{key}"), |of| row((key, of)))
            };
            format!("import {}", list(rows.iter().map(set)))
        }
        Output::Trim { through } => format!("forget changes through {through}"),
        Output::Erase => "erase".to_owned(),
        Output::Persist => "persist".to_owned(),
        Output::Admitted(write) => format!("admitted {}", write.id),
        Output::Serve(read) => {
            let found = list(found.into_iter().map(|of| row((&read.key, of))));
            format!("serve {} token {}: {found}", read.key, read.token)
        }
        Output::Hand(export) => {
            format!("hand {} after {} at {}", export.migration, export.after, export.position)
        }
        Output::Pull { migration, source } => format!("pull {migration} from {source}"),
        Output::Reply(said) => reply(said),
        Output::Halt(halt) => format!("HALT {}: {}", halt.invariant, halt.facts),
    }
}

fn expected(expected: Expected) -> String {
    format!("{}@{}", expected.migration, expected.epoch)
}

/// The command proposed to the log.
pub fn command(command: &Command) -> String {
    let what = match &command.transition {
        Transition::Create { placement, guarantee } => format!("create at {placement} {guarantee}"),
        Transition::Open { expected: at, .. } => format!("open {}", expected(*at)),
        Transition::Begin { expected: at, to } => format!("begin {} to {to}", expected(*at)),
        Transition::StartBlock { expected: at, target } => {
            format!("start block {}, target {target}", expected(*at))
        }
        Transition::EnterCutover { expected: at, receipt } => {
            format!("enter cutover {}, {}", expected(*at), reply(&Reply::Sealed(**receipt)))
        }
        Transition::EnterTimedCutover { expected: at, .. } => {
            format!("enter timed cutover {}", expected(*at))
        }
        Transition::RecordWatermark { expected: at, reading } => {
            format!("record watermark {}, position {}", expected(*at), reading.position())
        }
        Transition::Complete { expected: at, evidence } => {
            format!("complete {}, position {}", expected(*at), evidence.position())
        }
        Transition::Abort { expected: at, why } => format!("abort {}, {why}", expected(*at)),
        Transition::Force { expected: at, operator, reason, .. } => {
            format!("force {} by {}: {}", expected(*at), operator.as_ref(), reason.as_ref())
        }
        Transition::Settle { migration, proof: Settlement::Sealed(receipt) } => {
            format!("settle {migration}, sealed through {}", receipt.through())
        }
        Transition::Settle { migration, proof: Settlement::Closed(prepared) } => {
            format!("settle {migration}, closed through {}", prepared.closed_through())
        }
        Transition::Settle { migration, proof: Settlement::Dropped(dropped) } => {
            format!("settle {migration}, dropped {}", dropped.copy())
        }
        Transition::RetireCopy { placement, copy } => format!("retire {copy} at {placement}"),
        Transition::ForgetCopy { dropped } => {
            format!("forget {} at {}", dropped.copy(), dropped.origin().store)
        }
        Transition::Delete { expected: at } => format!("delete {}", expected(*at)),
        Transition::WriteOff { placement, copy, .. } => format!("write off {copy} at {placement}"),
        Transition::Release { expected: at, how, .. } => format!("release {} to {how}", expected(*at)),
    };
    format!("{} {what}", command.partition)
}

/// The word by which a script fires a timer.
pub fn timer(timer: &Timer) -> String {
    match timer {
        Timer::Retry => "retry".to_owned(),
        Timer::BlockedBudget { migration } => format!("budget {migration}"),
        Timer::Overdue { migration } => format!("abort {migration}"),
        Timer::Barrier { migration, epoch } => format!("barrier {migration}@{epoch}"),
    }
}

/// The record on one line, and a further line for each remaining obligation.
pub fn record(record: Option<&PartitionRecord>) -> Vec<String> {
    let Some(record) = record else { return vec!["p1 is not listed".to_owned()] };
    let head = format!("{} {} {}", record.partition, record.epoch, record.migration);
    let mut lines = match record.placed {
        None => vec![format!("{head} deleted")],
        Some(placed) => {
            let open = if placed.opened { "" } else { ", not open" };
            let kind = placed.guarantee;
            let kept = placed.kept.map(|kept| format!(", keeps {} at {}", kept.migration, kept.placement));
            let kept = kept.unwrap_or_default();
            vec![format!(
                "{head} {} {kind}{open}, owned since {} copy {}{kept}",
                placed.state, placed.owned_since, placed.copy
            )]
        }
    };
    if let Some(facts) = record.placed.and_then(|placed| placed.cutover) {
        let watermark = facts.watermark.map_or_else(|| "unknown".to_owned(), |position| position.to_string());
        lines
            .push(format!("  drained at {}, target {}, watermark {watermark}", facts.draining, facts.target));
    }
    if let Some(debt) = record.placed.and_then(|placed| placed.debt) {
        let copied = debt.copied.map(|position| format!(", all of it is here up to {position}"));
        let copied = copied.unwrap_or_default();
        let (at, through) = (debt.placement, debt.through);
        lines.push(format!("  UNSEALED: {at} may acknowledge writes through {through}{copied}"));
    }
    for old in &record.old_copies {
        let condition =
            old.sealed_through.map_or_else(String::new, |through| format!(" sealed through {through}"));
        let fate = if old.retiring { "retiring" } else { "kept" };
        lines.push(format!("  old copy {} at {}{condition}, {fate}", old.copy, old.placement));
    }
    lines
}

/// A store's fences and data on one line.
pub fn store(store: &Store) -> String {
    let (config, durable) = (store.fence.config(), store.fence.durable());
    let copy = match durable.copy() {
        None => "no copy".to_owned(),
        Some(copy) => {
            let finished = if copy.finished() { " finished" } else { "" };
            let so_far = match copy.frontier() {
                Frontier::Everything => String::new(),
                frontier @ (Frontier::Nothing | Frontier::Through(_)) => format!(" of rows up to {frontier}"),
            };
            let from = copy.logged_after();
            let log = if from.0 == 0 { String::new() } else { format!(", log after {from}") };
            format!("position {}{so_far}{finished}{log}: {}", copy.position(), rows(&store.data))
        }
    };
    let (sealed, closed, newest) = (durable.sealed_through(), durable.closed_through(), durable.newest());
    format!("{} {} sealed {sealed} closed {closed} newest {newest}, {copy}", config.store, config.incarnation)
}
