//! Keys, values, writes and rows: their limits, their bytes, their order, and what a write makes of rows.

use super::{cases, some};
use cutover::core::fence::{
    Cell, Change, Contents, EFFECTS_MAX, Frontier, KEY_BYTES_MAX, Key, MUTATION_BYTES_MAX, Mutation,
    MutationError, Output, Row, RowsDigest, VALUE_BYTES_MAX, Value,
};
use cutover::core::ids::{Position, Serial, SessionId, WriteId};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..max)
}

/// Any cells, some of which name a key twice.
fn cells() -> impl Strategy<Value = Vec<Cell>> {
    let value = |bytes: Vec<u8>| Value::try_from(bytes.as_slice()).expect("it is short");
    let key = prop::collection::vec(0_u8..3, 0..4)
        .prop_map(|bytes| Key::try_from(bytes.as_slice()).expect("it is short"));
    let cell = (key, prop::option::of(bytes(6).prop_map(value))).prop_map(|(key, value)| Cell { key, value });
    prop::collection::vec(cell, 0..8)
}

fn frontier() -> impl Strategy<Value = Frontier> {
    prop_oneof![
        1 => Just(Frontier::Nothing),
        4 => some::some_key().prop_map(Frontier::Through),
        1 => Just(Frontier::Everything),
    ]
}

/// What is written as bytes and read again is the same, has the same bytes again, and no part of it is left.
fn survives<T>(value: &T) -> Result<Vec<u8>, TestCaseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = postcard::to_allocvec(value).expect("it can be written");
    let (read, rest): (T, _) = postcard::take_from_bytes(&written).expect("and read");
    prop_assert_eq!((&read, rest.len()), (value, 0));
    prop_assert_eq!(postcard::to_allocvec(&read), Ok(written.clone()));
    for end in 0..written.len() {
        prop_assert!(postcard::from_bytes::<T>(&written[..end]).is_err(), "cut at {end}");
    }
    Ok(written)
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn keys_and_values_are_their_bytes_in_their_order(one in bytes(20), other in bytes(20)) {
        let key = |bytes: &[u8]| Key::try_from(bytes).expect("it is short");
        let value = |bytes: &[u8]| Value::try_from(bytes).expect("it is short");
        prop_assert_eq!(key(&one).cmp(&key(&other)), one.cmp(&other));
        prop_assert_eq!(value(&one).cmp(&value(&other)), one.cmp(&other));
        let made = key(&one);
        prop_assert_eq!(made.bytes(), one.as_slice());
        survives(&made)?;
        let written = survives(&value(&one))?;
        prop_assert_eq!(postcard::to_allocvec(&one), Ok(written), "as any list of bytes");
    }

    /// A write has at least one row, and each once, by key, however it is made and in whatever bytes it comes.
    #[test]
    fn a_write_names_each_row_once(expects in prop::option::of(cells()), effects in cells()) {
        let expects = expects.and_then(|cells| cells.into_iter().next());
        let distinct: BTreeSet<_> = effects.iter().map(|cell| cell.key.clone()).collect();
        let made = Mutation::new(expects.clone(), effects.clone());
        let wanted = if effects.is_empty() {
            Some(MutationError::Empty)
        } else {
            (distinct.len() < effects.len()).then_some(MutationError::Twice)
        };
        prop_assert_eq!(made.as_ref().err(), wanted.as_ref());
        // As bytes it has the same parts in the same order, and is refused for the same.
        let parts = postcard::to_allocvec(&(&expects, &effects)).expect("it can be written");
        let read = postcard::from_bytes::<Mutation>(&parts);
        prop_assert_eq!(read.as_ref().ok(), made.as_ref().ok());
        let Ok(made) = made else { return Ok(()) };
        survives(&made)?;
        prop_assert!(made.effects().windows(2).all(|pair| pair[0].key < pair[1].key));
        let sorted: BTreeMap<_, _> = effects.into_iter().map(|cell| (cell.key, cell.value)).collect();
        let have: BTreeMap<_, _> =
            made.effects().iter().map(|cell| (cell.key.clone(), cell.value.clone())).collect();
        prop_assert_eq!((&have, made.expects()), (&sorted, expects.as_ref()));
        let named: BTreeSet<_> = made.keys().cloned().collect();
        let all = sorted.into_keys().chain(expects.map(|cell| cell.key)).collect();
        prop_assert_eq!(named, all);
    }

    #[test]
    fn a_frontier_covers_what_is_up_to_it(one in frontier(), other in frontier(), key in some::some_key()) {
        survives(&one)?;
        // In its order each covers what the one before covers.
        prop_assert!(one > other || !one.covers(&key) || other.covers(&key));
        let through = Frontier::Through(key.clone());
        prop_assert!(through.covers(&key), "the border is inclusive");
        prop_assert_eq!(one.covers(&key), one >= through);
        prop_assert!(Frontier::Nothing <= one && one <= Frontier::Everything);
        prop_assert!(!Frontier::Nothing.covers(&key) && Frontier::Everything.covers(&key));
        prop_assert_eq!(through.last(), Some(&key));
        prop_assert_eq!(one.last().is_some(), Frontier::Nothing < one && one < Frontier::Everything);
    }

    /// Rows are what the last write of each made of it, and the log has every write, after what was forgotten.
    #[test]
    fn contents_are_what_the_writes_make(
        writes in prop::collection::vec(some::mutation(), 0..12),
        forgotten in 0_u64..14,
    ) {
        let mut data = Contents::default();
        let mut expected = BTreeMap::new();
        let mut digest = RowsDigest::EMPTY;
        for (position, write) in (1..).map(Position).zip(&writes) {
            let id = WriteId { session: SessionId(1), serial: Serial(position.0) };
            let effects = write.effects().clone();
            for Cell { key, value } in effects.iter() {
                let row = value.clone().map(|value| Row { value, position });
                let before = match &row {
                    Some(row) => expected.insert(key.clone(), row.clone()),
                    None => expected.remove(key),
                };
                before.iter().for_each(|before| digest.remove(key, before));
                row.iter().for_each(|row| digest.add(key, row));
            }
            let change = Change { position, id, effects };
            survives(&change)?;
            data.perform(&Output::Append(change));
        }
        prop_assert_eq!(data.rows(), &expected);
        prop_assert_eq!(data.log().len(), writes.len());
        // A digest follows from the rows alone, in whatever order they come.
        let mut backwards = RowsDigest::EMPTY;
        expected.iter().rev().for_each(|(key, row)| backwards.add(key, row));
        prop_assert_eq!(backwards, digest);
        prop_assert!((digest == RowsDigest::EMPTY) == expected.is_empty());
        data.perform(&Output::Trim { through: Position(forgotten) });
        let left = u64::try_from(writes.len()).unwrap().saturating_sub(forgotten);
        prop_assert_eq!(u64::try_from(data.log().len()), Ok(left));
        prop_assert!(data.log().iter().all(|change| change.position > Position(forgotten)));
        prop_assert_eq!(data.rows(), &expected, "rows are not forgotten");
        data.perform(&Output::Erase);
        prop_assert_eq!(data, Contents::default());
    }

    /// Two rows that differ in one thing have different digests; a byte that moves from the key to the value is a difference.
    #[test]
    fn a_digest_is_of_key_value_and_position(key in bytes(6), value in bytes(6), at in 0_u64..4) {
        let sum = |key: &[u8], value: &[u8], at| {
            let mut sum = RowsDigest::EMPTY;
            let row = Row { value: Value::try_from(value).expect("it is short"), position: Position(at) };
            sum.add(&Key::try_from(key).expect("it is short"), &row);
            sum
        };
        let all = [key.as_slice(), &value].concat();
        let mut seen = BTreeSet::from([sum(&key, &value, at)]);
        prop_assert!(seen.insert(sum(&key, &value, at + 1)));
        prop_assert!(seen.insert(sum(&[key.as_slice(), &[0]].concat(), &value, at)));
        prop_assert!(seen.insert(sum(&key, &[value.as_slice(), &[0]].concat(), at)));
        for cut in (0..=all.len()).filter(|cut| *cut != key.len()) {
            prop_assert_ne!(sum(&all[..cut], &all[cut..], at), sum(&key, &value, at), "cut at {}", cut);
        }
    }
}

