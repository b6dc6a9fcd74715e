//! Scopes `walk`: worlds that are walked at random, since they are too large to be searched.

use crate::env::system::SystemBounds;
use crate::protocol::Scope;

pub(super) fn system() -> Vec<Scope<SystemBounds>> {
    vec![
        Scope::new(
            "walk/system",
            "everything at once: tables, stores, gateways, controllers, operators, and what goes wrong",
            SystemBounds::drawn(0),
        )
        .walked(),
    ]
}
