//! What was seen, in words.

use super::tally::{Tally, name};
use cutover::core::fence::{
    Body, Chunk, Copy, Durable, Fence, Frontier, Input, Known, Mutation, Output, Refusal, Reply, Request,
};
use cutover::core::ids::{Serial, WriteId};

/// What a fence made of an input.
pub fn note(tally: &mut Tally, before: &Fence, input: &Input, outputs: &[Output]) {
    let what = kind(input);
    let refused = outputs.iter().find_map(|output| {
        let Reply::Refused { refusal, .. } = output.reply()? else { return None };
        Some(refusal)
    });
    if let Some(refusal) = refused {
        if let (Refusal::Forgotten { id }, Some(copy)) = (refusal, before.durable().copy()) {
            let whole = copy.applied().known(WriteId { serial: Serial(u64::MAX), ..*id }) == Known::Forgotten;
            tally.notes(if whole { "forgotten: a session" } else { "forgotten: a number" });
        }
        return tally.notes(format!("{what}: {}", refusal_name(refusal)));
    }
    for said in done(before.durable(), input, outputs) {
        tally.notes(format!("{what}: {said}"));
    }
}

fn refusal_name(refusal: &Refusal) -> String {
    if let Refusal::Malformed(fault) = refusal {
        return format!("Malformed {fault:?}");
    }
    if let Refusal::TooLong { what, .. } = refusal {
        return format!("TooLong {what:?}");
    }
    name(refusal)
}

fn done(before: &Durable, input: &Input, outputs: &[Output]) -> Vec<&'static str> {
    let (copy, complete) = (before.copy(), before.copy().is_some_and(is_complete));
    let erases = outputs.iter().any(|output| matches!(output, Output::Erase));
    match input {
        Input::Stuck { .. } => vec!["noted"],
        Input::Trim { .. } if outputs.is_empty() => vec!["nothing to trim"],
        Input::Trim { .. } => vec!["done"],
        Input::Apply(write) => match outputs {
            [] => vec!["does not wait"],
            [Output::Append(_), ..] => {
                let mut said = vec!["appended"];
                said.extend(mutation(&write.mutation));
                said.extend((write.token <= before.closed_through()).then_some("under a fence"));
                said.extend((!complete).then_some("to a copy that lacks rows"));
                said
            }
            _ => vec!["known"],
        },
        Input::Request(Request { body, .. }) => match body {
            Body::Prepare(prepare) => {
                let pulls = outputs.iter().any(|output| matches!(output, Output::Pull { .. }));
                let made = if prepare.migration == before.newest() {
                    "again"
                } else if erases {
                    "a new copy"
                } else if complete {
                    "kept, and it has all rows"
                } else {
                    "kept"
                };
                vec![made, if pulls { "pulls" } else { "does not pull" }]
            }
            Body::Seal(_) => {
                let again = before.receipt().is_some_and(|receipt| {
                    outputs.iter().any(|output| output.reply() == Some(&Reply::Sealed(*receipt)))
                });
                let lacks = (!again && !complete).then_some("of a copy that lacks rows");
                std::iter::once(if again { "again" } else { "done" }).chain(lacks).collect()
            }
            Body::Drop(_) => vec![if erases { "done" } else { "nothing there" }],
            Body::Chunk(chunk) => taken(chunk, copy),
            Body::End(_) => vec![if complete { "done" } else { "of a copy that lacks rows" }],
            Body::Write(_) => {
                let waits = matches!(outputs, [Output::Admitted(_)]);
                vec![if waits { "waits" } else { "known" }]
            }
            Body::Evidence(_) | Body::Watermark(_) | Body::Export(_) | Body::Read(_) => vec!["done"],
        },
    }
}

fn is_complete(copy: &Copy) -> bool {
    *copy.frontier() == Frontier::Everything
}

fn mutation(mutation: &Mutation) -> Vec<&'static str> {
    let mut said = Vec::new();
    said.extend(mutation.expects().is_some().then_some("as it expects"));
    said.extend((mutation.effects().len() > 1).then_some("a batch"));
    said.extend(mutation.effects().iter().any(|cell| cell.value.is_none()).then_some("a deletion"));
    said
}

fn taken(chunk: &Chunk, copy: Option<&Copy>) -> Vec<&'static str> {
    let frontier = copy.map_or(&Frontier::Nothing, Copy::frontier);
    let cells = || chunk.changes.iter().flat_map(|change| change.effects.iter());
    let mut said = vec!["taken"];
    said.extend((chunk.after == Frontier::Nothing).then_some("the first"));
    said.extend(matches!(chunk.after, Frontier::Through(_)).then_some("goes on"));
    said.extend(
        (chunk.after != Frontier::Everything && chunk.through == Frontier::Everything)
            .then_some("has the last rows"),
    );
    said.extend((chunk.after == Frontier::Everything).then_some("changes after all rows"));
    said.extend(cells().any(|cell| !frontier.covers(&cell.key)).then_some("a change above the frontier"));
    said.extend(
        cells()
            .any(|cell| cell.value.is_none() && frontier.covers(&cell.key))
            .then_some("a deletion below the frontier"),
    );
    said
}

/// What a source handed over.
pub fn handed(tally: &mut Tally, chunk: &Chunk, of: &Durable) {
    let end = of.copy().map(Copy::position);
    let what = match (chunk.changes.is_empty(), chunk.rows.is_empty()) {
        (true, true) => "nothing but a position",
        (true, false) => "rows",
        (false, true) => "changes",
        (false, false) => "changes and rows",
    };
    tally.notes(format!("handed: {what}"));
    if Some(chunk.position) != end {
        tally.notes("handed: not all changes");
    }
    if chunk.through == chunk.after && Some(chunk.position) == end && chunk.after != Frontier::Everything {
        tally.notes("handed: all changes, and no room for a row");
    }
    if matches!(chunk.through, Frontier::Through(_)) && !chunk.rows.is_empty() {
        tally.notes("handed: not all rows");
    }
    if chunk.applied.is_some() {
        tally.notes("handed: write ids");
    }
}

const fn kind(input: &Input) -> &'static str {
    match input {
        Input::Apply(_) => "apply",
        Input::Trim { .. } => "trim",
        Input::Stuck { .. } => "stuck",
        Input::Request(Request { body, .. }) => match body {
            Body::Prepare(_) => "prepare",
            Body::Seal(_) => "seal",
            Body::Evidence(_) => "evidence",
            Body::Watermark(_) => "watermark",
            Body::Drop(_) => "drop",
            Body::Export(_) => "export",
            Body::Chunk(_) => "chunk",
            Body::End(_) => "end",
            Body::Write(_) => "write",
            Body::Read(_) => "read",
        },
    }
}
