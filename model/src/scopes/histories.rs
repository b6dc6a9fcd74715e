//! Scopes `histories`: a cluster that is restored and recovered under its clients.

use crate::env::histories::{self as env, HistoriesBounds};
use crate::protocol::Scope;

/// One client that moves the partition, and asks once.
const MOVES: HistoriesBounds = HistoriesBounds {
    clients: 1,
    moves: true,
    controllers: true,
    sessions: 1,
    attempts: 1,
    backups: 1,
    breaks: false,
    losses: 1,
};

pub(super) fn all() -> Vec<Scope<HistoriesBounds>> {
    vec![
        Scope::new(
            "histories",
            "restores and recoveries under a watcher and open sessions",
            HistoriesBounds {
                moves: false,
                controllers: false,
                sessions: 2,
                attempts: 2,
                breaks: true,
                losses: 2,
                ..MOVES
            },
        )
        .reaching([
            env::REFUSED,
            env::TOLD,
            env::WHOLE,
            env::FOLLOWED,
            env::TWICE,
            env::RECOVERED,
            env::REPEATED,
            env::WENT_ON,
        ]),
        Scope::new(
            "histories/moves",
            "a restore or a recovery while a migration is in flight, under the watcher that controllers read",
            MOVES,
        )
        .reaching([
            env::REFUSED,
            env::RECOVERED,
            env::HELD_AFTER_LOSS,
            env::LOST,
            env::SEEN_HELD,
            env::RELEASED,
            env::RESUMED,
        ]),
        Scope::new(
            "histories/held",
            "a second restore or recovery while a migration is held, or released, after the first",
            HistoriesBounds { controllers: false, losses: 2, ..MOVES },
        )
        .reaching([env::TWICE, env::RECOVERED, env::HELD_AFTER_LOSS, env::SEEN_HELD, env::RELEASED]),
        Scope::new(
            "nightly/histories-moves",
            "two losses while a migration is in flight, and a client that asks again in a session of the next history",
            HistoriesBounds { losses: 2, ..MOVES },
        )
        .reaching([env::TWICE, env::HELD_AFTER_LOSS, env::LOST, env::SEEN_HELD, env::RELEASED, env::RESUMED])
        .nightly(),
    ]
}
