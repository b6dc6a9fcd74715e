//! The text of requests and answers, in traces and logs.

use super::{Body, Reply, Request};
use crate::core::ids::WriteId;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// Formats write ids as a list in brackets.
#[must_use]
pub fn format_write_ids(ids: &[WriteId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    format!("[{}]", ids.join(" "))
}

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
        Body::Prepare(p) => format!("prepare {} closed-through {}", p.migration, p.closed_through),
        Body::Seal(s) => format!("seal {} through {} for {}", s.migration, s.through, s.target),
        Body::Evidence(q) => format!("evidence? {} at {} position>={}", q.migration, q.epoch, q.at_least),
        Body::Watermark(q) => format!("watermark? {} at {}", q.migration, q.epoch),
        Body::Drop(d) => match d.sealed_through {
            Some(through) => format!("drop copy {} sealed-through {through}", d.copy),
            None => format!("drop copy {}", d.copy),
        },
        Body::Export(e) => format!("export {} from {} count {}", e.migration, e.first, e.count),
        Body::Chunk(c) => {
            format!(
                "copy {} from position {} {} by {}",
                c.migration,
                c.first,
                format_write_ids(&c.writes),
                c.source
            )
        }
        Body::Write(w) => format!("write {} token {}", w.id, w.token),
        Body::Read(r) => format!("read token {}", r.token),
    }
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
        Reply::ChunkTaken(t) => format!("copy {} reaches position {}", t.migration(), t.position()),
        Reply::Applied { write, position } => {
            format!("applied {} token {} position {position}", write.id, write.token)
        }
        Reply::Refused { refusal, .. } => format!("refused: {refusal}"),
    }
}
