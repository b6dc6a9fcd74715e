//! `ctl`: administer a cluster, and move partitions through their phases.

mod members;
mod moves;
mod partitions;
mod print;

use super::connect::{Connect, block_on};
use super::{Failed, Format};
use crate::core::control_plane::PartitionName;
use crate::core::ids::{PartitionId, Placement};
use crate::node::proto::Asked;
use print::Out;

/// The options of `ctl`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A partition is a name (acme) or a number (p7); a placement is a letter (A) or a number (26).\n\n\
    Example:\n  cutover ctl -e localhost:7002 create acme --at A\n  cutover ctl -e localhost:7002 begin acme --to B"
)]
pub struct Args {
    #[command(flatten)]
    connect: Connect,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// What each node knows of itself
    Status,
    /// Who takes part, and who shall
    #[command(subcommand)]
    Members(members::What),
    /// Hand the leadership over
    Transfer {
        /// To this node; by default to the voter that has most of the log
        #[arg(long, value_name = "NODE")]
        to: Option<u8>,
    },
    /// All partitions
    List,
    /// One partition: where it lives, and everything that the log holds of it
    Get {
        /// Which
        partition: Named,
    },
    /// Follow changes until interrupted
    Watch,
    #[command(flatten)]
    Move(moves::What),
}

/// A partition on the command line.
#[derive(Clone, Debug)]
struct Named(Asked);

impl core::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('p').and_then(|digits| digits.parse().ok());
        if let Some(number) = number {
            return Ok(Self(Asked::Id(PartitionId(number))));
        }
        let name: PartitionName = text.parse().map_err(|error| format!("{error}"))?;
        Ok(Self(Asked::Name(name)))
    }
}

/// A placement on the command line.
#[derive(Clone, Copy, Debug)]
struct At(Placement);

impl core::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = match text.as_bytes() {
            [letter @ b'A'..=b'Z'] => Some(u16::from(letter - b'A')),
            _ => text.strip_prefix('P').unwrap_or(text).parse().ok(),
        };
        number
            .map(|number| Self(Placement(number)))
            .ok_or_else(|| "expected A to Z, or a number to 65535".to_owned())
    }
}

pub(super) fn run(args: Args) -> Result<(), Failed> {
    let client = args.connect.client()?;
    let out = Out::new(args.format);
    block_on(async {
        match args.what {
            What::Status => members::status(&client, &out).await,
            What::Members(what) => members::run(&client, &out, what).await,
            What::Transfer { to } => members::transfer(&client, &out, to).await,
            What::List => partitions::list(&client, &out).await,
            What::Get { partition } => partitions::get(&client, &out, partition.0).await,
            What::Watch => partitions::watch(&client, &out).await,
            What::Move(what) => moves::run(&client, &out, what).await,
        }
    })
}
