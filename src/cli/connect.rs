//! How the operator's verbs reach a cluster.

use super::{Failed, exit};
use crate::client::{Client, ClientError, Options};
use crate::core::control_plane::Address;
use crate::node::tls::{Security, Tls, TlsFiles};
use core::future::Future;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

/// Where the cluster is, and who asks.
#[derive(Debug, clap::Args)]
pub struct Connect {
    /// A node's client address; any one will do, several are tried in turn
    #[arg(
        long,
        short = 'e',
        value_name = "HOST:PORT",
        required = true,
        value_delimiter = ',',
        env = "CUTOVER_ENDPOINT"
    )]
    endpoint: Vec<Address>,
    /// The authority that the nodes' certificates are signed by; without it, the connection is not protected
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key"], env = "CUTOVER_CA")]
    ca: Option<PathBuf>,
    /// Your certificate
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_CERT")]
    cert: Option<PathBuf>,
    /// Its key
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_KEY")]
    key: Option<PathBuf>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    deadline: u64,
}

impl Connect {
    pub(super) fn client(&self) -> Result<Client, Failed> {
        let security = match (&self.ca, &self.cert, &self.key) {
            (Some(ca), Some(cert), Some(key)) => {
                let files = TlsFiles { ca: ca.clone(), cert: cert.clone(), key: key.clone() };
                Security::Mutual(Arc::new(Tls::load(files).map_err(|error| Failed::new(exit::DATA, error))?))
            }
            _ => Security::Plain,
        };
        let deadline = Duration::from_secs(self.deadline.max(1));
        let options = Options { deadline, seed: u64::from(std::process::id()), ..Options::default() };
        Client::new(self.endpoint.clone(), Arc::new(security), options).map_err(|error| failed(&error))
    }
}

/// What a client says, with its exit code.
pub(super) fn failed(error: &ClientError) -> Failed {
    let code = match error {
        ClientError::NoAddress => exit::USAGE,
        ClientError::Unreachable(_) | ClientError::NoLeader(_) | ClientError::Busy(_) => exit::UNAVAILABLE,
        ClientError::Indeterminate | ClientError::SessionExpired { .. } => exit::INDETERMINATE,
        ClientError::Refused { .. } | ClientError::Denied(_) | ClientError::NotFound(_) => exit::REFUSED,
        ClientError::Unexpected(_) => exit::INTERNAL,
    };
    Failed::new(code, error)
}

/// Runs one thing to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failed::new(exit::INTERNAL, format!("no runtime: {error}")))?.block_on(work)
}
