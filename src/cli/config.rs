//! A node's configuration: one TOML file. An unknown key is an error.

use super::config_file::{ConfigError, TlsSection, at_least_one, not_exposed, read};
use crate::core::control_plane::{
    Address, ClusterVoterIdentity, Endpoints, Registered, Subjects, SubjectsError,
};
use crate::core::ids::{DirectoryId, NodeId};
use crate::core::migration::Policy;
use crate::core::raft::{Config, NodeLimits, Peer};
use crate::node::controllers::ControllersConfig;
use crate::node::driver::{DriverConfig, Queues, Timing};
use crate::node::server::{Access, PeerRule, PortLimits, Role};
use crate::node::tls::Security;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

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
    controllers: ControllersSection,
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

/// Whether the node drives moves while it leads, and how it asks stores.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ControllersSection {
    run: bool,
    calls_per_store: usize,
    deadline_ms: u64,
}

impl Default for ControllersSection {
    fn default() -> Self {
        let ControllersConfig { deadline, calls_per_store, .. } = ControllersConfig::default();
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        Self { run: false, calls_per_store, deadline_ms }
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
    /// How the node drives moves while it leads. `None`: operators take each step.
    pub controllers: Option<ControllersConfig>,
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
        let security = TlsSection::security(file.tls.as_ref())?;
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
        let ControllersSection { run, calls_per_store, deadline_ms } = file.controllers;
        let deadline = Duration::from_millis(deadline_ms);
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
            controllers: run.then_some(ControllersConfig {
                policy,
                deadline,
                calls_per_store,
                ..ControllersConfig::default()
            }),
        })
    }

    /// Reads the roles of a file again. The rest of it must still be well-formed, and has no effect.
    ///
    /// # Errors
    /// [`ConfigError`]
    pub fn load_access(path: &Path) -> Result<Access, ConfigError> {
        Ok(access(&read::<File>(path)?.roles)?)
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
    at_least_one(&[
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
        ("controllers.calls_per_store", file.controllers.calls_per_store),
        ("controllers.deadline_ms", seconds(file.controllers.deadline_ms)),
    ])?;
    let ports = [("listen.peer", file.listen.peer), ("listen.client", Some(file.listen.client))];
    not_exposed(file.tls.is_some() || file.insecure, &ports)
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
            "controllers": ControllersSection::default(),
        });
        assert_eq!(documented, defaults);
    }
}
