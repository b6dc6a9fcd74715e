//! A watcher's view of the table, for any sequence of streams.

use super::cases;
use cutover::core::gate::{Step, Update, WatchCache, WatchEvent};
use cutover::core::ids::{HistoryId, PartitionId, Revision};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A partition with the revision of its last change.
type Record = (PartitionId, u64);
type View = BTreeMap<PartitionId, u64>;

/// The log's effects, from revision 1 on: each changes or deletes a partition.
type Log = [(u64, bool)];

/// A stream of updates from one node.
#[derive(Clone, Debug)]
struct Given {
    /// The node keeps the changes after this revision.
    kept: u64,
    /// The node's revision when the stream opens.
    at: u64,
    /// The node's revision when the stream ends.
    end: u64,
    page: usize,
    /// The stream breaks after this many messages.
    cut: usize,
    /// The change of this revision is lost.
    lost: Option<u64>,
}

fn given(log: u64) -> impl Strategy<Value = Given> {
    let lost = prop::option::weighted(0.3, 1..=log);
    (0..=log, 0..=log, 0..=log, 1_usize..4, 0_usize..20, lost).prop_map(|(kept, at, end, page, cut, lost)| {
        let (at, end) = (at.min(end), at.max(end));
        Given { kept: kept.min(at), at, end, page, cut, lost }
    })
}

fn logs() -> impl Strategy<Value = (Vec<(u64, bool)>, Vec<Given>)> {
    prop::collection::vec((0_u64..4, prop::bool::weighted(0.8)), 1..14).prop_flat_map(|log| {
        let last = log.len() as u64;
        (Just(log), prop::collection::vec(given(last), 0..8))
    })
}

fn table(log: &Log, at: Revision) -> View {
    let mut view = View::new();
    for (revision, (partition, stays)) in (1..=at.0).zip(log) {
        match stays {
            true => view.insert(PartitionId(*partition), revision),
            false => view.remove(&PartitionId(*partition)),
        };
    }
    view
}

/// The messages of a node to a watcher that has seen everything up to `after`.
fn messages(log: &Log, stream: &Given, after: Revision) -> Vec<WatchEvent<Record>> {
    let mut said = Vec::new();
    let mut from = after.0.min(stream.at);
    if after.0 < stream.kept {
        let all: Vec<Record> = table(log, Revision(stream.at)).into_iter().collect();
        let pages = all.chunks(stream.page).map(<[Record]>::to_vec);
        let pages: Vec<_> = if all.is_empty() { vec![Vec::new()] } else { pages.collect() };
        let count = pages.len();
        said.extend(pages.into_iter().enumerate().map(|(at, records)| WatchEvent::Page {
            records,
            revision: Revision(stream.at),
            last: at + 1 == count,
        }));
        from = stream.at;
    }
    let changes = (1..).zip(log).filter(|(revision, _)| (from + 1..=stream.end).contains(revision));
    said.extend(changes.filter(|(revision, _)| stream.lost != Some(*revision)).map(
        |(revision, (partition, stays))| WatchEvent::Changed {
            after: Revision(revision - 1),
            revision: Revision(revision),
            partition: PartitionId(*partition),
            record: stays.then_some((PartitionId(*partition), revision)),
        },
    ));
    said.truncate(stream.cut);
    said
}

fn apply(view: &mut View, update: Update<Record>) -> Revision {
    match update {
        Update::Everything { records, revision, .. } => {
            *view = records.into_iter().collect();
            revision
        }
        Update::Changed { partition, record, revision } => {
            match record {
                Some((partition, at)) => view.insert(partition, at),
                None => view.remove(&partition),
            };
            revision
        }
    }
}

/// Gives a stream to the watcher; returns whether the watcher left it before its end.
fn follow(log: &Log, stream: &Given, cache: &mut WatchCache<Record>, view: &mut View) -> bool {
    for message in messages(log, stream, cache.resume()) {
        let before = cache.seen();
        match cache.handle(message) {
            Step::Wait => assert_eq!(cache.seen(), before, "what is not told is not seen"),
            Step::Reopen => return true,
            Step::Apply(update) => {
                let told = apply(view, update);
                assert_eq!(told, cache.seen());
                assert!(told >= before, "{told} after {before}");
                assert_eq!(*view, table(log, told), "at {told}");
            }
        }
    }
    assert_eq!(cache.handle(WatchEvent::Ended), Step::Reopen);
    false
}

