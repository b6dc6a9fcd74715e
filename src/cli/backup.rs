//! `backup`: save everything that is committed into a file.

use super::connect::{Connect, block_on, failed};
use super::{Failed, exit};
use std::path::PathBuf;

/// The options of `backup`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cutover backup -e localhost:7002 --to cluster.backup")]
pub struct Args {
    #[command(flatten)]
    connect: Connect,
    /// The file to write; it must not exist yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Writes the backup to a `.part` file and renames it, so that the target is either complete or absent.
pub(super) fn run(args: &Args) -> Result<(), Failed> {
    use std::io::Write as _;
    let client = args.connect.client()?;
    let path = args.to.display();
    let wrong = |error: std::io::Error| Failed::new(exit::DATA, format!("{path}: {error}"));
    if args.to.exists() {
        return Err(Failed::new(exit::DATA, format!("{path}: the file exists, expected a new path")));
    }
    let bytes = block_on(async { client.backup().await.map_err(|error| failed(&error)) })?;
    let backup = crate::node::store::backup::decode(&bytes)
        .map_err(|error| Failed::new(exit::INTERNAL, format!("the backup that the node sent: {error}")))?;
    let part = args.to.with_extension("part");
    let mut file = std::fs::File::create(&part).map_err(wrong)?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(wrong)?;
    std::fs::rename(&part, &args.to).map_err(wrong)?;
    println!(
        "saved history {} through index {} in {path}, {} bytes",
        backup.snapshot.history,
        backup.snapshot.last.index,
        bytes.len()
    );
    Ok(())
}
