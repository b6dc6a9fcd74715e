//! Reads and writes at rest: what each does, and what a lost request or answer comes to.

use super::line::Loses;
use super::site::{Site, key, value};
use cutover::client::gateway::{GatewayError, Written};
use cutover::core::fence::{Cell, FenceLimits};
use cutover::core::ids::{PartitionId, Position};
use std::time::Duration;

fn set(name: &str, text: &str) -> Cell {
    Cell { key: key(name), value: Some(value(text)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_are_put_read_compared_and_deleted() {
    let site = Site::new().await;
    let (gateway, p) = (site.gateway(20_000), site.partition);
    assert_eq!(gateway.partition(cutover::node::proto::PartitionSelector::Id(p)).await, Ok(p));
    assert_eq!(gateway.get(p, key("k")).await, Ok(None));
    assert_eq!(gateway.put(p, key("k"), value("1")).await, Ok(Position(1)));
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("1"))));
    assert_eq!(gateway.get_cached(p, key("k")).await, Ok(Some(value("1"))));
    let applied = gateway.cas(p, key("k"), Some(value("1")), Some(value("2"))).await;
    assert_eq!(applied, Ok(Written::Applied { position: Position(2) }));
    for wrong in [None, Some(value("1"))] {
        let differs = gateway.cas(p, key("k"), wrong, Some(value("3"))).await;
        assert_eq!(differs, Ok(Written::Differs { found: Some(value("2")) }));
    }
    let absent = gateway.cas(p, key("x"), Some(value("1")), None).await;
    assert_eq!(absent, Ok(Written::Differs { found: None }));
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("2"))), "a refused one changed nothing");
    assert_eq!(gateway.delete(p, key("k")).await, Ok(Position(3)), "a refused one has no position");
    assert_eq!(gateway.get(p, key("k")).await, Ok(None));
    let both = vec![set("a", "1"), set("b", "2"), Cell { key: key("k"), value: None }];
    let applied = gateway.batch(p, None, both).await;
    assert_eq!(applied, Ok(Written::Applied { position: Position(4) }));
    let expects = Some(set("a", "9"));
    let differs = gateway.batch(p, expects, vec![set("a", "5"), set("b", "5")]).await;
    assert_eq!(differs, Ok(Written::Differs { found: Some(value("1")) }));
    assert_eq!(gateway.get(p, key("b")).await, Ok(Some(value("2"))), "all or none");
    let twice = gateway.batch(p, None, vec![set("a", "1"), set("a", "2")]).await.unwrap_err();
    assert!(matches!(twice, GatewayError::Invalid(_)) && !twice.is_unknown(), "{twice}");
}

/// What was sent again had the id of the first attempt; another write has another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_is_lost_is_told_as_it_was_done() {
    let site = Site::new().await;
    let (gateway, p, line) = (site.gateway(20_000), site.partition, &site.stores[0].line);
    line.lose([Loses::Answer, Loses::Request, Loses::Answer]);
    assert_eq!(gateway.put(p, key("k"), value("1")).await, Ok(Position(1)));
    let sent = line.writes();
    assert!(sent.len() == 4 && sent.iter().all(|write| write.id == sent[0].id), "{sent:?}");
    line.lose([Loses::Answer]);
    let applied = gateway.cas(p, key("k"), Some(value("1")), Some(value("2"))).await;
    assert_eq!(
        applied,
        Ok(Written::Applied { position: Position(2) }),
        "it took effect at the first attempt"
    );
    let again = line.writes();
    assert!(again.len() == 2 && again[0].id == again[1].id && again[0].id != sent[0].id, "{again:?}");
    assert_eq!(gateway.put(p, key("other"), value("1")).await, Ok(Position(3)), "each was applied once");
}

/// The attempt that was lost may find the row as expected later, for all that the gateway knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cas_that_differs_beside_a_lost_attempt_is_unknown() {
    let site = Site::new().await;
    let (gateway, p) = (site.gateway(20_000), site.partition);
    site.stores[0].line.lose([Loses::Request]);
    let unknown = gateway.cas(p, key("k"), Some(value("1")), Some(value("2"))).await.unwrap_err();
    assert!(unknown.is_unknown(), "{unknown}");
    assert!(unknown.to_string().contains("the row is not there"), "{unknown}");
}

/// Each session has one write under way, and more writes than sessions wait for one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_share_sessions_and_never_an_id() {
    let site = Site::new().await;
    let (gateway, p) = (site.gateway(20_000), site.partition);
    let writes: Vec<_> = (0..40)
        .map(|number| {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.put(p, key(&format!("k{number}")), value("1")).await })
        })
        .collect();
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let ids: Vec<_> = site.stores[0].line.writes().iter().map(|write| write.id.unwrap()).collect();
    let sessions: std::collections::BTreeSet<u64> = ids.iter().map(|id| id.session).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().map(|id| (id.session, id.serial)).collect();
    assert!(ids.len() == 40 && distinct.len() == 40 && sessions.len() <= 8, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_says_so_and_why() {
    let site = Site::new().await;
    let gateway = site.gateway(400);
    // It has a session from here on.
    gateway.with_deadline(Duration::from_secs(60)).put(site.partition, key("k"), value("1")).await.unwrap();
    let put = gateway.put(PartitionId(9), key("k"), value("1"));
    let put = tokio::time::timeout(Duration::from_secs(30), put).await.unwrap();
    let nowhere = put.unwrap_err();
    assert!(matches!(&nowhere, GatewayError::NotDone { last } if last.contains("p9")), "{nowhere}");
    let nowhere = gateway.get(PartitionId(9), key("k")).await.unwrap_err();
    assert!(matches!(&nowhere, GatewayError::NotDone { last } if last.contains("p9")), "{nowhere}");
    let patient = site.gateway(60_000);
    let mut waiting = Vec::new();
    while patient.get(site.partition, key("k")).await != Err(GatewayError::Busy { limit: 64 }) {
        let gateway = patient.clone();
        waiting.push(tokio::spawn(async move { gateway.get(PartitionId(9), key("k")).await }));
        assert!(waiting.len() < 200, "it takes any number");
        // While this one asks, it has a place itself.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A store that remembers two sessions forgets the first; the gateway takes another one, and none from before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_a_store_has_forgotten_is_replaced() {
    let site = Site::with(FenceLimits { sessions_max: 2, ..FenceLimits::PRODUCTION }).await;
    let (first, p) = (site.gateway(20_000), site.partition);
    first.put(p, key("k"), value("1")).await.unwrap();
    for _ in 0..2 {
        site.gateway(20_000).put(p, key("k"), value("2")).await.unwrap();
    }
    let forgotten = first.put(p, key("k"), value("3")).await.unwrap_err();
    assert!(forgotten.is_unknown() && forgotten.to_string().contains("older than what"), "{forgotten}");
    first.put(p, key("k"), value("4")).await.unwrap();
    assert_eq!(first.get(p, key("k")).await, Ok(Some(value("4"))));
}