proptest! {
    #![proptest_config(cases(4))]

    #[test]
    fn a_watcher_has_the_table_as_it_was_and_in_the_end_as_it_is((log, streams) in logs()) {
        let (mut cache, mut view) = (WatchCache::default(), View::new());
        for stream in &streams {
            let left = follow(&log, stream, &mut cache, &mut view);
            let behind = stream.at < cache.seen().0;
            prop_assert!(!left || stream.lost.is_some() || behind, "it left a stream that told everything");
        }
        let last = log.len() as u64;
        let whole = Given { kept: 1, at: last, end: last, page: 2, cut: usize::MAX, lost: None };
        prop_assert!(!follow(&log, &whole, &mut cache, &mut view), "it left the last one");
        prop_assert_eq!(cache.seen(), Revision(last));
        prop_assert_eq!(view, table(&log, Revision(last)));
    }
}

/// Pages of two different revisions would give a table that never existed.
#[test]
fn pages_of_two_revisions_are_not_put_together() {
    let page = |revision, last| WatchEvent::Page { records: vec![(PartitionId(1), 1)], revision, last };
    let change = WatchEvent::Changed {
        after: Revision(2),
        revision: Revision(3),
        partition: PartitionId(1),
        record: None,
    };
    for second in [page(Revision(3), true), change] {
        let mut cache = WatchCache::default();
        assert_eq!(cache.handle(page(Revision(2), false)), Step::Wait);
        assert_eq!(cache.handle(second), Step::Reopen);
        assert_eq!((cache.seen(), cache.resume()), (Revision::ZERO, Revision::ZERO));
        assert_eq!(
            cache.handle(page(Revision(4), true)),
            Step::Apply(Update::Everything {
                records: vec![(PartitionId(1), 1)],
                revision: Revision(4),
                history: HistoryId::NONE,
            }),
            "pages of a stream that was left count no more"
        );
    }
}

/// A restored cluster has lower revisions than the watcher has seen. Without its history the watcher would wait for the
/// old revision and then go on over a hole.
#[test]
fn another_history_begins_anew_whatever_was_seen() {
    let page = |at: u64| WatchEvent::Page {
        records: vec![(PartitionId(1), at)],
        revision: Revision(at),
        last: true,
    };
    let told = |at: u64, history: u64| {
        let (records, revision) = (vec![(PartitionId(1), at)], Revision(at));
        Step::Apply(Update::Everything { records, revision, history: HistoryId(history) })
    };
    let mut cache = WatchCache::default();
    assert_eq!(cache.handle(WatchEvent::History(HistoryId(1))), Step::Wait);
    assert_eq!(cache.handle(page(37)), told(37, 1));
    assert_eq!(cache.handle(page(12)), Step::Reopen, "in one history that is a node that lags");
    let nothing = Update::Everything { records: Vec::new(), revision: Revision::ZERO, history: HistoryId(2) };
    assert_eq!(cache.handle(WatchEvent::History(HistoryId(2))), Step::Apply(nothing));
    assert_eq!(cache.resume(), Revision::ZERO);
    let change = |after, revision| WatchEvent::Changed {
        after: Revision(after),
        revision: Revision(revision),
        partition: PartitionId(1),
        record: Some((PartitionId(1), revision)),
    };
    assert_eq!(cache.handle(change(37, 38)), Step::Reopen, "nothing of the earlier history is gone on from");
    assert_eq!(cache.handle(page(12)), told(12, 2));
    assert_eq!(cache.handle(WatchEvent::History(HistoryId(2))), Step::Wait, "it is told once");
    assert_eq!((cache.resume(), cache.history()), (Revision(12), HistoryId(2)));
}
