//! Free ports of loopback.

use crate::cli::{Failed, exit};
use crate::node::store::draw_id;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Below the ports that outgoing connections get, so that nothing takes one while its process is down.
const FIRST: u16 = 32_000;
const BLOCK: u16 = 16;
const BLOCKS: u16 = 48;

/// A block of ports. Its first one is held as long as this lives, so that another demo takes another block.
pub(super) struct Ports {
    _held: TcpListener,
    next: u16,
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

impl Ports {
    pub(super) fn claim() -> Result<Self, Failed> {
        let drawn = draw_id().map_err(|error| Failed::new(exit::INTERNAL, error))?;
        let offset = u16::try_from(drawn % u64::from(BLOCKS)).unwrap_or(0);
        for number in 0..BLOCKS {
            let first = FIRST + (offset + number) % BLOCKS * BLOCK;
            let Ok(held) = TcpListener::bind(at(first)) else { continue };
            if (1..BLOCK).all(|port| TcpListener::bind(at(first + port)).is_ok()) {
                return Ok(Self { _held: held, next: first + 1 });
            }
        }
        let line = format!("no {BLOCK} free ports in a row between {FIRST} and {}", FIRST + BLOCK * BLOCKS);
        Err(Failed::new(exit::UNAVAILABLE, line))
    }

    /// The next port of the block.
    pub(super) fn port(&mut self) -> SocketAddr {
        self.next += 1;
        at(self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Ports;

    #[test]
    fn two_demos_have_no_port_in_common() {
        let (mut one, mut other) = (Ports::claim().unwrap(), Ports::claim().unwrap());
        let ports = |of: &mut Ports| (0..8).map(|_| of.port()).collect::<std::collections::BTreeSet<_>>();
        assert!(ports(&mut one).is_disjoint(&ports(&mut other)));
    }
}
