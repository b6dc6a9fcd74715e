//! Stores with data, and those who use them: the production store on a simulated disk, its mover, the controllers of the nodes, gateways of
//! the production library, and an operator who creates partitions and has them moved.
//!
//! A store is a machine like that of a node, with a number of its own ([`machine_of`]): what happens to a node happens to it as well.
//!
//! | part | contents |
//! | --- | --- |
//! | `options.rs` | what a seed draws |
//! | `connections.rs` | how stores are reached; one start of a store is in `host/`: `store_start.rs`, `store_disk.rs`, `store_front.rs` |
//! | `callers.rs`, `book.rs` | who reads and writes through gateways; what they saw, as histories of registers |
//! | `operator.rs` | creates, moves, aborts, forces and deletes |
//! | `orders.rs` | what the operator orders: holds, budgets, pauses, drains |
//! | `renew.rs` | a store that lost its disk is created anew |
//! | `settle.rs` | what has to be so when nothing fails any more |

mod book;
mod callers;
mod connections;
mod operator;
mod options;
mod orders;
mod renew;
mod settle;

pub use book::Book;
pub use callers::{DataUsers, gateway_ip};
pub use connections::controllers;
pub use options::{DataOptions, WRITE_EFFECT_MS, has_data};
pub use settle::settle;

use crate::options::Options;
use crate::table::Table;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use cutover::core::control_plane::{Address, StoreChange, StoreEndpoints, Stores};
use cutover::core::ids::{Placement, Revision};
use cutover_model::host::{known_stores, store_facts};

/// Distance between the number of a store and that of its machine.
const MACHINES: u8 = 220;
const PORT: u16 = 7300;

/// Whether the machine with this number is that of a store.
#[must_use]
pub const fn is_store(machine: u8) -> bool {
    machine >= MACHINES
}

/// The number of the machine of the store with this number, from 0.
#[must_use]
pub const fn machine_of(number: u8) -> u8 {
    MACHINES + number
}

/// The address of a store's machine.
#[must_use]
pub fn address(machine: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 20, machine.saturating_sub(MACHINES) + 1)), PORT)
}

/// The placement of the store on a machine.
#[must_use]
pub fn placement(options: &DataOptions, machine: u8) -> Placement {
    Placement(options.first + u64::from(machine.saturating_sub(MACHINES)))
}

/// The stores that the log knows from the beginning: those about which clients invent statements, and those with data.
#[must_use]
pub fn all_stores(options: &Options) -> Stores {
    let mut stores = known_stores(options.work.guarantees());
    for number in 0..options.data.stores {
        let endpoint = Address::try_from(address(machine_of(number)).to_string());
        let endpoints = endpoint.ok().and_then(|at| StoreEndpoints::try_from(vec![at]).ok());
        let facts = store_facts(
            &format!("d{number}"),
            options.data.guarantee(placement(&options.data, machine_of(number))),
        );
        if let (Some(endpoints), Some(mut facts)) = (endpoints, facts) {
            facts.endpoints = endpoints;
            let add = StoreChange::Add { number: None, store: facts };
            let _left_out = stores.apply(Revision::ZERO, &add, std::iter::empty);
        }
    }
    stores
}

/// The machine of a store with data, by what the log has of it.
#[must_use]
pub fn machine_at(store: Placement, table: &Table) -> Option<u8> {
    let facts = &table.state().stores().get(store)?.facts;
    let number: u8 = facts.name.as_ref().strip_prefix('d')?.parse().ok()?;
    Some(machine_of(number))
}
