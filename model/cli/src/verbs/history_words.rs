//! What is said alike of both kinds of histories.

use crate::{exit, refuse};
use cutover::core::invariant::history::Role;

/// Refuses a history without an answer.
pub(super) fn nothing(name: &str, found: usize) -> u8 {
    let what =
        format!("{name}: nothing to judge: found {found} operations and no answer, expected one at least");
    refuse(&what, exit::NOTHING)
}

/// The word for a role in the lines for machines.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Placed => "placed",
        Role::Stuck => "stuck",
        Role::Open => "open",
    }
}
