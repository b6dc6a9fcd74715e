//! What a store does for a move, beside the copy.

use super::link::{At, denied, e, granted, is_whole, m, put};
use super::writes::{WRITERS, demand_row};
use super::{Ends, Suite, demand};
use crate::core::fence::{Export, Frontier, Prepare, Refusal, Seal};
use crate::core::ids::{Incarnation, Position};
use core::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

pub(super) const fn prepare(migration: u64, closed_through: u64) -> Prepare {
    Prepare { migration: m(migration), closed_through: e(closed_through), source: None, keep: None }
}

pub(super) const fn seal_of(migration: u64, through: u64) -> Seal {
    Seal { migration: m(migration), through: e(through), target: Incarnation(7) }
}

pub(super) async fn describe(suite: &Suite) -> Result<(), Ends> {
    let said = suite.link.described();
    let kind = &said.kind;
    let word =
        !kind.is_empty() && kind.len() <= 32 && kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    demand(word, || format!("kind {kind:?}, expected one word of at most 32 letters, digits and dashes"))?;
    let identity = &said.identity;
    demand(!identity.is_empty() && identity.len() <= 256, || {
        format!("identity {identity:?}, expected 1 to 256 bytes")
    })?;
    demand(said.incarnation > 0, || "incarnation 0, expected that of its directory".to_owned())
}

pub(super) async fn create(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh();
    let first = granted(at.prepare(prepare(5, 2)).await?, "a partition is created")?;
    let enforces = suite.link.enforces();
    demand(first.enforces() == enforces, || {
        format!("it states {}, expected what `Describe` says: {enforces}", first.enforces())
    })?;
    demand(first.origin().incarnation == suite.link.incarnation(), || {
        format!("it states {}, expected the incarnation that `Describe` says", first.origin().incarnation)
    })?;
    demand(first.migration() == m(5) && first.closed_through() >= e(2), || format!("found {first:?}"))?;
    granted(at.put((1, 1), 3, "k", "v").await?, "a created partition takes writes")?;
    let again = granted(at.prepare(prepare(5, 2)).await?, "the same migration is prepared again")?;
    demand(again.migration() == first.migration(), || format!("found {again:?}, expected {first:?}"))?;
    demand_row(&at, 3, "k", Some("v")).await?;
    let older = |refusal: &Refusal| matches!(refusal, Refusal::OlderMigration { .. });
    denied(at.prepare(prepare(4, 2)).await?, older, "`OlderMigration`")?;
    demand_row(&at, 3, "k", Some("v")).await
}

pub(super) async fn unknown(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh();
    let nobody =
        |refusal: &Refusal| matches!(refusal, Refusal::UnknownPartition { .. } | Refusal::Closed { .. });
    let expected = "`UnknownPartition`, or `Closed`";
    denied(at.put((1, 1), 9, "k", "v").await?, nobody, expected)?;
    denied(at.read(9, "k").await?, nobody, expected)?;
    let unknown = |refusal: &Refusal| matches!(refusal, Refusal::UnknownPartition { .. });
    let export = Export { migration: m(1), after: Frontier::Nothing, position: Position(0), limit: 16 };
    denied(at.export(export).await?, unknown, "`UnknownPartition`")?;
    if suite.link.enforces() {
        denied(at.seal(seal_of(2, 2)).await?, unknown, "`UnknownPartition`")?;
    }
    Ok(())
}

/// What became of one writer's last writes.
struct Written {
    acknowledged: Vec<u64>,
    refused: bool,
}

/// Writes until it is refused, and then some more.
async fn writes(at: &At<'_>, writer: u64) -> Result<JoinSet<Result<Written, String>>, Ends> {
    let mut set = JoinSet::new();
    let mut client = at.client();
    let of: Vec<_> = (1..=400)
        .map(|serial| at.wire(put((writer, serial), 2, &format!("w{writer}"), &serial.to_string())?))
        .collect::<Result<_, _>>()?;
    set.spawn(async move {
        let (mut acknowledged, mut refused, mut more) = (Vec::new(), false, 5);
        for write in of {
            match client.write(write).await {
                Ok(answer) => acknowledged.push(answer.into_inner().position),
                Err(status) => match crate::node::proto::sink::refused(&status) {
                    Some(Refusal::Sealed { .. }) => refused = true,
                    Some(refusal) => {
                        return Err(format!("found `{refusal}`, expected `Sealed`, or an acknowledgement"));
                    }
                    None => return Err(format!("Write: {status}")),
                },
            }
            if refused {
                more -= 1;
                if more == 0 {
                    break;
                }
            }
        }
        Ok(Written { acknowledged, refused })
    });
    Ok(set)
}

