//! Connecting a command to a cluster: endpoints, certificates, and the exit code of a client error.

use super::{Failed, exit};
use crate::client::{Client, ClientError, Dialer, Options};
use crate::core::control_plane::{Address, Subjects};
use crate::node::tls::{Tls, TlsFiles};
use core::future::Future;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

/// The addresses of the cluster and the caller's credentials.
#[derive(Debug, clap::Args)]
pub struct Connect {
    /// Client address of a node; of several, each is tried in turn
    #[arg(
        long,
        short = 'e',
        value_name = "HOST:PORT",
        required = true,
        value_delimiter = ',',
        env = "CUTOVER_ENDPOINT"
    )]
    endpoint: Vec<Address>,
    /// Certificate of the authority that signed the nodes' certificates; without it, the connection is plain
    /// text
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key", "nodes"], env = "CUTOVER_CA")]
    ca: Option<PathBuf>,
    /// The client's certificate
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_CERT")]
    cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_KEY")]
    key: Option<PathBuf>,
    /// Certificates that the authority has revoked, in PEM
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_CRL")]
    crl: Option<PathBuf>,
    /// Subject of the nodes' certificates, or its end, as in OU=control-plane,O=example; nobody else is spoken to
    #[arg(long, value_name = "SUBJECT", requires = "ca", value_parser = Subjects::parse, env = "CUTOVER_NODES")]
    nodes: Option<Subjects>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    deadline: u64,
}

impl Connect {
    /// How long a call may take.
    pub(super) fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline.max(1))
    }

    /// What dials nodes, and stores.
    pub(super) fn dialer(&self) -> Result<Arc<Dialer>, Failed> {
        let dialer = match (&self.ca, &self.cert, &self.key, &self.nodes) {
            (Some(ca), Some(cert), Some(key), Some(nodes)) => {
                let (ca, cert, key, crl) = (ca.clone(), cert.clone(), key.clone(), self.crl.clone());
                let tls = Tls::load(TlsFiles { ca, cert, key, crl });
                let tls = Arc::new(tls.map_err(|error| Failed::new(exit::DATA, error))?);
                Dialer::Mutual { tls, nodes: nodes.clone() }
            }
            _ => Dialer::Plain,
        };
        Ok(Arc::new(dialer))
    }

    pub(super) fn client(&self) -> Result<Client, Failed> {
        let options =
            Options { deadline: self.deadline(), seed: u64::from(std::process::id()), ..Options::default() };
        Client::new(self.endpoint.clone(), self.dialer()?, options).map_err(|error| failed(&error))
    }
}

/// Maps a client error to the exit code that reports it.
pub(super) fn failed(error: &ClientError) -> Failed {
    let code = match error {
        ClientError::NoAddress => exit::USAGE,
        ClientError::Unreachable(_)
        | ClientError::NoLeader(_)
        | ClientError::Busy(_)
        | ClientError::NotOpen(_) => exit::UNAVAILABLE,
        ClientError::Indeterminate | ClientError::SessionExpired { .. } | ClientError::Forgotten(_) => {
            exit::INDETERMINATE
        }
        ClientError::Refused { .. } | ClientError::Denied(_) | ClientError::NotFound(_) => exit::REFUSED,
        ClientError::Unexpected(_) => exit::INTERNAL,
    };
    Failed::new(code, error)
}

/// Runs a future on a runtime of one thread.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failed::new(exit::INTERNAL, format!("no runtime: {error}")))?.block_on(work)
}
