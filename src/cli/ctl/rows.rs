//! Rows of a partition, through the library of gateways: to try a store, or to look something up.

use super::Named;
use super::print::Out;
use crate::cli::connect::{Connect, failed};
use crate::cli::{Failed, exit};
use crate::client::gateway::{Gateway, GatewayError, GatewayOptions};
use crate::core::fence::{Key, Value};
use serde_json::json;

#[derive(Debug, clap::Subcommand)]
#[command(
    after_help = "The caller needs the role gateway, at the nodes and at the stores. Programs use the library, or the service \
    `Sink` (docs/gateways.md).\n\nExample:\n  cutover ctl rows put acme user:7 ann\n  cutover ctl rows get acme user:7"
)]
pub(super) enum What {
    /// Set a row
    Put {
        /// Name or number of the partition
        partition: Named,
        /// Key of the row, at most 512 bytes
        key: String,
        /// Value of the row, at most 256 KiB
        value: String,
    },
    /// Read a row
    Get {
        /// Name or number of the partition
        partition: Named,
        /// Key of the row
        key: String,
    },
    /// Delete a row
    Delete {
        /// Name or number of the partition
        partition: Named,
        /// Key of the row
        key: String,
    },
}

fn not(error: &GatewayError) -> Failed {
    let code = match error {
        GatewayError::Unknown { .. } => exit::INDETERMINATE,
        GatewayError::Invalid(_) => exit::USAGE,
        GatewayError::Busy { .. } | GatewayError::NotDone { .. } => exit::UNAVAILABLE,
    };
    Failed::new(code, error)
}

fn bytes<'t, T: TryFrom<&'t [u8]>>(text: &'t str) -> Result<T, Failed>
where
    T::Error: core::fmt::Display,
{
    T::try_from(text.as_bytes()).map_err(|error| Failed::new(exit::USAGE, error))
}

pub(super) async fn run(connect: &Connect, out: &Out, what: What) -> Result<(), Failed> {
    let options = GatewayOptions { deadline: connect.deadline(), ..GatewayOptions::default() };
    let gateway = Gateway::new(connect.client()?, connect.dialer()?, options);
    let (What::Put { partition, key, .. } | What::Get { partition, key } | What::Delete { partition, key }) =
        &what;
    let of = gateway.partition(partition.0.clone()).await.map_err(|error| failed(&error))?;
    let key: Key = bytes(key)?;
    let (value, position) = match &what {
        What::Put { value, .. } => {
            let value: Value = bytes(value)?;
            let position = gateway.put(of, key.clone(), value.clone()).await.map_err(|error| not(&error))?;
            (Some(value), Some(position))
        }
        What::Delete { .. } => {
            let position = gateway.delete(of, key.clone()).await.map_err(|error| not(&error))?;
            (None, Some(position))
        }
        What::Get { .. } => (gateway.get(of, key.clone()).await.map_err(|error| not(&error))?, None),
    };
    let shown = value.as_ref().map(ToString::to_string);
    out.result(
        || match (&shown, position) {
            (Some(value), None) => value.clone(),
            (None, None) => format!("there is no row {key}"),
            (Some(value), Some(position)) => format!("{key} = {value} at {position}"),
            (None, Some(position)) => format!("{key} is deleted at {position}"),
        },
        || {
            json!({ "type": "row", "partition": of.0, "key": key.to_string(), "value": shown,
                    "position": position.map(|position| position.0) })
        },
    );
    Ok(())
}
