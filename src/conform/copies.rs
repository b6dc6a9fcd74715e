//! Copies out of a store, and into it.

use super::link::{At, denied, e, granted, is_whole, m, put};
use super::moves::{prepare, seal_of};
use super::near::Near;
use super::writes::demand_row;
use super::{Ends, Suite, demand};
use crate::core::fence::{Body, Chunk, Export, Frontier, Prepare, Refusal, Reply};
use crate::core::ids::Position;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// The rows that a copy begins with.
const ROWS: u64 = 120;

fn lost(refusal: &Refusal) -> Ends {
    Ends::Broken(format!("the part is none that a store takes: {refusal}"))
}

/// Pulls parts until there is nothing new, and returns how many came.
async fn pull(at: &At<'_>, near: &mut Near) -> Result<u64, Ends> {
    for parts in 0..10_000 {
        let export = Export::next(near.fence().durable(), m(2), 16);
        let export = export.ok_or_else(|| Ends::Unknown("the machine pulls no more".to_owned()))?;
        let chunk = match at.export(export).await? {
            Ok(chunk) => chunk,
            Err(Refusal::NothingNew { .. }) => return Ok(parts),
            Err(refusal) => {
                return Err(Ends::Broken(format!(
                    "found `{refusal}`, expected the next part, or `NothingNew`"
                )));
            }
        };
        near.ask(Body::Chunk(chunk)).map_err(|refusal| lost(&refusal))?;
    }
    Err(Ends::Broken("ten thousand parts, and no end".to_owned()))
}

pub(super) async fn export(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    for number in 0..ROWS {
        granted(at.put((1, number + 1), 2, &format!("r{number:03}"), "a").await?, "a write is applied")?;
    }
    let mut near = Near::new(suite.link.store(), at.partition);
    let source = Some(suite.link.store());
    let begins = Prepare { source, ..prepare(2, 2) };
    near.ask(Body::Prepare(begins)).map_err(|refusal| Ends::Unknown(refusal.to_string()))?;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (mut client, stop) = (at.client(), Arc::clone(&stop));
        let of = (1..2_000).map(|serial| {
            at.wire(put((2, serial), 2, &format!("r{:03}", serial * 7 % (ROWS + 20)), &serial.to_string())?)
        });
        let of: Vec<_> = of.collect::<Result<_, Ends>>()?;
        tokio::spawn(async move {
            for write in of {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let _acknowledged = client.write(write).await?;
            }
            Ok::<_, tonic::Status>(())
        })
    };
    // A part at a time, while clients write: rows come from behind the frontier, and changes before it.
    for _ in 0..ROWS / 8 {
        let Some(export) = Export::next(near.fence().durable(), m(2), 8) else { break };
        match at.export(export).await? {
            Ok(chunk) => near.ask(Body::Chunk(chunk)).map(drop).map_err(|refusal| lost(&refusal))?,
            Err(Refusal::NothingNew { .. }) => {}
            Err(refusal) => return Err(Ends::Broken(format!("found `{refusal}`, expected the next part"))),
        }
    }
    stop.store(true, Ordering::Relaxed);
    let wrote = writer.await.map_err(|error| Ends::Unknown(error.to_string()))?;
    wrote.map_err(|status| Ends::Unknown(format!("Write: {status}")))?;
    let (end, digest) = if suite.link.enforces() {
        let receipt = granted(at.seal(seal_of(2, 2)).await?, "a whole copy is sealed")?;
        (receipt.watermark(), receipt.digest())
    } else {
        let reading = granted(at.watermark(2, 2).await?, "a store says how far its writes go")?;
        (reading.position(), reading.digest())
    };
    pull(&at, &mut near).await?;
    let copy =
        near.fence().durable().copy().ok_or_else(|| Ends::Unknown("the machine has no copy".to_owned()))?;
    demand(is_whole(copy.frontier()) && copy.position() == end, || {
        format!("the copy ends at {} of {}, expected all rows up to {end}", copy.position(), copy.frontier())
    })?;
    demand(copy.digest() == digest, || {
        format!("the copy has the digest {}, expected that of the store: {digest}", copy.digest())
    })?;
    for (key, row) in near.data().rows() {
        let found = granted(at.read(3, &key.to_string()).await?, "a read above the fences is served")?;
        let is_same = found.as_ref().is_some_and(|(value, at)| *value == row.value && *at == row.position);
        demand(is_same, || format!("row {key}: the copy has {row:?}, the store {found:?}"))?;
    }
    Ok(())
}

/// A source in memory with rows, writes of a session, and a seal.
fn source(suite: &Suite, at: &At<'_>) -> Result<Near, Ends> {
    let mut near = Near::new(suite.link.store(), at.partition);
    let odd = |refusal: Refusal| Ends::Unknown(format!("the machine refuses: {refusal}"));
    near.ask(Body::Prepare(prepare(1, 0))).map_err(odd)?;
    for serial in 1..=ROWS {
        let write = put((5, serial), 1, &format!("r{serial:03}"), &format!("value {serial}"))?;
        near.ask(Body::Write(write)).map_err(odd)?;
    }
    Ok(near)
}

