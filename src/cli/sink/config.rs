//! A store's configuration: one TOML file. An unknown key is an error.

use crate::cli::ConfigError;
use crate::cli::config_file::{TlsSection, at_least_one, not_exposed, read};
use crate::core::control_plane::{StoreIdentity, Subjects, SubjectsError};
use crate::node::server::PortLimits;
use crate::node::tls::Security;
use crate::sink::access::{SinkRole, SinkRoles};
use crate::sink::driver::QueueLimits;
use crate::sink::mover::PullOptions;
use bytesize::ByteSize;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data: PathBuf,
    identity: Option<String>,
    #[serde(default)]
    insecure: bool,
    listen: Listen,
    tls: Option<TlsSection>,
    #[serde(default)]
    roles: Roles,
    #[serde(default)]
    queue: QueueSection,
    #[serde(default)]
    calls: CallsSection,
    #[serde(default)]
    pull: PullSection,
    #[serde(default)]
    limits: LimitsSection,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listen {
    store: SocketAddr,
    metrics: Option<SocketAddr>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Roles {
    gateway: Vec<String>,
    node: Vec<String>,
    store: Vec<String>,
}

/// What waits before the disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct QueueSection {
    group: usize,
    requests: usize,
    bytes: String,
}

impl Default for QueueSection {
    fn default() -> Self {
        let QueueLimits { group_max, inputs_max, .. } = QueueLimits::default();
        Self { group: group_max, requests: inputs_max, bytes: "64MiB".to_owned() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CallsSection {
    deadline_ms: u64,
}

impl Default for CallsSection {
    fn default() -> Self {
        Self { deadline_ms: 5_000 }
    }
}

/// How copies are pulled from other stores.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PullSection {
    items: u32,
    /// Bytes per second and copy. Left out: as fast as both stores are.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<String>,
    poll_ms: u64,
    backoff_max_ms: u64,
    deadline_ms: u64,
}

impl Default for PullSection {
    fn default() -> Self {
        Self { items: 4_096, rate: None, poll_ms: 5, backoff_max_ms: 1_000, deadline_ms: 10_000 }
    }
}

/// Limits of the port.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsSection {
    connections: usize,
    connections_reserved: usize,
    connections_per_client: usize,
    half_open: usize,
    idle_s: u64,
    streams_per_connection: u32,
}

impl Default for LimitsSection {
    fn default() -> Self {
        let PortLimits {
            connections,
            connections_reserved,
            connections_per_client,
            half_open,
            idle_s,
            streams_per_connection,
            ..
        } = PortLimits::default();
        Self {
            connections,
            connections_reserved,
            connections_per_client,
            half_open,
            idle_s,
            streams_per_connection,
        }
    }
}

/// A store's configuration, read from its file and validated.
#[derive(Debug)]
pub(super) struct SinkConfig {
    /// The store's directory; relative paths start at the working directory.
    pub(super) data: PathBuf,
    /// Who the store is to the log.
    pub(super) identity: StoreIdentity,
    pub(super) listen: SocketAddr,
    /// The listen address for Prometheus. `None`: no metrics are exported.
    pub(super) metrics: Option<SocketAddr>,
    pub(super) security: Security,
    pub(super) roles: SinkRoles,
    pub(super) queue: QueueLimits,
    /// The longest time that a call takes.
    pub(super) deadline: Duration,
    pub(super) pull: PullOptions,
    /// The longest time that the source of a copy may take to answer.
    pub(super) pull_deadline: Duration,
    pub(super) limits: PortLimits,
}

impl SinkConfig {
    /// Reads and validates a file, and loads the certificates it names.
    pub(super) fn load(path: &Path) -> Result<Self, ConfigError> {
        let file: File = read(path)?;
        check(&file)?;
        let security = TlsSection::security(file.tls.as_ref())?;
        let QueueSection { group: group_max, requests: inputs_max, bytes } = &file.queue;
        let kib_max = size("queue.bytes", bytes)?.div_ceil(1024);
        let kib_max = u32::try_from(kib_max).unwrap_or(u32::MAX);
        let PullSection { items: items_max, rate, poll_ms, backoff_max_ms, deadline_ms } = &file.pull;
        let rate = rate.as_deref().map(|rate| size("pull.rate", rate)).transpose()?;
        let (poll, backoff_max) = (Duration::from_millis(*poll_ms), Duration::from_millis(*backoff_max_ms));
        Ok(Self {
            identity: identity(file.identity.as_deref(), &security)?,
            roles: roles(&file.roles)?,
            data: file.data,
            listen: file.listen.store,
            metrics: file.listen.metrics,
            security,
            queue: QueueLimits { group_max: *group_max, inputs_max: *inputs_max, kib_max },
            deadline: Duration::from_millis(file.calls.deadline_ms),
            pull: PullOptions { items_max: *items_max, bytes_per_second: rate, poll, backoff_max },
            pull_deadline: Duration::from_millis(*deadline_ms),
            limits: limits(&file.limits),
        })
    }

