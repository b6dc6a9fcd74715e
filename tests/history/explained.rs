//! The explanation of a history that is not linearizable.

use super::make::{TableHistory, abort, apply, at, begin, fails, read};
use cutover::core::invariant::history::{Answer, LINES_MAX, Role};

/// The explanation shows the order up to the operation that fits nowhere, not up to the point where the search
/// backtracked.
#[test]
fn the_longest_order_and_what_stands_against_it() {
    let (mut table, mut history) = TableHistory::settled();
    let settled = table.record();
    for (round, time) in (0..20).zip((10..).step_by(10)) {
        let expected = table.record().expected();
        history.push(table.tells(time, time + 1, begin(expected, 1)));
        let expected = table.record().expected();
        history.push(table.tells(time + 2, time + 3, abort(expected)));
        if round == 3 {
            history.push(read(time + 4, time + 5, Some(&table.record())));
        }
    }
    let stuck = history.len();
    history.push(read(500, 600, Some(&settled)));
    for time in 0..30 {
        history.push(read(520 + time, 610 + time, Some(&settled)));
        history.push(apply(510, 610, begin(at(1, 1), 2), Answer::Indeterminate));
    }
    let failure = fails(&history);
    assert_eq!(failure.found, "c2 p1 read Active(A)@e1 m1 (asked 500, answered 600)");
    assert_eq!(
        failure.against,
        "every earlier answer (43) has its place in an order that ends with c1 abort on m21@e40: an \
         operator asked for it: ok e41; the record is Active(A)@e41 m21 then, and nothing that overlaps leads \
         on to that answer"
    );
    assert_eq!(failure.lines.len(), LINES_MAX);
    let stuck_at = failure.lines.iter().position(|line| line.role == Role::Stuck).unwrap();
    assert_eq!(failure.lines[stuck_at].operation, stuck);
    assert!(failure.lines[..stuck_at].iter().all(|line| line.role == Role::Placed && line.state.is_some()));
    assert!(failure.lines[stuck_at + 1..].iter().all(|line| line.role == Role::Open));
}
