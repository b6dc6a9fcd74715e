//! What a store does with writes and reads.

use super::link::{At, denied, e, granted, id, key_of, m, put, value_of};
use super::{Ends, Suite, demand};
use crate::core::fence::{Cell, FenceLimits, Mutation, Prepare, Refusal, Value, Write};
use crate::core::ids::Position;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// How many writers write at once.
pub(super) const WRITERS: u64 = 16;

pub(super) async fn tokens(suite: &Suite) -> Result<(), Ends> {
    suite.must_enforce()?;
    let at = suite.link.fresh();
    let prepare = Prepare { migration: m(1), closed_through: e(4), source: None, keep: None };
    granted(at.prepare(prepare).await?, "a partition is created closed to earlier tokens")?;
    let closed = |refusal: &Refusal| matches!(refusal, Refusal::Closed { .. });
    for token in [1, 4] {
        denied(
            at.put((1, token), token, "k", "early").await?,
            closed,
            "`Closed`, since the token is not above the fence",
        )?;
        denied(at.read(token, "k").await?, closed, "`Closed`, since the token is not above the fence")?;
    }
    granted(at.put((1, 9), 5, "k", "later").await?, "the first token above the fence is taken")?;
    demand_row(&at, 5, "k", Some("later")).await
}

pub(super) async fn demand_row(
    at: &At<'_>,
    token: u64,
    key: &str,
    expected: Option<&str>,
) -> Result<(), Ends> {
    let found = at.row(token, key).await?;
    demand(found.as_deref() == expected, || format!("row {key}: found {found:?}, expected {expected:?}"))
}