    /// Reads the roles of a file again. The rest of it must still be well-formed, and has no effect.
    pub(super) fn load_roles(path: &Path) -> Result<SinkRoles, ConfigError> {
        Ok(roles(&read::<File>(path)?.roles)?)
    }
}

fn check(file: &File) -> Result<(), ConfigError> {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    at_least_one(&[
        ("queue.group", file.queue.group),
        ("queue.requests", file.queue.requests),
        ("calls.deadline_ms", number(file.calls.deadline_ms)),
        ("pull.items", number(file.pull.items.into())),
        ("pull.poll_ms", number(file.pull.poll_ms)),
        ("pull.backoff_max_ms", number(file.pull.backoff_max_ms)),
        ("pull.deadline_ms", number(file.pull.deadline_ms)),
        ("limits.connections", file.limits.connections),
        ("limits.connections_per_client", file.limits.connections_per_client),
        ("limits.half_open", file.limits.half_open),
        ("limits.idle_s", number(file.limits.idle_s)),
        ("limits.streams_per_connection", number(file.limits.streams_per_connection.into())),
    ])?;
    not_exposed(file.tls.is_some() || file.insecure, &[("listen.store", Some(file.listen.store))])
}

/// A number of bytes, at least one.
fn size(what: &'static str, text: &str) -> Result<u64, ConfigError> {
    match text.parse::<ByteSize>() {
        Ok(ByteSize(bytes)) if bytes > 0 => Ok(bytes),
        Ok(_) | Err(_) => Err(ConfigError::Size { what, found: text.to_owned() }),
    }
}

/// Who the store is to the log. With certificates it begins with their subject: what answers at the store's endpoints can be held against it.
fn identity(named: Option<&str>, security: &Security) -> Result<StoreIdentity, ConfigError> {
    let named = named.map(str::parse::<StoreIdentity>).transpose()?;
    match (security, named) {
        (Security::Plain, named) => named.ok_or(ConfigError::NoIdentity),
        (Security::Mutual(tls), None) => Ok(tls.subject().to_string().parse()?),
        (Security::Mutual(tls), Some(found)) => {
            let expected = tls.subject();
            if found.is_of(&expected) { Ok(found) } else { Err(ConfigError::OtherStore { found, expected }) }
        }
    }
}

fn roles(roles: &Roles) -> Result<SinkRoles, SubjectsError> {
    let all =
        [(&roles.gateway, SinkRole::Gateway), (&roles.node, SinkRole::Node), (&roles.store, SinkRole::Store)];
    let mut rules = Vec::new();
    for (texts, role) in all {
        for text in texts {
            rules.push((Subjects::parse(text)?, role));
        }
    }
    Ok(rules)
}

fn limits(section: &LimitsSection) -> PortLimits {
    PortLimits {
        connections: section.connections,
        connections_reserved: section.connections_reserved,
        connections_per_client: section.connections_per_client,
        half_open: section.half_open,
        idle_s: section.idle_s,
        streams_per_connection: section.streams_per_connection,
        ..PortLimits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// The block of docs/operating.md has every key of these sections, with its default.
    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let page = include_str!("../../../docs/operating.md");
        let block = page.split("## What a store's configuration may set").nth(1);
        let block =
            block.and_then(|rest| rest.split("```toml\n").nth(1)).and_then(|rest| rest.split("```").next());
        let mut documented: Value = toml::from_str(block.unwrap()).unwrap();
        assert_eq!(documented["pull"].as_object_mut().unwrap().remove("rate"), Some(json!("50MB")));
        let defaults = json!({
            "queue": QueueSection::default(),
            "calls": CallsSection::default(),
            "pull": PullSection::default(),
            "limits": LimitsSection::default(),
        });
        assert_eq!(documented, defaults);
        let PullSection { items, poll_ms, backoff_max_ms, .. } = PullSection::default();
        let options = PullOptions {
            items_max: items,
            bytes_per_second: None,
            poll: Duration::from_millis(poll_ms),
            backoff_max: Duration::from_millis(backoff_max_ms),
        };
        assert_eq!(options, PullOptions::default());
        let kib_max = size("queue.bytes", &QueueSection::default().bytes).unwrap() / 1024;
        assert_eq!(kib_max, u64::from(QueueLimits::default().kib_max));
    }

    #[test]
    fn sizes_are_read_and_none_is_nothing() {
        assert_eq!(size("pull.rate", "50MB").unwrap(), 50_000_000);
        assert_eq!(size("pull.rate", "1KiB").unwrap(), 1024);
        for wrong in ["", "0", "fast", "-1MB", "5 parsecs"] {
            let error = size("pull.rate", wrong).unwrap_err().to_string();
            assert_eq!(error, format!("pull.rate is {wrong:?}, expected a size as in \"50MB\""));
        }
    }

    #[test]
    fn a_store_without_certificates_says_who_it_is() {
        let error = identity(None, &Security::Plain).unwrap_err().to_string();
        assert!(error.starts_with("identity: found none, expected who the store is"), "{error}");
        assert_eq!(identity(Some("eu-1"), &Security::Plain).unwrap().as_ref(), "eu-1");
    }
}
