//! Takes changed certificates and roles of a running node into use.

use super::NodeConfig;
use super::config::ConfigError;
use crate::node::server::SharedAccess;
use crate::node::tls::{Security, TlsError};
use core::time::Duration;
use std::path::PathBuf;
use tokio::signal::unix::Signal;

/// How often the files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(10);

/// What a running node reads again.
pub(super) struct Reload {
    /// The configuration file, for its roles.
    pub(super) config: PathBuf,
    pub(super) security: Security,
    pub(super) access: SharedAccess,
}

impl Reload {
    /// Reads the files every [`INTERVAL`], and on SIGHUP, which would end a process that does not handle it.
    pub(super) async fn run(self, mut hangup: Signal) {
        let (mut certificates, mut roles) = (Once::default(), Once::default());
        loop {
            let _asked = tokio::time::timeout(INTERVAL, hangup.recv()).await;
            if let Some(error) = certificates.report(self.certificates()) {
                tracing::warn!(error, "cannot load the new certificates; the old ones stay in use");
            }
            if let Some(error) = roles.report(self.roles()) {
                tracing::warn!(error, "cannot load the new roles; the old ones stay in use");
            }
        }
    }

    fn certificates(&self) -> Result<(), TlsError> {
        let Security::Mutual(tls) = &self.security else { return Ok(()) };
        if tls.reload()? {
            tracing::info!(subject = %tls.subject(), "loaded new certificates");
        }
        Ok(())
    }

    fn roles(&self) -> Result<(), ConfigError> {
        if self.access.replace(NodeConfig::load_access(&self.config)?) {
            tracing::info!("loaded new roles");
        }
        Ok(())
    }
}

/// Reports an error once, not every time that the same files are read.
#[derive(Default)]
struct Once(Option<String>);

impl Once {
    fn report(&mut self, result: Result<(), impl core::fmt::Display>) -> Option<String> {
        let error = result.err().map(|error| error.to_string());
        let is_new = error != self.0;
        self.0.clone_from(&error);
        error.filter(|_| is_new)
    }
}
