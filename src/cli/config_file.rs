//! What the configuration files of nodes and stores share: errors, certificates, and how a file is read.

use crate::core::control_plane::{
    ClusterVoterIdentity, IdentityError, StoreIdentity, StoreValueError, SubjectsError,
};
use crate::core::migration::PolicyError;
use crate::node::driver::TimingError;
use crate::node::tls::{Security, Tls, TlsError, TlsFiles};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Why a configuration file cannot be used. Each message names the file or key, the value found, and what was
/// expected.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the configuration file.
        path: PathBuf,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// The file is not valid TOML, or has an unknown key, a missing key or a value of the wrong type.
    #[error("{}: {found}", path.display())]
    Toml {
        /// Path of the configuration file.
        path: PathBuf,
        /// The parser's message with its line number, on one line.
        found: String,
    },
    /// A timer in `[timing]` is out of range or contradicts another.
    #[error("[timing]: {0}")]
    Timing(#[from] TimingError),
    /// A value in `[policy]` is out of range.
    #[error("[policy]: {0}")]
    Policy(#[from] PolicyError),
    /// A certificate subject in `[roles]` cannot be parsed.
    #[error("[roles]: {0}")]
    Roles(#[from] SubjectsError),
    /// `identity` is not a valid certificate subject.
    #[error("identity: {0}")]
    Identity(#[from] IdentityError),
    /// A file named in `[tls]` cannot be read or used.
    #[error("[tls]: {0}")]
    Tls(#[from] TlsError),
    /// `identity` differs from the subject of the node's certificate.
    #[error("identity is {found}, the certificate's subject is {expected}")]
    OtherIdentity {
        /// The value of `identity` in the file.
        found: ClusterVoterIdentity,
        /// The subject of the node's certificate.
        expected: ClusterVoterIdentity,
    },
    /// A port that is not on the loopback address has no TLS, and `insecure` is not set.
    #[error(
        "{what} listens on {address} without certificates: expected a [tls] section, a loopback address, or \
         insecure = true"
    )]
    Insecure {
        /// The key of the port, such as `listen.client`.
        what: &'static str,
        /// The address of the port.
        address: SocketAddr,
    },
    /// A key that is not set by hand any more.
    #[error(
        "{key}: remove this key; the identities of the cluster and of the data directory are drawn when they are made"
    )]
    Gone {
        /// The key in the file.
        key: &'static str,
    },
    /// A number is out of its range.
    #[error("{what} is {found}, expected {expected}")]
    Range {
        /// The key in the file.
        what: &'static str,
        /// The value in the file.
        found: u64,
        /// The range that is allowed, as text.
        expected: &'static str,
    },
    /// A size cannot be read.
    #[error("{what} is {found:?}, expected a size as in \"50MB\"")]
    Size {
        /// The key in the file.
        what: &'static str,
        /// The value in the file.
        found: String,
    },
    /// The identity of a store is not one that the log could have.
    #[error("identity: {0}")]
    Store(#[from] StoreValueError),
    /// A store without certificates does not say who it is.
    #[error(
        "identity: found none, expected who the store is to the log; with certificates, their subject is the default"
    )]
    NoIdentity,
    /// The identity of a store does not begin with the subject of its certificate.
    #[error(
        "identity is {found}, expected {expected}, the certificate's subject, alone or with a store id after a space"
    )]
    OtherStore {
        /// The value of `identity` in the file.
        found: StoreIdentity,
        /// The subject of the store's certificate.
        expected: ClusterVoterIdentity,
    },
}

/// The certificates of a process.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSection {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    /// Certificates that the authority has revoked.
    crl: Option<PathBuf>,
}

impl TlsSection {
    /// Loads the certificates, if there is such a section.
    pub(super) fn security(section: Option<&Self>) -> Result<Security, TlsError> {
        let Some(Self { ca, cert, key, crl }) = section.cloned() else { return Ok(Security::Plain) };
        Ok(Security::Mutual(Arc::new(Tls::load(TlsFiles { ca, cert, key, crl })?)))
    }
}

/// Reads a file.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|error| ConfigError::Toml { path: path.to_owned(), found: on_one_line(&error, &text) })
}

/// Checks that none of these keys is 0.
pub(super) fn at_least_one(keys: &[(&'static str, usize)]) -> Result<(), ConfigError> {
    match keys.iter().find(|(_, found)| *found == 0) {
        Some(&(what, _)) => Err(ConfigError::Range { what, found: 0, expected: "at least 1" }),
        None => Ok(()),
    }
}

/// Checks that a port without certificates is on loopback, unless `allowed`.
pub(super) fn not_exposed(
    allowed: bool,
    ports: &[(&'static str, Option<SocketAddr>)],
) -> Result<(), ConfigError> {
    for &(what, address) in ports {
        if let Some(address) = address.filter(|address| !allowed && !address.ip().is_loopback()) {
            return Err(ConfigError::Insecure { what, address });
        }
    }
    Ok(())
}

/// The message of a TOML error with its line number. `toml`'s own display spans several lines.
fn on_one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}
