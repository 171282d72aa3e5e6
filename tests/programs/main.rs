//! Programs that people use, inside a run: builds, tests, commits, editors and pagers on a terminal, job control.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod browsers;
mod downloads;
mod examples;
mod outside;
mod systems;
mod terminals;
mod tools;
