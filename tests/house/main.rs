//! The laws of the house, as tests: which room may know which, how big things get, which words and habits stay out,
//! that every rule carries its proof. Each check is a function from text to faults, and has a planted fault to find.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on says so by failing"
)]

mod arrows;
mod filter;
mod habits;
mod licences;
mod papers;
mod profiles;
mod sizes;
mod tree;

/// What a check found; empty is good.
type Faults = Vec<String>;

/// Fails with all faults at once, a line each.
#[track_caller]
fn hold(law: &str, faults: &Faults) {
    assert!(faults.is_empty(), "{law}:\n  {}\n", faults.join("\n  "));
}

/// Fails if the checker let a planted fault through, or found something else.
#[track_caller]
fn finds(faults: &Faults, words: &str) {
    assert!(faults.len() == 1 && faults.iter().all(|f| f.contains(words)), "planted `{words}`, found {faults:?}");
}
