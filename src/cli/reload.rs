//! Takes changed certificates and roles of a running process into use.

use super::ConfigError;
use crate::node::tls::{Security, TlsError};
use core::time::Duration;
use tokio::signal::unix::Signal;

/// How often the files are checked for changes.
const INTERVAL: Duration = Duration::from_secs(10);

/// Reads the roles of the configuration file, and takes them into use. Returns whether they differ from those before.
pub(super) type Roles = dyn Fn() -> Result<bool, ConfigError> + Send + Sync;

/// What a running process reads again.
pub(super) struct Reload {
    pub(super) security: Security,
    pub(super) roles: Box<Roles>,
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
        if (self.roles)()? {
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
