//! `conform`: runs the suite of stores against one.

use super::connect::block_on;
use super::{Failed, Format, exit};
use crate::conform::{Checked, Link, Restart, Verdict, checks, conform};
use crate::core::control_plane::{Address, StoreIdentity};
use crate::node::tls::{Expected, Security, Tls, TlsFiles, channel};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// The options of `conform`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The store must not be in use: the checks make partitions of their own. The certificate needs the roles gateway, node and store \
    there. The command of --restart ends the store as a power failure would, starts it again, and returns when it serves.\n\n\
    Example:\n  cutover conform localhost:7401\n  cutover conform localhost:7401 --restart 'systemctl kill -s KILL store; systemctl start store'"
)]
pub struct Args {
    /// Address of the store
    address: Address,
    /// Command that kills the store and starts it again; without it, nothing is known of what survives
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// Leave out this check; may be given several times
    #[arg(long, value_name = "CHECK", value_parser = clap::builder::PossibleValuesParser::new(checks()))]
    without: Vec<String>,
    /// Certificate of the authority that signed the store's certificate; without it, the connection is plain text
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key", "identity"], env = "CUTOVER_CA")]
    ca: Option<PathBuf>,
    /// The caller's certificate
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_CERT")]
    cert: Option<PathBuf>,
    /// The private key of that certificate
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_KEY")]
    key: Option<PathBuf>,
    /// Certificates that the authority has revoked, in PEM
    #[arg(long, value_name = "FILE", requires = "ca", env = "CUTOVER_CRL")]
    crl: Option<PathBuf>,
    /// Who the store is: the subject of its certificate, and its store id if it has one
    #[arg(long, value_name = "TEXT", requires = "ca")]
    identity: Option<StoreIdentity>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Args {
    fn security(&self) -> Result<(Security, Expected), Failed> {
        let (Some(ca), Some(cert), Some(key), Some(named)) =
            (&self.ca, &self.cert, &self.key, self.identity.clone())
        else {
            return Ok((Security::Plain, Arc::new(|_| Ok(()))));
        };
        let (ca, cert, key, crl) = (ca.clone(), cert.clone(), key.clone(), self.crl.clone());
        let tls =
            Tls::load(TlsFiles { ca, cert, key, crl }).map_err(|error| Failed::new(exit::DATA, error))?;
        let expected: Expected = Arc::new(move |found| {
            if named.is_of(found) {
                return Ok(());
            }
            Err(format!("the certificate there is of {found}, expected that of {named}"))
        });
        Ok((Security::Mutual(Arc::new(tls)), expected))
    }
}

/// Runs a command in a shell.
fn restarts(command: String) -> Restart {
    Box::new(move || {
        let command = command.clone();
        Box::pin(async move {
            let ran = tokio::task::spawn_blocking(move || {
                std::process::Command::new("sh")
                    .args(["-c", &command])
                    .stdin(std::process::Stdio::null())
                    .status()
            });
            match ran.await {
                Ok(Ok(status)) if status.success() => Ok(()),
                Ok(Ok(status)) => Err(format!("the command of --restart ended with {status}")),
                Ok(Err(error)) => Err(format!("the command of --restart: {error}")),
                Err(error) => Err(error.to_string()),
            }
        })
    })
}

fn told(format: Format, checked: &Checked) {
    let Checked { check, claim, verdict } = checked;
    let (word, why) = match verdict {
        Verdict::Holds => ("HOLDS", None),
        Verdict::Broken(why) => ("BROKEN", Some(why)),
        Verdict::Unknown(why) => ("UNKNOWN", Some(why)),
        Verdict::NotOffered(why) => ("NOT_OFFERED", Some(why)),
    };
    if format == Format::Json {
        println!(
            "{}",
            json!({ "type": "conform", "check": check, "claim": claim, "verdict": word, "why": why })
        );
        return;
    }
    println!("{word:>11}  {check}: {claim}");
    if let Some(why) = why {
        println!("             {why}");
    }
}

pub(super) fn run(args: &Args) -> Result<(), Failed> {
    let (security, expected) = args.security()?;
    let restart = args.restart.clone().map(restarts);
    block_on(async {
        let at = &args.address;
        let unreachable = |error: String| Failed::new(exit::UNAVAILABLE, format!("{at}: {error}"));
        let channel =
            channel(at, &security, &expected).await.map_err(|error| unreachable(error.to_string()))?;
        let link = Link::new(channel).await.map_err(unreachable)?;
        let said = link.described();
        if args.format != Format::Json {
            let tokens = if said.enforces { "checks tokens" } else { "checks no tokens" };
            println!("      store  {}, {}, number {}, {tokens}", said.identity, said.kind, said.store);
        }
        let all = conform(link, restart, &args.without, |checked| told(args.format, checked)).await;
        let of = |is: fn(&Verdict) -> bool| all.iter().filter(|checked| is(&checked.verdict)).count();
        let broken = of(|verdict| matches!(verdict, Verdict::Broken(_)));
        let unknown = of(|verdict| matches!(verdict, Verdict::Unknown(_)));
        let holds = of(|verdict| matches!(verdict, Verdict::Holds));
        if broken > 0 {
            return Err(Failed::new(exit::REFUSED, format!("{broken} of {} demands are broken", all.len())));
        }
        if unknown > 0 {
            return Err(Failed::new(
                exit::INDETERMINATE,
                format!("of {unknown} of {} demands nothing is known", all.len()),
            ));
        }
        if args.format != Format::Json {
            let (offered, left_out) = (all.len() - holds, checks().count() - all.len());
            println!(
                "       done  {holds} demands hold, {offered} are not offered, {left_out} were left out"
            );
        }
        Ok(())
    })
}
