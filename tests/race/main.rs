//! The exec gate against those who change what it looked at, and against every odd way to run a program. A refused
//! program never runs; each case is shown to be real by playing it without the gate first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod late;
mod odd;
mod runs;
mod swap;
mod together;
