//! The stores that the log knows, and changes of them.

use super::print::{Out, guarantee, placement};
use crate::cli::connect::failed;
use crate::cli::{Failed, exit};
use crate::client::Client;
use crate::core::control_plane::{
    Address, StoreChange, StoreEndpoints, StoreFacts, StoreIdentity, StoreKind, StoreName,
};
use crate::core::ids::{Placement, Revision};
use crate::core::placement::Guarantee;
use crate::node::proto::v1;
use serde_json::json;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Kind {
    /// The sink checks write tokens, so it can be sealed
    Sealed,
    /// The sink cannot seal; the end of writes is bounded by time
    Timed,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum What {
    /// List the stores
    List,
    /// Make a store known, so that partitions can be created there and moved to it
    #[command(
        after_help = "What you give is what the store states of itself; the log asks no store yet.\n\n\
        Example:\n  cutover ctl stores add eu-1 --endpoint eu-1.example.org:7400 --identity 'CN=eu-1,O=example store 7f3a'"
    )]
    Add {
        /// Name of the store: lower-case letters, digits, and inner '-', '_', '.'
        name: StoreName,
        /// Address of the store; up to four
        #[arg(long, value_name = "HOST:PORT", required = true)]
        endpoint: Vec<Address>,
        /// What software it is, as one word
        #[arg(long, default_value = "reference")]
        kind: StoreKind,
        /// How the store ends writes
        #[arg(long, value_enum, default_value = "sealed")]
        guarantee: Kind,
        /// Who the store is: the subject of its certificate and its store id
        #[arg(long, value_name = "TEXT")]
        identity: StoreIdentity,
        /// Number of a store that partitions use since before the log knew stores; without it, the log gives a number
        #[arg(long, value_name = "PLACEMENT", value_parser = super::numbered)]
        id: Option<Placement>,
    },
    /// Replace the endpoints of a store
    #[command(
        after_help = "Example:\n  cutover ctl stores move-endpoint eu-1 --endpoint eu-1b.example.org:7400"
    )]
    MoveEndpoint {
        /// Name of the store
        name: StoreName,
        /// Address of the store from now on; up to four
        #[arg(long, value_name = "HOST:PORT", required = true)]
        endpoint: Vec<Address>,
    },
    /// Remove a store that no partition uses: none lives there or moves, and no old copy or debt is left
    #[command(after_help = "Example:\n  cutover ctl stores remove eu-1")]
    Remove {
        /// Name of the store
        name: StoreName,
    },
}

impl From<Kind> for Guarantee {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Sealed => Self::Sealed,
            Kind::Timed => Self::Timed,
        }
    }
}

const HEAD: [&str; 8] =
    ["STORE", "ID", "KIND", "GUARANTEE", "PARTITIONS", "REVISION", "ENDPOINTS", "IDENTITY"];

async fn stores(client: &Client) -> Result<v1::ListStoresResponse, Failed> {
    client.stores().await.map_err(|error| failed(&error))
}

/// The store of a name.
pub(super) async fn find(client: &Client, name: &StoreName) -> Result<v1::Store, Failed> {
    one(client, name, |store| store.name == name.as_ref()).await
}

/// The store of a number.
pub(super) async fn at(client: &Client, number: Placement) -> Result<v1::Store, Failed> {
    one(client, &number, |store| store.store == number.0).await
}

async fn one(
    client: &Client,
    asked: &dyn core::fmt::Display,
    is: impl Fn(&v1::Store) -> bool,
) -> Result<v1::Store, Failed> {
    let all = stores(client).await?.stores;
    let names: Vec<_> = all.iter().map(|store| store.name.clone()).collect();
    all.into_iter().find(is).ok_or_else(|| {
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Failed::new(exit::REFUSED, format!("the log has no store {asked}, it has {known}"))
    })
}

/// The number of the store of a name, and its guarantee.
pub(super) async fn named(
    client: &Client,
    name: &StoreName,
) -> Result<(Placement, Option<Guarantee>), Failed> {
    let store = find(client, name).await?;
    Ok((Placement(store.store), guarantee_of(&store)))
}

/// The guarantee of the store of a number; `None` if the log has no such store.
pub(super) async fn guarantee_at(client: &Client, at: Placement) -> Result<Option<Guarantee>, Failed> {
    let all = stores(client).await?.stores;
    Ok(all.iter().find(|store| store.store == at.0).and_then(guarantee_of))
}

fn guarantee_of(store: &v1::Store) -> Option<Guarantee> {
    match store.guarantee() {
        v1::Guarantee::Sealed => Some(Guarantee::Sealed),
        v1::Guarantee::Timed => Some(Guarantee::Timed),
        v1::Guarantee::Unspecified => None,
    }
}

fn endpoints(all: Vec<Address>) -> Result<StoreEndpoints, Failed> {
    StoreEndpoints::try_from(all).map_err(|error| Failed::new(exit::USAGE, error))
}

pub(super) async fn run(client: &Client, out: &Out, what: What) -> Result<(), Failed> {
    let change = match what {
        What::List => None,
        What::Add { name, endpoint, kind, guarantee, identity, id } => {
            let (endpoints, guarantee) = (endpoints(endpoint)?, guarantee.into());
            let store = StoreFacts { name, kind, endpoints, guarantee, identity };
            Some(StoreChange::Add { number: id, store })
        }
        What::MoveEndpoint { name, endpoint } => {
            let endpoints = endpoints(endpoint)?;
            let found = find(client, &name).await?;
            let (store, expected) = (Placement(found.store), Revision(found.revision));
            Some(StoreChange::MoveEndpoints { store, expected, endpoints })
        }
        What::Remove { name } => {
            let found = find(client, &name).await?;
            let (store, expected) = (Placement(found.store), Revision(found.revision));
            Some(StoreChange::Remove { store, expected })
        }
    };
    if let Some(change) = change {
        client.change_stores(change).await.map_err(|error| failed(&error))?;
    }
    list(client, out).await
}

async fn list(client: &Client, out: &Out) -> Result<(), Failed> {
    let v1::ListStoresResponse { stores: all, unknown } = stores(client).await?;
    let row = |store: &v1::Store| {
        vec![
            store.name.clone(),
            placement(store.store),
            store.kind.clone(),
            guarantee(store.guarantee()).to_owned(),
            store.partitions.to_string(),
            store.revision.to_string(),
            store.endpoints.join(","),
            store.identity.clone(),
        ]
    };
    let known = |store: &v1::Store| {
        json!({ "store": store.store, "placement": placement(store.store), "name": store.name, "kind": store.kind,
                "endpoints": store.endpoints, "guarantee": guarantee(store.guarantee()),
                "identity": store.identity, "revision": store.revision, "partitions": store.partitions })
    };
    let nameless = |store: &u64| json!({ "store": store, "placement": placement(*store), "name": null });
    let rows: Vec<_> = all.iter().map(row).collect();
    let machine: Vec<_> = all.iter().map(known).chain(unknown.iter().map(nameless)).collect();
    out.table("store", &HEAD, &rows, &machine);
    let note = |store: &u64| {
        let at = placement(*store);
        format!(
            "{at} is in use and not known: partitions stay there, and none is created there or moved to it; add it with --id {at}"
        )
    };
    out.notes(&unknown.iter().map(note).collect::<Vec<_>>());
    Ok(())
}
