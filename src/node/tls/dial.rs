//! Opens connections to nodes, with or without TLS.

use super::recheck::{Recheck, Rechecked};
use super::{OtherEnd, Tls, TlsError, subject_of};
use crate::core::control_plane::{Address, Subjects};
use core::time::Duration;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// How connections are protected.
#[derive(Clone, Debug)]
pub enum Security {
    /// Plain TCP: on loopback, or where the operator sets `insecure`.
    Plain,
    /// Mutual TLS: encrypted, with certificates on both ends.
    Mutual(Arc<Tls>),
}

/// Why a connection cannot be opened.
#[derive(Debug, Error)]
pub enum DialError {
    /// The address is not a valid URI authority.
    #[error("{0}")]
    Address(String),
    /// The connection was refused or not opened in time.
    #[error("{0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Time limit for opening a connection, the TLS handshake included.
const CONNECT: Duration = Duration::from_secs(3);
/// Interval of HTTP/2 keepalives, and how long an answer may take before the connection is closed.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Opens a connection to an address, to any holder of a certificate of the authority for that host.
///
/// # Errors
/// [`DialError`]
pub async fn channel(address: &Address, security: &Security) -> Result<Channel, DialError> {
    open(address, security, None).await
}

/// Opens a connection to an address, if the certificate there has one of these subjects. Without TLS nobody has one,
/// and whoever answers is taken.
///
/// # Errors
/// [`DialError`]
pub async fn channel_to(
    address: &Address,
    security: &Security,
    subjects: &Subjects,
) -> Result<Channel, DialError> {
    open(address, security, Some(subjects)).await
}

async fn open(
    address: &Address,
    security: &Security,
    subjects: Option<&Subjects>,
) -> Result<Channel, DialError> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| DialError::Address(error.to_string()))?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true);
    let connected = match security {
        Security::Plain => endpoint.connect().await,
        Security::Mutual(tls) => {
            let (tls, subjects) = (Arc::clone(tls), subjects.cloned());
            let connector =
                tower::service_fn(move |uri: Uri| secure(Arc::clone(&tls), uri, subjects.clone()));
            endpoint.connect_with_connector(connector).await
        }
    };
    connected.map_err(|error| DialError::Connect(reasons(&error)))
}

async fn secure(
    tls: Arc<Tls>,
    uri: Uri,
    subjects: Option<Subjects>,
) -> Result<TokioIo<Rechecked<TlsStream<TcpStream>>>, std::io::Error> {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or_default());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    let failed = |error: TlsError| std::io::Error::other(error.to_string());
    let (name, stream) = tls.connect(host, tcp).await.map_err(failed)?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    if let Some(subjects) = subjects {
        let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
        let found = subject_of(first).map_err(std::io::Error::other)?;
        if !subjects.contain(&found) {
            return Err(std::io::Error::other(format!(
                "the certificate there is of {found}, expected one of {subjects}"
            )));
        }
    }
    let recheck = Recheck::new(tls, OtherEnd::Server(chain, name));
    Ok(TokioIo::new(Rechecked { stream, recheck }))
}

/// The message of an error followed by those of its sources, without repetitions.
fn reasons(error: &dyn core::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let cause = source.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = source.source();
    }
    text
}
