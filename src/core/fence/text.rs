//! The text of requests and answers, in traces and logs.

use super::{Body, Chunk, Reply, Request};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

impl fmt::Display for Request {
    /// The kind of request and its parameters, without the sink and partition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&request(self))
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&reply(self))
    }
}

/// The text of a request, without the sink and partition.
fn request(request: &Request) -> String {
    match &request.body {
        Body::Prepare(p) => {
            let source = p.source.map(|source| format!(" from {source}")).unwrap_or_default();
            let keep = p.keep.map(|keep| format!(" keep {keep}")).unwrap_or_default();
            format!("prepare {} closed-through {}{source}{keep}", p.migration, p.closed_through)
        }
        Body::Seal(s) => format!("seal {} through {} for {}", s.migration, s.through, s.target),
        Body::Evidence(q) => format!("evidence? {} at {} position>={}", q.migration, q.epoch, q.at_least),
        Body::Watermark(q) => format!("watermark? {} at {}", q.migration, q.epoch),
        Body::Drop(d) => match d.sealed_through {
            Some(through) => format!("drop copy {} sealed-through {through}", d.copy),
            None => format!("drop copy {}", d.copy),
        },
        Body::Export(e) => {
            format!("export {} after {} at {} limit {}", e.migration, e.after, e.position, e.limit)
        }
        Body::Chunk(c) => chunk(c),
        Body::End(e) => format!("end {} at {}", e.migration, e.epoch),
        Body::Write(w) => format!("write {} token {} {}", w.id, w.token, w.mutation),
        Body::Read(r) => format!("read {} token {}", r.key, r.token),
    }
}

/// The text of a chunk: where it begins and ends, its changes, and its rows.
fn chunk(c: &Chunk) -> String {
    let changes = c.changes.iter().map(|change| {
        let cells: Vec<_> = change.effects.iter().map(ToString::to_string).collect();
        format!("{}:{} {}", change.position, change.id, cells.join(" "))
    });
    let changes: Vec<_> = changes.collect();
    let rows: Vec<_> =
        c.rows.iter().map(|(key, row)| format!("{key}={}@{}", row.value, row.position)).collect();
    format!(
        "copy {} ({} at {}) to ({} at {}) changes [{}] rows [{}] by {}",
        c.migration,
        c.after,
        c.from,
        c.through,
        c.position,
        changes.join(", "),
        rows.join(" "),
        c.source
    )
}

/// The text of an answer.
fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Prepared(p) => {
            let incarnation = p.origin().incarnation;
            format!("prepared {} closed-through {} by {incarnation}", p.migration(), p.closed_through())
        }
        Reply::Sealed(r) => format!(
            "sealed {} through {} watermark {} for {}",
            r.migration(),
            r.through(),
            r.watermark(),
            r.target()
        ),
        Reply::Evidence(e) => {
            let (by, at) = (e.origin().incarnation, e.epoch());
            format!("evidence {} position {} at {at} by {by}", e.migration(), e.position())
        }
        Reply::Watermark(w) => {
            format!("watermark {} position {} at {}", w.migration(), w.position(), w.epoch())
        }
        Reply::Dropped(d) => format!("dropped copy {}", d.copy()),
        Reply::ChunkTaken(t) => {
            format!("copy {} reaches position {}{}", t.migration(), t.position(), so_far(t.complete()))
        }
        Reply::Ended(e) => {
            format!(
                "ended {} position {}{} at {}",
                e.migration(),
                e.position(),
                so_far(e.complete()),
                e.epoch()
            )
        }
        Reply::Applied { write, position } => {
            format!("applied {} token {} position {position}", write.id, write.token)
        }
        Reply::Refused { refusal, .. } => format!("refused: {refusal}"),
    }
}

/// Whether a copy lacks rows.
const fn so_far(complete: bool) -> &'static str {
    if complete { "" } else { " of some rows" }
}
