//! Scopes `histories`: a cluster that is restored and recovered under its clients.

use crate::env::histories::{Histories, HistoriesBounds};
use crate::protocol::{Protocol, Scope};

pub(super) fn all() -> Vec<Scope<HistoriesBounds>> {
    let bounds = HistoriesBounds { clients: 1, sessions: 2, attempts: 2, backups: 1, losses: 2 };
    vec![
        Scope::new("histories", "restores and recoveries under a watcher and open sessions", bounds)
            .reaching(Histories::marks().iter().copied()),
    ]
}
