//! `ctl`: administers a cluster and moves partitions through the phases of a migration.

mod audit;
mod follow;
mod held;
mod members;
mod migrate;
mod moves;
mod moving;
mod partitions;
mod print;
mod rows;
mod stores;
mod transition;

use super::connect::{Connect, block_on};
use super::{Failed, Format};
use crate::client::Client;
use crate::core::control_plane::{PartitionName, StoreName};
use crate::core::ids::{PartitionId, Placement};
use crate::node::proto::{PartitionSelector, v1};
use print::Out;

/// The options of `ctl`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A partition is given as a name (acme) or a number (p7); a store by its name (eu-1), or its id as \
    a letter (A) or a number (26).\n\n\
    Example:\n  cutover ctl -e localhost:7002 create acme --at eu-1\n  cutover ctl -e localhost:7002 begin acme --to us-1"
)]
pub struct Args {
    #[command(flatten)]
    connect: Connect,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Show the status that each node reports
    Status,
    /// List and change the members
    #[command(subcommand)]
    Members(members::What),
    /// List and change the stores that the log knows
    #[command(subcommand)]
    Stores(stores::What),
    /// Transfer the leadership
    Transfer {
        /// The new leader; by default the voter whose log is most complete
        #[arg(long, value_name = "NODE")]
        to: Option<u8>,
    },
    /// List all partitions
    List,
    /// Show one partition: its placement, and the rest of its record in the log
    Get {
        /// Name or number (p7) of the partition
        partition: Named,
    },
    /// Show who forced, deleted, released or wrote off what, and what rests on a person's report
    Audit,
    /// Print changes until interrupted
    Watch,
    /// Read and write rows of a partition
    #[command(subcommand)]
    Rows(rows::What),
    /// Move a partition to another store, and say how far it is until it has arrived
    Migrate(migrate::Migrate),
    /// Let a move go on that was told to catch up and wait: writes are blocked from now on, until it has arrived
    Cutover(migrate::Cutover),
    /// Show what moves, how far it is, who is waited for, and what to type
    Moves,
    /// Hold all moves back: copies go on, and no write is blocked for them
    Pause,
    /// Let moves go on
    Resume,
    #[command(flatten)]
    Move(moves::What),
}

/// A partition on the command line: its name, or `p` and its number.
#[derive(Clone, Debug)]
struct Named(PartitionSelector);

impl core::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('p').and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            return Ok(Self(PartitionSelector::Id(PartitionId(number))));
        }
        let name: PartitionName = text.parse().map_err(|error| format!("{error}"))?;
        Ok(Self(PartitionSelector::Name(name)))
    }
}

/// A store on the command line: its name, or its number as `A` to `Z`, `P26` or `26`.
#[derive(Clone, Debug)]
pub(super) enum At {
    Number(Placement),
    Name(StoreName),
}

impl core::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = numbered(text) {
            return Ok(Self::Number(number));
        }
        text.parse().map(Self::Name).map_err(|error| format!("{error}; a number is A to Z, P26 or 26"))
    }
}

impl At {
    /// The store, which the log is asked for.
    pub(super) async fn store(&self, client: &Client) -> Result<v1::Store, Failed> {
        match self {
            Self::Number(number) => stores::at(client, *number).await,
            Self::Name(name) => stores::find(client, name).await,
        }
    }

    /// The number of the store, which the log is asked for if this is a name.
    async fn placement(&self, client: &Client) -> Result<Placement, Failed> {
        match self {
            Self::Number(number) => Ok(*number),
            Self::Name(name) => Ok(stores::named(client, name).await?.0),
        }
    }
}

/// The number of a store: `A` to `Z`, `P26`, or `26`.
fn numbered(text: &str) -> Result<Placement, String> {
    let number = match text.as_bytes() {
        [letter @ b'A'..=b'Z'] => Some(u64::from(letter - b'A')),
        _ => text.strip_prefix('P').unwrap_or(text).parse().ok(),
    };
    number.map(Placement).ok_or_else(|| "expected A to Z, or a number".to_owned())
}

pub(super) fn run(args: Args) -> Result<(), Failed> {
    let client = args.connect.client()?;
    let out = Out::new(args.format);
    block_on(async {
        match args.what {
            What::Status => members::status(&client, &out).await,
            What::Members(what) => members::run(&client, &out, what).await,
            What::Stores(what) => stores::run(&client, &out, what).await,
            What::Transfer { to } => members::transfer(&client, &out, to).await,
            What::List => partitions::list(&client, &out).await,
            What::Get { partition } => partitions::get(&client, &out, partition.0).await,
            What::Audit => audit::audit(&client, &out).await,
            What::Watch => partitions::watch(&client, &out).await,
            What::Rows(what) => rows::run(&args.connect, &out, what).await,
            What::Migrate(what) => migrate::run(&client, &out, what).await,
            What::Cutover(what) => migrate::cutover(&client, &out, what).await,
            What::Moves => follow::list(&client, &out).await,
            What::Pause => migrate::pause(&client, &out, true).await,
            What::Resume => migrate::pause(&client, &out, false).await,
            What::Move(what) => moves::run(&client, &out, what).await,
        }
    })
}