pub(super) async fn duplicates(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    let first = granted(at.put((1, 1), 2, "k", "first").await?, "a write is applied")?;
    let second = granted(at.put((1, 2), 2, "k", "second").await?, "a write is applied")?;
    demand(second > first, || format!("positions {first} and then {second}, expected that they rise"))?;
    for token in [2, 3] {
        let again = granted(
            at.put((1, 1), token, "k", "first").await?,
            "a write that was applied is answered again",
        )?;
        demand(again == first, || format!("found {again}, expected {first}, where the write took effect"))?;
        demand_row(&at, 3, "k", Some("second")).await?;
    }
    // Attempts at one moment: one effect, one answer.
    let mut attempts = JoinSet::new();
    for _ in 0..WRITERS {
        let (mut client, write) = (at.client(), at.wire(put((2, 1), 2, "k", "third")?)?);
        attempts.spawn(async move { client.write(write).await.map(|answer| answer.into_inner().position) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = attempts.join_next().await {
        match answer {
            Ok(Ok(position)) => *answers.entry(position).or_insert(0_u64) += 1,
            Ok(Err(status)) => return Err(Ends::Unknown(format!("Write: {status}"))),
            Err(error) => return Err(Ends::Unknown(error.to_string())),
        }
    }
    demand(answers.len() == 1, || {
        format!("one write, {WRITERS} times at once: found positions {answers:?}, expected one")
    })
}

fn cas(of: (u64, u64), key: &str, expects: Option<&str>, value: Option<&str>) -> Result<Write, Ends> {
    let some = |text: Option<&str>| text.map(value_of).transpose();
    let mutation = Mutation::cas(key_of(key)?, some(expects)?, some(value)?);
    Ok(Write { id: id(of), token: e(2), mutation })
}

pub(super) async fn conditions(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    granted(at.write(cas((1, 1), "k", None, Some("a"))?).await?, "a row that is not there is as expected")?;
    let found: Option<Value> = Some(value_of("a")?);
    let differs = |refusal: &Refusal| matches!(refusal, Refusal::Differs { found: Some(value) } if Some(value) == found.as_ref());
    denied(
        at.write(cas((1, 2), "k", Some("b"), Some("c"))?).await?,
        differs,
        "`Differs`, with the row as it is",
    )?;
    demand_row(&at, 2, "k", Some("a")).await?;
    // It was not remembered: when the row is as expected, the same write takes effect.
    granted(at.put((2, 1), 2, "k", "b").await?, "a write is applied")?;
    let applied =
        granted(at.write(cas((1, 2), "k", Some("b"), Some("c"))?).await?, "a refused write is judged anew")?;
    // It was applied: what the row is by now does not matter.
    granted(at.put((2, 2), 2, "k", "d").await?, "a write is applied")?;
    let again = at.write(cas((1, 2), "k", Some("b"), Some("c"))?).await?;
    let again = granted(again, "a retry of a write that was applied is answered, whatever the row is")?;
    demand(again == applied, || format!("found {again}, expected {applied}"))?;
    demand_row(&at, 2, "k", Some("d")).await?;
    granted(at.write(cas((1, 3), "k", Some("d"), None)?).await?, "a row as expected is deleted")?;
    demand_row(&at, 2, "k", None).await
}

pub(super) async fn batches(suite: &Suite) -> Result<(), Ends> {
    let at = suite.link.fresh().created().await?;
    granted(at.put((1, 1), 2, "b", "old").await?, "a write is applied")?;
    let cell = |key: &str, value: Option<&str>| {
        Ok::<_, Ends>(Cell { key: key_of(key)?, value: value.map(value_of).transpose()? })
    };
    let mutation = |expects: Option<Cell>, effects: Vec<Cell>| {
        Mutation::new(expects, effects).map_err(|error| Ends::Unknown(error.to_string()))
    };
    let all = || Ok::<_, Ends>(vec![cell("a", Some("1"))?, cell("b", None)?, cell("c", Some("3"))?]);
    let write = |serial, mutation| Write { id: id((1, serial)), token: e(2), mutation };
    let refused = mutation(Some(cell("b", Some("other"))?), all()?)?;
    let differs = |refusal: &Refusal| matches!(refusal, Refusal::Differs { .. });
    denied(at.write(write(2, refused)).await?, differs, "`Differs`, and no row of the batch changed")?;
    for (key, row) in [("a", None), ("b", Some("old")), ("c", None)] {
        demand_row(&at, 2, key, row).await?;
    }
    let position = granted(at.write(write(3, mutation(None, all()?)?)).await?, "a batch is applied")?;
    for (key, row) in [("a", Some("1")), ("b", None), ("c", Some("3"))] {
        demand_row(&at, 2, key, row).await?;
    }
    let read = granted(at.read(2, "c").await?, "a read above the fences is served")?;
    let written_at = read.map(|(_, position)| position);
    demand(written_at == Some(position), || format!("row c: written at {written_at:?}, expected {position}"))
}

pub(super) async fn concurrent(suite: &Suite) -> Result<(), Ends> {
    const EACH: u64 = 40;
    let at = suite.link.fresh().created().await?;
    let mut writers = JoinSet::new();
    for writer in 1..=WRITERS {
        let mut client = at.client();
        let writes: Vec<_> = (1..=EACH)
            .map(|serial| at.wire(put((writer, serial), 2, &format!("w{writer}"), &serial.to_string())?))
            .collect::<Result<_, _>>()?;
        writers.spawn(async move {
            let mut positions = Vec::new();
            for write in writes {
                positions.push(client.write(write).await?.into_inner().position);
            }
            Ok::<_, tonic::Status>(positions)
        });
    }
    let mut all = BTreeMap::new();
    while let Some(ended) = writers.join_next().await {
        let positions = ended.map_err(|error| Ends::Unknown(error.to_string()))?;
        let positions = positions.map_err(|status| Ends::Unknown(format!("Write: {status}")))?;
        demand(positions.is_sorted_by(|a, b| a < b), || {
            format!("positions {positions:?} of one writer, expected that they rise")
        })?;
        for position in positions {
            let others = all.insert(position, ());
            demand(others.is_none(), || format!("two writes have position {position}"))?;
        }
    }
    for writer in 1..=WRITERS {
        demand_row(&at, 2, &format!("w{writer}"), Some(&EACH.to_string())).await?;
    }
    Ok(())
}

/// More sessions, and more writes of a session, than any store remembers: each of them is known, or forgotten, and never applied twice.
pub(super) async fn memory(suite: &Suite) -> Result<(), Ends> {
    let limits = FenceLimits::PRODUCTION;
    let at = suite.link.fresh().created().await?;
    let of_session = u64::from(limits.writes_per_session_max) * 4;
    let mut positions: BTreeMap<(u64, u64), Position> = BTreeMap::new();
    for serial in 1..=of_session {
        let position =
            granted(at.put((1, serial), 2, "one", &serial.to_string()).await?, "a write is applied")?;
        positions.insert((1, serial), position);
    }
    let sessions = u64::from(limits.sessions_max) + WRITERS;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let mut client = at.client();
        let mine = (2..2 + sessions).filter(|session| session % WRITERS == writer);
        let writes = mine.map(|session| {
            Ok((session, at.wire(put((session, 1), 2, &format!("s{}", session % 64), "x")?)?))
        });
        let writes: Vec<_> = writes.collect::<Result<_, Ends>>()?;
        writers.spawn(async move {
            let mut done = Vec::new();
            for (session, write) in writes {
                done.push((session, client.write(write).await?.into_inner().position));
            }
            Ok::<_, tonic::Status>(done)
        });
    }
    while let Some(ended) = writers.join_next().await {
        let done = ended.map_err(|error| Ends::Unknown(error.to_string()))?;
        let done = done.map_err(|status| Ends::Unknown(format!("Write: {status}")))?;
        positions.extend(done.into_iter().map(|(session, position)| ((session, 1), Position(position))));
    }
    let last = at.row(2, "one").await?;
    for of in [(1, 1), (1, of_session / 2), (1, of_session), (2, 1), (1 + sessions, 1)] {
        let again = match at.put(of, 2, "one", "again").await? {
            Ok(position) => Some(position),
            Err(Refusal::Forgotten { .. }) => None,
            Err(refusal) => {
                return Err(Ends::Broken(format!(
                    "found `{refusal}`, expected the first answer, or `Forgotten`"
                )));
            }
        };
        let first = positions.get(&of).copied();
        demand(again.is_none() || again == first, || {
            format!("write {of:?}: found {again:?}, expected {first:?}")
        })?;
    }
    let now = at.row(2, "one").await?;
    demand(now == last, || format!("row one: found {now:?}, expected {last:?}: a write was applied twice"))
}
