//! The static boundary on the real kernel: each case is a process of its own and expects an errno, not "some error".
//!
//! A harness of its own (cases must start runs while they have one thread): it lists its cases and runs one by name as
//! test runners ask, and runs all, each in a process, when called without a name. Cases run as root and as an ordinary
//! user where the caller is root, with user namespaces and without.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::exit, clippy::print_stdout, clippy::print_stderr, reason = "a test harness")]

mod cases;
mod contain;
mod ending;
mod scene;
mod screen;

use std::process::{Command, ExitCode};

type Case = (&'static str, fn());

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("contain") => return contain::main(&args[1]),
        Some(_) if args.iter().any(|arg| arg == "--list") => return list(args.iter().any(|arg| arg == "--ignored")),
        _ => {}
    }
    let all: Vec<Case> = [cases::ALL, ending::ALL, screen::ALL].concat();
    let wanted: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let exact = args.iter().any(|arg| arg == "--exact");
    let fits = |name: &str| {
        wanted.is_empty() || wanted.iter().any(|w| if exact { *w == name } else { name.contains(w.as_str()) })
    };
    let chosen: Vec<Case> = all.into_iter().filter(|(name, _)| fits(name)).collect();
    match chosen.as_slice() {
        [(_, case)] => {
            case();
            ExitCode::SUCCESS
        }
        several => each(several),
    }
}

fn list(ignored: bool) -> ExitCode {
    for (name, _) in [cases::ALL, ending::ALL, screen::ALL].concat().iter().filter(|_| !ignored) {
        println!("{name}: test");
    }
    ExitCode::SUCCESS
}

fn each(cases: &[Case]) -> ExitCode {
    let mut failed = 0;
    for (name, _) in cases {
        let done = Command::new(std::env::current_exe().unwrap()).args([name, "--exact"]).output().unwrap();
        let verdict = if done.status.success() { "ok" } else { "FAILED" };
        println!("test {name} ... {verdict}");
        if !done.status.success() {
            failed += 1;
            println!("{}", String::from_utf8_lossy(&done.stderr));
        }
    }
    println!("{} cases, {failed} failed", cases.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
