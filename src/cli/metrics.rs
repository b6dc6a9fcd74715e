//! The metrics port: the numbers of the node as text, for Prometheus.

use super::{Failed, exit};
use core::convert::Infallible;
use core::time::Duration;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Open connections; further ones wait to be accepted.
const CONNECTIONS: usize = 8;
/// Time limit of a connection, which serves one request.
const LIMIT: Duration = Duration::from_secs(10);
/// Time limit for the head of the request.
const HEAD: Duration = Duration::from_secs(2);
/// How often the recorder gives up what is no longer needed.
const UPKEEP: Duration = Duration::from_secs(5);

/// Opens the metrics port, if there is one, and serves it.
pub(super) async fn publish(at: Option<SocketAddr>) -> Result<(), Failed> {
    let Some(address) = at else { return Ok(()) };
    let wrong = |error: &dyn core::fmt::Display| {
        Failed::new(exit::UNAVAILABLE, format!("cannot listen on {address}: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(|error| wrong(&error))?;
    let recorder = PrometheusBuilder::new().install_recorder().map_err(|error| wrong(&error))?;
    tokio::spawn(accept(listener, recorder.clone()));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            recorder.run_upkeep();
        }
    });
    Ok(())
}

async fn accept(listener: TcpListener, recorder: PrometheusHandle) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let recorder = recorder.clone();
                tokio::spawn(async move {
                    let _permit = permit;
                    let _answered = tokio::time::timeout(LIMIT, answer(stream, recorder)).await;
                });
            }
            // Most likely out of file descriptors. The other ports say so.
            Err(_) => tokio::time::sleep(HEAD).await,
        }
    }
}

async fn answer(stream: TcpStream, recorder: PrometheusHandle) -> Result<(), hyper::Error> {
    let service = service_fn(move |_| {
        let text = recorder.render();
        async move { Ok::<_, Infallible>(hyper::Response::new(Full::new(Bytes::from(text)))) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
    server.serve_connection(TokioIo::new(stream), service).await
}
