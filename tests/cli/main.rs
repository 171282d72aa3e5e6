//! The program as its users meet it: exit codes, streams, bad input, endings, questions and answers. Each case is a
//! process, in several settings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod approvals;
mod codes;
mod endings;
mod entrypoint;
mod input;
mod limits;
mod notices;
mod outside;
mod page;
mod policies;
mod shell;
mod shipped;
mod state;
mod streams;
mod tally;
mod verbs;
mod watch;
mod writes;
