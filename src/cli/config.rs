//! A node's configuration: one TOML file. An unknown key is an error.

use crate::core::control_plane::{
    Address, ClusterVoterIdentity, Endpoints, IdentityError, Registered, Subjects, SubjectsError,
};
use crate::core::ids::{DirectoryId, NodeId};
use crate::core::migration::{Policy, PolicyError};
use crate::core::raft::{Config, NodeLimits, Peer};
use crate::node::driver::{DriverConfig, Queues, Timing, TimingError};
use crate::node::server::{Access, PeerRule, PortLimits, Role};
use crate::node::tls::{Security, Tls, TlsError, TlsFiles};
use serde::{Deserialize, Serialize};
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
        /// The key of the port: `listen.peer` or `listen.client`.
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    node: u8,
    /// Keys of earlier versions, so that the message can say what became of them.
    cluster: Option<serde::de::IgnoredAny>,
    incarnation: Option<serde::de::IgnoredAny>,
    data: PathBuf,
    identity: Option<String>,
    #[serde(default)]
    insecure: bool,
    listen: Listen,
    advertise: Option<Advertise>,
    tls: Option<TlsSection>,
    #[serde(default)]
    roles: Roles,
    #[serde(default)]
    timing: Timing,
    #[serde(default)]
    queues: Queues,
    #[serde(default)]
    limits: PortLimits,
    #[serde(default)]
    policy: PolicySection,
    #[serde(default)]
    log: LogSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listen {
    /// The listen address for peers. Without it, the node runs on the single-node engine.
    peer: Option<SocketAddr>,
    client: SocketAddr,
    metrics: Option<SocketAddr>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Advertise {
    peer: Option<Address>,
    client: Address,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsSection {
    ca: PathBuf,
    cert: PathBuf,
    key: PathBuf,
    /// Certificates that the authority has revoked.
    crl: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Roles {
    admin: Vec<String>,
    gateway: Vec<String>,
    read_only: Vec<String>,
    /// Subject pattern of the peers that are accepted. Default: the node's own subject with any CN.
    peer: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicySection {
    blocked_budget_ms: u64,
    write_effect_ms_max: u64,
}

impl Default for PolicySection {
    fn default() -> Self {
        let Policy { blocked_budget_ms, write_effect_ms_max, .. } = Policy::PRODUCTION;
        Self { blocked_budget_ms, write_effect_ms_max }
    }
}

/// When the Raft log is compacted, and how much of it is kept for slow followers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LogSection {
    compact_after_entries: u64,
    keep_entries: u64,
}

impl Default for LogSection {
    fn default() -> Self {
        let NodeLimits { compact_after_entries, keep_entries, .. } = NodeLimits::PRODUCTION;
        Self { compact_after_entries, keep_entries }
    }
}

/// A node's configuration, read from its file and validated.
#[derive(Debug)]
pub struct NodeConfig {
    /// The node's number.
    pub node: NodeId,
    /// The limits of the Raft node.
    pub limits_of_log: NodeLimits,
    /// The subject of the node's certificate. Without TLS: `identity` from the file, or `CN=node-<n>`.
    pub identity: ClusterVoterIdentity,
    /// The node's data directory; relative paths start at the working directory.
    pub data: PathBuf,
    /// The listen address for peers. `None`: the node runs alone, on the single-node engine.
    pub peer: Option<SocketAddr>,
    /// The listen address for clients.
    pub client: SocketAddr,
    /// The listen address for Prometheus. `None`: no metrics are exported.
    pub metrics: Option<SocketAddr>,
    /// The addresses that the node advertises to peers and clients. Default: its listen addresses.
    pub endpoints: Endpoints,
    /// Mutual TLS, or plain text.
    pub security: Security,
    /// Which certificate subject has which role.
    pub access: Access,
    /// Which certificate subjects are accepted as peers.
    pub rule: PeerRule,
    /// Timers and queue lengths of the driver.
    pub driver: DriverConfig,
    /// Limits on connections, messages and streams.
    pub limits: PortLimits,
    /// Time limits that every migration begun on this node gets.
    pub policy: Policy,
}

impl NodeConfig {
    /// Reads and validates a file, and loads the certificates it names.
    ///
    /// # Errors
    /// [`ConfigError`], with the first thing that is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::of(read(path)?)
    }

    fn of(file: File) -> Result<Self, ConfigError> {
        check(&file)?;
        let security = match &file.tls {
            Some(tls) => {
                let TlsSection { ca, cert, key, crl } = tls.clone();
                let files = TlsFiles { ca, cert, key, crl };
                Security::Mutual(Arc::new(Tls::load(files)?))
            }
            None => Security::Plain,
        };
        let identity = identity(&file, &security)?;
        let subjects = match &file.roles.peer {
            Some(text) => Some(Subjects::parse(text)?),
            None => Subjects::beside(&identity),
        };
        let own = |address: SocketAddr| Address::try_from(address.to_string()).ok();
        let endpoints = match file.advertise {
            Some(Advertise { peer, client }) => {
                Endpoints { peer: peer.or_else(|| file.listen.peer.and_then(own)), client: Some(client) }
            }
            None => Endpoints { peer: file.listen.peer.and_then(own), client: own(file.listen.client) },
        };
        let LogSection { compact_after_entries, keep_entries } = file.log;
        let limits = NodeLimits { compact_after_entries, keep_entries, ..NodeLimits::PRODUCTION };
        let PolicySection { blocked_budget_ms, write_effect_ms_max } = file.policy;
        let policy = Policy { blocked_budget_ms, write_effect_ms_max, ..Policy::PRODUCTION };
        policy.validate()?;
        file.timing.validate()?;
        Ok(Self {
            node: NodeId(file.node),
            limits_of_log: limits,
            identity,
            data: file.data,
            peer: file.listen.peer,
            client: file.listen.client,
            metrics: file.listen.metrics,
            endpoints,
            security,
            access: access(&file.roles)?,
            rule: PeerRule { subjects },
            driver: DriverConfig { timing: file.timing, queues: file.queues },
            limits: file.limits,
            policy,
        })
    }

    /// Reads the roles of a file again. The rest of it must still be well-formed, and has no effect.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load_access(path: &Path) -> Result<Access, ConfigError> {
        Ok(access(&read(path)?.roles)?)
    }

    /// The identity and limits of the node with this data directory.
    #[must_use]
    pub const fn raft(&self, directory: DirectoryId) -> Config {
        Config { me: Peer { node: self.node, directory }, limits: self.limits_of_log }
    }

    /// The subject and the addresses under which the node is a member.
    #[must_use]
    pub fn registered(&self) -> Registered {
        Registered { identity: self.identity.clone(), endpoints: self.endpoints.clone() }
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|error| ConfigError::Toml { path: path.to_owned(), found: on_one_line(&error, &text) })
}

fn check(file: &File) -> Result<(), ConfigError> {
    if file.node == 0 {
        return Err(ConfigError::Range { what: "node", found: 0, expected: "1 to 255" });
    }
    for (key, found) in [("cluster", &file.cluster), ("incarnation", &file.incarnation)] {
        if found.is_some() {
            return Err(ConfigError::Gone { key });
        }
    }
    let seconds = |seconds: u64| usize::try_from(seconds).unwrap_or(usize::MAX);
    for (what, found) in [
        ("queues.inbox", file.queues.inbox),
        ("queues.requests", file.queues.requests),
        ("queues.batches", file.queues.batches),
        ("queues.watch", file.queues.watch),
        ("limits.connections", file.limits.connections),
        ("limits.connections_per_client", file.limits.connections_per_client),
        ("limits.connections_per_peer", file.limits.connections_per_peer),
        ("limits.watches_per_client", file.limits.watches_per_client),
        ("limits.half_open", file.limits.half_open),
        ("limits.idle_s", seconds(file.limits.idle_s)),
        ("limits.message_bytes", file.limits.message_bytes),
        ("limits.watch_idle_s", seconds(file.limits.watch_idle_s)),
        ("limits.backup_s", seconds(file.limits.backup_s)),
    ] {
        if found == 0 {
            return Err(ConfigError::Range { what, found: 0, expected: "at least 1" });
        }
    }
    if file.tls.is_none() && !file.insecure {
        let ports = [("listen.peer", file.listen.peer), ("listen.client", Some(file.listen.client))];
        for (what, address) in ports {
            if let Some(address) = address.filter(|address| !address.ip().is_loopback()) {
                return Err(ConfigError::Insecure { what, address });
            }
        }
    }
    Ok(())
}

fn identity(file: &File, security: &Security) -> Result<ClusterVoterIdentity, ConfigError> {
    let named = file.identity.as_deref().map(ClusterVoterIdentity::from_certificate_subject).transpose()?;
    match (security, named) {
        (Security::Plain, Some(named)) => Ok(named),
        (Security::Plain, None) => {
            Ok(ClusterVoterIdentity::from_certificate_subject(&format!("CN=node-{}", file.node))?)
        }
        (Security::Mutual(tls), None) => Ok(tls.subject()),
        (Security::Mutual(tls), Some(found)) => {
            let expected = tls.subject();
            if found == expected { Ok(found) } else { Err(ConfigError::OtherIdentity { found, expected }) }
        }
    }
}

fn access(roles: &Roles) -> Result<Access, SubjectsError> {
    let mut rules = Vec::new();
    for (texts, role) in
        [(&roles.admin, Role::Admin), (&roles.gateway, Role::Gateway), (&roles.read_only, Role::ReadOnly)]
    {
        for text in texts {
            rules.push((Subjects::parse(text)?, role));
        }
    }
    Ok(Access { roles: rules })
}

/// The message of a TOML error with its line number. `toml`'s own display spans several lines.
fn on_one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
    let message = error.message().lines().collect::<Vec<_>>().join(" ");
    line.map_or_else(|| message.clone(), |line| format!("line {line}: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The block of docs/operating.md has every key of these sections, with its default.
    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let page = include_str!("../../docs/operating.md");
        let block = page.split("## What a configuration may set").nth(1);
        let block =
            block.and_then(|rest| rest.split("```toml\n").nth(1)).and_then(|rest| rest.split("```").next());
        let documented: Value = toml::from_str(block.unwrap()).unwrap();
        let defaults = json!({
            "timing": Timing::default(),
            "queues": Queues::default(),
            "limits": PortLimits::default(),
            "log": LogSection::default(),
            "policy": PolicySection::default(),
        });
        assert_eq!(documented, defaults);
    }
}
