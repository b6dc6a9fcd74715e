//! A store, or the control plane, that answers nobody.

use super::site::{Site, key, value};
use cutover::client::gateway::GatewayError;
use cutover::core::ids::Position;
use std::time::{Duration, Instant};

/// Enough for what is to be done.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_to_a_store_that_died_is_unknown_and_a_read_is_not_done() {
    let mut site = Site::new().await;
    let (gateway, p) = (site.gateway(1_500), site.partition);
    gateway.with_deadline(LONG).put(p, key("k"), value("1")).await.unwrap();
    site.stores[0].line.writes();
    site.stores[0].kill();
    let began = Instant::now();
    let (put, get) = tokio::join!(gateway.put(p, key("k"), value("2")), gateway.get(p, key("k")));
    let put = put.unwrap_err();
    assert!(matches!(&put, GatewayError::Unknown { last } if last.contains("store A")), "{put}");
    let get = get.unwrap_err();
    assert!(matches!(&get, GatewayError::NotDone { last } if last.contains("store A")), "{get}");
    assert!(began.elapsed() < Duration::from_secs(20), "each ends by its deadline");
    let sent = site.stores[0].line.writes();
    assert!(sent.len() > 1 && sent.iter().all(|write| write.id == sent[0].id), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_control_plane_what_is_known_goes_on() {
    let mut site = Site::new().await;
    let (gateway, p) = (site.gateway(3_000), site.partition);
    let patient = gateway.with_deadline(LONG);
    patient.put(p, key("k"), value("1")).await.unwrap();
    site.plane.kill();
    patient.put(p, key("k"), value("2")).await.unwrap();
    assert_eq!(patient.get_cached(p, key("k")).await, Ok(Some(value("2"))));
    let strong = gateway.get(p, key("k")).await.unwrap_err();
    let lacks = |error: &GatewayError, words: &str| {
        assert!(matches!(error, GatewayError::NotDone { last } if last.contains(words)), "{error}");
    };
    lacks(&strong, "the control plane");
    // A gateway that begins now knows nothing.
    let late = site.gateway(1_000);
    lacks(&late.put(p, key("k"), value("3")).await.unwrap_err(), "session");
    lacks(&late.get_cached(p, key("k")).await.unwrap_err(), "p1");
}

/// The log has another endpoint for the store, and the old one answers nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_reached_elsewhere_is_found_there() {
    let mut site = Site::new().await;
    let (gateway, p) = (site.gateway(20_000), site.partition);
    gateway.put(p, key("k"), value("1")).await.unwrap();
    site.stores[0].line.end();
    site.move_line(0).await;
    assert_eq!(gateway.put(p, key("k"), value("2")).await, Ok(Position(2)));
    assert_eq!(gateway.get(p, key("k")).await, Ok(Some(value("2"))));
}
