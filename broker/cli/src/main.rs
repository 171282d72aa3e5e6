//! The program `tollgate`: reads the command line, calls a verb, says what failed, leaves with a code.
#![cfg_attr(not(test), no_main)]

mod args;
mod exit;
mod failure;
mod layers;
mod place;
mod shipped;
mod time;
mod trust;
mod ui;
mod verb;
mod whole;

use std::ffi::OsString;

use clap::Parser as _;

use crate::args::{Cli, Verb};
use crate::exit::Exit;
use crate::failure::Outcome;

#[global_allocator]
static HEAP: tollgate_sys::heap::Heap = tollgate_sys::heap::Heap::new();

#[cfg(not(test))]
tollgate_sys::entry!(begin);
#[cfg(test)]
const _: fn() -> u8 = begin; // tests have an entry of their own

fn begin() -> u8 {
    start().code()
}

fn start() -> Exit {
    if let Some(order) = verb::outside::ordered() {
        return verb::outside::outside(order).unwrap_or_else(|failure| ui::failed(&failure));
    }
    if verb::notice::ordered() {
        return verb::notice::send().unwrap_or_else(|failure| ui::failed(&failure));
    }
    let cli = match read() {
        Ok(cli) => cli,
        Err(fault) => return misread(&fault),
    };
    obey(cli.verb).unwrap_or_else(|failure| ui::failed(&failure))
}

/// Reads the command line. Nearly every start is a run, and the descriptions of all other verbs cost more than a run's: so
/// a run is first read by itself. What that can't read is read again with everything, for its help and its faults.
fn read() -> Result<Cli, clap::Error> {
    let given: Vec<OsString> = std::env::args_os().collect();
    if verb::shell::called(&given) {
        return Ok(Cli { verb: Verb::Shell(args::Spoken { words: given }) });
    }
    let is_run = given.get(1).is_some_and(|verb| verb == "run");
    let run = is_run.then(|| args::Run::alone(given.get(1..)?).ok()).flatten();
    if let Some(run) = run {
        return Ok(Cli { verb: Verb::Run(run) });
    }
    let is_hook = given.get(1).is_some_and(|verb| verb == "hook");
    let hook = is_hook.then(|| args::Hook::alone(given.iter().skip(1)).ok()).flatten();
    if let Some(hook) = hook {
        return Ok(Cli { verb: Verb::Hook(hook) });
    }
    let is_shell = given.get(1).is_some_and(|verb| verb == "shell");
    if is_shell && given.get(2).is_none_or(|word| word != "--help") {
        // its words are another program's, and not for us to find fault with
        return Ok(Cli { verb: Verb::Shell(args::Spoken { words: given }) });
    }
    Cli::try_parse_from(given)
}

fn obey(verb: Verb) -> Outcome {
    match verb {
        Verb::Run(args) => verb::run::run(args),
        Verb::Shell(args) => verb::shell::shell(&args.words),
        Verb::Entrypoint(args) => verb::entrypoint::entrypoint(args),
        Verb::Hook(args) => verb::hook::hook(&args),
        Verb::Init(args) => verb::init::init(&args),
        Verb::Doctor(json) => verb::doctor::doctor(json),
        Verb::Approvals(args) => verb::approvals::approvals(args.verb),
        Verb::Policy(args) => verb::policy::policy(args.verb),
        Verb::Ledger(args) => verb::ledger::ledger(args.verb),
        Verb::Watch => verb::watch::watch(),
        Verb::Web(args) => verb::web::web(&args),
        Verb::Evidence(args) => verb::evidence::evidence(&args),
        Verb::Report(args) => verb::report::report(&args),
        Verb::Request(args) => verb::request::request(args),
        Verb::Reviewer(args) => verb::reviewer::reviewer(args.verb),
        Verb::Completions { shell } => verb::pages::completions(shell),
        Verb::Man { dir } => verb::pages::man(dir.as_deref()),
    }
}

/// Help and version go to stdout; a command line that makes no sense to stderr. For `run` that is a refusal, since
/// any other code could be the command's.
fn misread(fault: &clap::Error) -> Exit {
    if fault.print().is_err() {
        return Exit::Failed;
    }
    let runs = std::env::args_os().nth(1).is_some_and(|verb| verb == "run" || verb == "entrypoint");
    match (fault.use_stderr(), runs) {
        (false, _) => Exit::Done,
        (true, true) => Exit::Refused,
        (true, false) => Exit::Usage,
    }
}
