//! The egress from outside: real sockets, connected as the supervisor would connect those of its callers.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that can't go on has failed"
)]

mod carried;
mod ended;
mod judged;
mod looked_up;
mod support;
mod tls;