pub(super) async fn seal(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    if !suite.link.enforces() {
        let cannot = |refusal: &Refusal| matches!(refusal, Refusal::CannotSeal { .. });
        denied(at.seal(seal_of(2, 2)).await?, cannot, "`CannotSeal`, of a store that checks no tokens")?;
        let position = granted(at.put((1, 1), 1, "k", "v").await?, "such a store applies everything")?;
        let reading = granted(at.watermark(2, 2).await?, "it says how far its writes go")?;
        return demand(reading.position() >= position, || {
            format!("found {}, expected {position}", reading.position())
        });
    }
    let mut all = Vec::new();
    for writer in 1..=WRITERS {
        all.push(writes(&at, writer).await?);
    }
    sleep(Duration::from_millis(20)).await;
    let receipt = granted(at.seal(seal_of(2, 2)).await?, "a whole copy is sealed")?;
    let (mut most, mut refused) = (0, 0);
    for mut writer in all {
        while let Some(ended) = writer.join_next().await {
            let ended = ended.map_err(|error| Ends::Unknown(error.to_string()))?;
            let written = ended.map_err(Ends::Broken)?;
            most = most.max(written.acknowledged.last().copied().unwrap_or_default());
            refused += u64::from(written.refused);
        }
    }
    let watermark = receipt.watermark();
    demand(most <= watermark.0, || {
        format!("a write was acknowledged at {most}, and the receipt ends at {watermark}")
    })?;
    demand(refused > 0, || {
        "no writer was refused: the seal came after all of them, or does nothing".to_owned()
    })?;
    demand(receipt.through() >= e(2) && receipt.target() == Incarnation(7), || format!("found {receipt:?}"))?;
    let again = granted(at.seal(seal_of(2, 2)).await?, "a repeated seal is answered")?;
    demand(again == receipt, || format!("found {again:?}, expected the same receipt: {receipt:?}"))?;
    let sealed = |refusal: &Refusal| matches!(refusal, Refusal::Sealed { .. });
    denied(at.put((99, 1), 2, "late", "late").await?, sealed, "`Sealed`")?;
    demand_row(&at, 2, "late", None).await?;
    // A greater token is one of after an abort: the partition is where it was.
    granted(at.put((99, 2), 3, "late", "later").await?, "a token above the seal is taken")?;
    demand_row(&at, 3, "late", Some("later")).await
}

pub(super) async fn drop_copy(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    granted(at.put((1, 1), 2, "k", "v").await?, "a write is applied")?;
    if suite.link.enforces() {
        let not_sealed = |refusal: &Refusal| matches!(refusal, Refusal::NotSealed { .. });
        denied(at.drop_copy(1, Some(2)).await?, not_sealed, "`NotSealed`: a former source is sealed first")?;
        granted(at.seal(seal_of(2, 2)).await?, "a whole copy is sealed")?;
    }
    let through = suite.link.enforces().then_some(2);
    for _ in 0..2 {
        let dropped = granted(at.drop_copy(1, through).await?, "a copy is dropped, and that is said again")?;
        demand(dropped.copy() == m(1), || format!("found {dropped:?}"))?;
    }
    let gone =
        |refusal: &Refusal| matches!(refusal, Refusal::UnknownPartition { .. } | Refusal::Closed { .. });
    denied(at.put((1, 2), 9, "k", "w").await?, gone, "`UnknownPartition`, or `Closed`: there is no copy")?;
    let older = |refusal: &Refusal| matches!(refusal, Refusal::OlderMigration { .. });
    let again = at.prepare(prepare(1, 0)).await?;
    denied(again, older, "`OlderMigration`, of a copy that was dropped").or_else(unknown_copy)?;
    granted(at.prepare(prepare(3, 3)).await?, "a later migration makes a copy")?;
    demand_row(&at, 4, "k", None).await?;
    if suite.link.enforces() {
        let fenced = |refusal: &Refusal| matches!(refusal, Refusal::Closed { .. } | Refusal::Sealed { .. });
        denied(
            at.put((1, 3), 2, "k", "v").await?,
            fenced,
            "`Closed` or `Sealed`: fences stay when a copy goes",
        )?;
    }
    let first = Export { migration: m(4), after: Frontier::Nothing, position: Position(0), limit: 16 };
    let chunk = granted(at.export(first).await?, "a whole copy is handed out")?;
    demand(chunk.rows.is_empty() && is_whole(&chunk.through), || {
        format!("found {} rows of the copy before", chunk.rows.len())
    })
}

/// The store may say as well that it does not have the copy any more.
fn unknown_copy(ends: Ends) -> Result<Refusal, Ends> {
    match ends {
        Ends::Broken(why) if why.contains("no copy") => Ok(Refusal::NothingNew { position: Position(0) }),
        Ends::Broken(_) | Ends::Unknown(_) | Ends::NotOffered(_) => Err(ends),
    }
}
