//! Opens connections to nodes, with or without TLS.

use super::recheck::{Recheck, Rechecked};
use super::{OtherEnd, Tls, TlsError, subject_of};
use crate::core::control_plane::{Address, ClusterVoterIdentity};
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

/// Whether a certificate with this subject may answer; if not, the reason. Not called without TLS.
pub type Expected = Arc<dyn Fn(&ClusterVoterIdentity) -> Result<(), String> + Send + Sync>;

/// Opens a connection to an address. A server whose certificate has another subject than the expected one is not spoken to:
/// an address can be taken over by any process that holds a certificate of the same authority.
///
/// # Errors
/// [`DialError`]
pub async fn channel(
    address: &Address,
    security: &Security,
    expected: &Expected,
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
            let (tls, expected) = (Arc::clone(tls), Arc::clone(expected));
            let connector =
                tower::service_fn(move |uri: Uri| secure(Arc::clone(&tls), Arc::clone(&expected), uri));
            endpoint.connect_with_connector(connector).await
        }
    };
    connected.map_err(|error| DialError::Connect(reasons(&error)))
}

async fn secure(
    tls: Arc<Tls>,
    expected: Expected,
    uri: Uri,
) -> Result<TokioIo<Rechecked<TlsStream<TcpStream>>>, std::io::Error> {
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or_default());
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    let failed = |error: TlsError| std::io::Error::other(error.to_string());
    let (name, stream) = tls.connect(host, tcp).await.map_err(failed)?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    let first = chain.first().map(AsRef::as_ref).unwrap_or_default();
    let subject = subject_of(first).map_err(|error| std::io::Error::other(error.to_string()))?;
    expected(&subject).map_err(std::io::Error::other)?;
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
