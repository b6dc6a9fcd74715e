//! What a client knows of the nodes: addresses, the leader, and open connections.

use super::Client;
use super::error::{Failed, judge};
use crate::core::control_plane::Address;
use crate::core::retry::Attempt;
use core::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore as _;
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use tonic::transport::Channel;

/// The nodes that a client knows, which of them leads, and a channel to each that was called.
#[derive(Debug)]
pub(super) struct Nodes {
    pub addresses: Vec<Address>,
    pub leader: Option<Address>,
    /// Counts the calls made without a known leader, which try the addresses in turn.
    pub next: usize,
    pub channels: BTreeMap<Address, Channel>,
    pub random: ChaCha8Rng,
}

impl Client {
    pub(super) fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The leader or, if none is known, the next address in turn.
    pub(super) fn target(&self) -> Address {
        let mut nodes = self.nodes();
        if let Some(leader) = &nodes.leader {
            return leader.clone();
        }
        let at = nodes.next % nodes.addresses.len();
        nodes.next = at + 1;
        nodes.addresses[at].clone()
    }

    /// The open channel to a node, or a new one.
    pub(super) async fn channel(&self, address: &Address) -> Result<Channel, String> {
        let open = self.nodes().channels.get(address).cloned();
        if let Some(channel) = open {
            return Ok(channel);
        }
        let channel = self.dial.channel(address.clone()).await?;
        self.nodes().channels.insert(address.clone(), channel.clone());
        Ok(channel)
    }

    /// Stops treating this node as the leader.
    pub(super) fn avoid(&self, address: &Address) {
        let mut nodes = self.nodes();
        if nodes.leader.as_ref() == Some(address) {
            nodes.leader = None;
        }
    }

    /// Drops the connection to this node, which is broken.
    pub(super) fn disconnect(&self, address: &Address) {
        self.nodes().channels.remove(address);
    }

    /// Sends further calls to this node.
    pub(super) fn follow(&self, leader: Address) {
        let mut nodes = self.nodes();
        if !nodes.addresses.contains(&leader) {
            nodes.addresses.push(leader.clone());
        }
        nodes.leader = Some(leader);
    }

    /// The wait after an attempt: [`Options::backoff`](super::Options::backoff), doubled each time, with jitter.
    pub(super) fn wait(&self, attempt: u32) -> Duration {
        let full = self.options.backoff * 2_u32.saturating_pow(attempt).min(10);
        let half = full / 2;
        let micros = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.nodes().random.next_u64() % micros)
    }

    /// Records how a stream from this node ended. If the node does not know the leader or cannot be reached, the next
    /// stream is opened at another node.
    pub(super) fn stream_ended(&self, address: &Address, status: &tonic::Status) {
        let Failed { attempt, .. } = judge(status);
        match attempt {
            Attempt::NotLeader { .. } | Attempt::Indeterminate => self.avoid(address),
            Attempt::NotSent | Attempt::NoAnswer => {
                self.avoid(address);
                self.disconnect(address);
            }
            Attempt::Answered | Attempt::Refused(_) | Attempt::Busy => {}
        }
    }
}
