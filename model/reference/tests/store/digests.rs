//! Copies that differ have other digests. The reference leaves to the code how they are made.

use cutover::core::fence::{Key, Row, RowsDigest, Value};
use cutover::core::ids::{Position, Serial, SessionId};
use cutover_reference::store::memory::{Life, Remembered};
use std::collections::{BTreeMap, BTreeSet};

fn life(applied: &[(u64, u64)], lost: u64, last: u64) -> Life {
    let applied = applied.iter().map(|(serial, at)| (Serial(*serial), Position(*at))).collect();
    Life { applied, lost: Serial(lost), last: Position(last) }
}

#[test]
fn write_ids_that_differ_have_other_digests() {
    let of = |lives: &[(u64, Life)], gone: u64| {
        let lives = lives.iter().map(|(session, life)| (SessionId(*session), life.clone())).collect();
        Remembered { lives, gone: SessionId(gone) }.digest().expect("it is written down")
    };
    let digests = BTreeSet::from([
        of(&[], 0),
        of(&[], 1),
        of(&[(1, life(&[], 0, 1))], 0),
        of(&[(1, life(&[(1, 1)], 0, 1))], 0),
        of(&[(1, life(&[(1, 2)], 0, 2))], 0),
        of(&[(1, life(&[(1, 1)], 0, 2))], 0),
        of(&[(1, life(&[(2, 1)], 0, 1))], 0),
        of(&[(1, life(&[(2, 1)], 1, 1))], 0),
        of(&[(2, life(&[(1, 1)], 0, 1))], 0),
        of(&[(2, life(&[(1, 1)], 0, 1))], 1),
        of(&[(1, life(&[(1, 1), (2, 2)], 0, 2))], 0),
        of(&[(1, life(&[(1, 1)], 0, 1)), (2, life(&[(2, 2)], 0, 2))], 0),
    ]);
    assert_eq!(digests.len(), 12);
}

#[test]
fn rows_that_differ_have_other_digests() {
    let of = |rows: &[(&str, &str, u64)]| {
        let mut digest = RowsDigest::EMPTY;
        for (key, value, position) in rows {
            let key = Key::try_from(key.as_bytes()).expect("it is short");
            let value = Value::try_from(value.as_bytes()).expect("it is short");
            digest.add(&key, &Row { value, position: Position(*position) });
        }
        digest
    };
    let all: [&[(&str, &str, u64)]; 8] = [
        &[],
        &[("", "", 1)],
        &[("a", "bc", 1)],
        &[("ab", "c", 1)],
        &[("abc", "", 1)],
        &[("a", "bc", 2)],
        &[("a", "bc", 1), ("b", "bc", 2)],
        &[("a", "bc", 2), ("b", "bc", 1)],
    ];
    let digests: BTreeMap<RowsDigest, _> = all.iter().map(|rows| (of(rows), rows)).collect();
    assert_eq!(digests.len(), all.len());
}