/// The parts of a whole copy of it.
fn parts(near: &Near) -> Result<Vec<Chunk>, Ends> {
    let mut all: Vec<Chunk> = Vec::new();
    loop {
        let (after, position) =
            all.last().map_or((Frontier::Nothing, Position(0)), |last| (last.through.clone(), last.position));
        if is_whole(&after) {
            return Ok(all);
        }
        all.push(near.cut(&Export { migration: m(2), after, position, limit: 16 })?);
    }
}

/// Begins a copy that nobody pulls: its source has no address.
async fn begins<'s>(at: At<'s>, near: &Near) -> Result<At<'s>, Ends> {
    let prepare = Prepare { source: Some(near.store()), ..prepare(2, 2) };
    granted(at.prepare(prepare).await?, "a copy is begun")?;
    Ok(at)
}

pub(super) async fn take(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh();
    let mut near = source(suite, &at)?;
    let at = begins(at, &near).await?;
    let parts = parts(&near)?;
    let [first, second, third, ..] = parts.as_slice() else {
        return Err(Ends::Unknown("too few parts".to_owned()));
    };
    let elsewhere = |refusal: &Refusal| matches!(refusal, Refusal::Elsewhere { .. });
    denied(at.take(second.clone()).await?, elsewhere, "`Elsewhere`: the first part is missing")?;
    granted(at.take(first.clone()).await?, "the first part is taken")?;
    denied(at.take(third.clone()).await?, elsewhere, "`Elsewhere`: the second part is missing")?;
    denied(at.take(first.clone()).await?, elsewhere, "`Elsewhere`: the part is there already")?;
    let early = at.evidence(2, Position(1)).await?;
    let not_yet = |refusal: &Refusal| matches!(refusal, Refusal::Incomplete { .. } | Refusal::Behind { .. });
    denied(early, not_yet, "`Incomplete`, of a copy that lacks rows")?;
    let other = Chunk { migration: m(3), ..second.clone() };
    let wrong = |refusal: &Refusal| matches!(refusal, Refusal::OtherCopy { .. });
    denied(at.take(other).await?, wrong, "`OtherCopy`: the part is of another migration")?;
    for part in parts.iter().skip(1) {
        granted(at.take(part.clone()).await?, "parts are taken in their order")?;
    }
    let Ok(Reply::Sealed(receipt)) = near.ask(Body::Seal(seal_of(2, 2))) else {
        return Err(Ends::Unknown("the machine is not sealed".to_owned()));
    };
    let behind = |refusal: &Refusal| matches!(refusal, Refusal::Behind { .. });
    let beyond = Position(receipt.watermark().0 + 1);
    denied(at.evidence(2, beyond).await?, behind, "`Behind`: nobody has written that much")?;
    let evidence = granted(at.evidence(2, receipt.watermark()).await?, "a whole copy has evidence")?;
    demand(evidence.position() == receipt.watermark(), || {
        format!("found {}, expected {}", evidence.position(), receipt.watermark())
    })?;
    demand(evidence.digest() == receipt.digest(), || {
        format!(
            "the evidence has the digest {}, expected that of the source: {}",
            evidence.digest(),
            receipt.digest()
        )
    })?;
    demand_row(&at, 3, "r001", Some("value 1")).await
}

pub(super) async fn ids(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh();
    let near = source(suite, &at)?;
    let at = begins(at, &near).await?;
    for part in parts(&near)? {
        granted(at.take(part).await?, "parts are taken in their order")?;
    }
    // Within the memory that all stores have: a retry of the source's write has its answer, and no second effect.
    let again = at.put((5, ROWS), 3, "r001", "a second effect").await?;
    let again = granted(again, "a write that the source applied is known to the copy")?;
    demand(again == Position(ROWS), || {
        format!("found {again}, expected {ROWS}, where the source applied it")
    })?;
    demand_row(&at, 3, "r001", Some("value 1")).await?;
    let next = granted(at.put((6, 1), 3, "r001", "new").await?, "the copy takes writes")?;
    demand(next > Position(ROWS), || format!("found {next}, expected a position above those of the source"))
}

pub(super) async fn end(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh();
    let near = source(suite, &at)?;
    let at = begins(at, &near).await?;
    let parts = parts(&near)?;
    let [first, second, ..] = parts.as_slice() else { return Err(Ends::Unknown("too few parts".to_owned())) };
    granted(at.take(first.clone()).await?, "the first part is taken")?;
    for _ in 0..2 {
        let ended = granted(at.end(2).await?, "a copy is ended, and that is said again")?;
        demand(ended.migration() == m(2) && !ended.complete(), || {
            format!("found {ended:?}, expected a copy that lacks rows")
        })?;
        demand(ended.epoch() == e(3), || {
            format!("found {}, expected the epoch that was asked", ended.epoch())
        })?;
    }
    let finished = |refusal: &Refusal| matches!(refusal, Refusal::Finished { .. });
    denied(at.take(second.clone()).await?, finished, "`Finished`").map(drop)
}
