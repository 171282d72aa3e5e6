//! Real clients, whole inside the boundary of their profile, against a stand-in for their model on loopback outside: what they
//! may do works, what they may not is refused in words that reach the model, what is asked is answered elsewhere. They
//! are fetched from npm, once, into the target folder; where that can't be, a case says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod fetch;
mod hooked;
mod kinds;
mod play;
mod screen;
mod whole;
