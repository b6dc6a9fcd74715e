//! The gateway library over sockets: a control plane, two stores, and lines to them that lose what they are told to lose.

#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by stopping")]
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "sockets and clocks are what it is about"
)]

#[path = "gateway/away.rs"]
mod away;
#[path = "gateway/calls.rs"]
mod calls;
#[path = "gateway/line.rs"]
mod line;
#[path = "gateway/moving.rs"]
mod moving;
#[path = "gateway/plane.rs"]
mod plane;
#[path = "gateway/site.rs"]
mod site;
