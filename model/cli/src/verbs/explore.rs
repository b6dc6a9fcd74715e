//! The verb `explore`.

use crate::{exit, refuse};
use cutover_model::catalog::Protocols;
use std::net::{SocketAddr, TcpListener};

/// Browse a scope's states and actions (stateright's Explorer)
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the scope
    #[arg(long, value_name = "SCOPE", default_value = "migration/moves")]
    scope: String,
    /// Address to serve at; the default can be reached from this machine only
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
}

/// Runs the verb.
pub fn run<P: Protocols>(args: &Args) -> u8 {
    let scopes = P::scopes();
    let Some(scope) = scopes.iter().find(|scope| scope.name() == args.scope) else {
        let names: Vec<_> = scopes.iter().map(|scope| scope.name()).collect();
        let (found, expected) = (&args.scope, names.join(", "));
        return refuse(&format!("scope {found:?} does not exist, expected one of {expected}"), exit::USAGE);
    };
    // Checked here because the Explorer panics if the address is in use.
    if let Err(error) = TcpListener::bind(args.listen) {
        return refuse(&format!("{}: cannot listen there: {error}", args.listen), exit::USAGE);
    }
    println!("http://{} shows {}; Ctrl-C ends it", args.listen, scope.name());
    scope.serve(args.listen);
    exit::HOLDS
}