fn long(byte: u8, length: usize) -> Vec<u8> {
    vec![byte; length]
}

#[test]
fn each_limit_is_reached_and_not_exceeded() {
    let key = |length| Key::try_from(long(1, length).as_slice());
    let value = |length| Value::try_from(long(1, length).as_slice());
    assert!(
        key(0).is_ok() && key(KEY_BYTES_MAX).is_ok() && value(0).is_ok() && value(VALUE_BYTES_MAX).is_ok()
    );
    let (have, limit) = (KEY_BYTES_MAX + 1, KEY_BYTES_MAX);
    assert_eq!(key(have), Err(MutationError::TooLong { what: "key", have, limit }));
    let (have, limit) = (VALUE_BYTES_MAX + 1, VALUE_BYTES_MAX);
    assert_eq!(value(have), Err(MutationError::TooLong { what: "value", have, limit }));
    // Bytes that say so are no way around.
    for length in [KEY_BYTES_MAX, KEY_BYTES_MAX + 1] {
        let read = postcard::from_bytes::<Key>(&postcard::to_allocvec(&long(1, length)).unwrap());
        assert_eq!(read.ok(), key(length).ok());
    }
    for length in [VALUE_BYTES_MAX, VALUE_BYTES_MAX + 1] {
        let read = postcard::from_bytes::<Value>(&postcard::to_allocvec(&long(1, length)).unwrap());
        assert_eq!(read.ok(), value(length).ok());
    }
}

#[test]
fn a_write_is_not_larger_than_a_chunk() {
    let cell = |number: usize, length| Cell {
        key: some::key(&format!("{number:03}")),
        value: Some(Value::try_from(long(1, length).as_slice()).unwrap()),
    };
    let cells = |count: usize, length| (0..count).map(|number| cell(number, length)).collect::<Vec<_>>();
    assert!(Mutation::new(None, cells(EFFECTS_MAX, 0)).is_ok());
    let have = EFFECTS_MAX + 1;
    assert_eq!(Mutation::new(None, cells(have, 0)), Err(MutationError::TooMany { have }));
    // The row that is expected counts.
    let quarter = MUTATION_BYTES_MAX / 4 - 3;
    let four = cells(4, quarter);
    assert_eq!(four.iter().map(Cell::bytes).sum::<usize>(), MUTATION_BYTES_MAX);
    assert!(Mutation::new(None, four.clone()).is_ok());
    let one_more = Some(Cell { key: some::key("k"), value: None });
    let have = MUTATION_BYTES_MAX + 1;
    assert_eq!(Mutation::new(one_more.clone(), four.clone()), Err(MutationError::TooLarge { have }));
    let written = postcard::to_allocvec(&(one_more, &four)).unwrap();
    assert!(postcard::from_bytes::<Mutation>(&written).is_err());
    // What is made of one row is within the limits.
    let key = Key::try_from(long(1, KEY_BYTES_MAX).as_slice()).unwrap();
    let most = || Some(Value::try_from(long(1, VALUE_BYTES_MAX).as_slice()).unwrap());
    let cas = Mutation::cas(key, most(), most());
    assert_eq!(Mutation::new(cas.expects().cloned(), cas.effects().to_vec()), Ok(cas));
}
