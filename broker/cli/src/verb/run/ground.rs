//! What a run is made of besides policy: its id, its command, its environment; and that its boundary keeps out of
//! Tollgate's own state.

use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use tollgate_launch::{Command, environment, find};
use tollgate_ledger::Redactor;
use tollgate_policy::boundary::{Boundary, Rights, Root};
use tollgate_policy::path::AbsPath;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::{Ground, shown};
use crate::verb::shell::Call;

/// Shells: a script of theirs that is run for itself is an agent of its own.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "zsh", "ksh", "mksh", "fish", "ash"];

/// Parts of the names of variables whose values are secrets.
const SECRET: [&str; 6] = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "_KEY", "CREDENTIAL"];

/// Where the run's private temp directory is made.
pub(crate) fn temp() -> PathBuf {
    let named = std::env::var_os("TMPDIR").map(PathBuf::from).filter(|dir| dir.is_absolute() && dir.is_dir());
    named.unwrap_or_else(|| "/tmp".into())
}

/// A name for the run: 40 random bits in eight letters and digits that are not mistaken for one another.
pub(crate) fn fresh_id() -> Result<String, Failure> {
    const LETTERS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k', 'm', 'n',
        'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
    ];
    let random =
        tollgate_sys::random::number().map_err(|e| Failure::new(Exit::Internal, "no random numbers").because(&e))?;
    let letter = |at: u32| LETTERS.get(usize::try_from((random >> (5 * at)) & 31).unwrap_or(0)).copied();
    Ok((0..8).filter_map(letter).collect())
}

/// Lets this very program be run inside, wherever it is installed: it can raise a question there (`tollgate request`), and
/// is what it would start otherwise.
pub(crate) fn reach_itself(boundary: &mut Boundary) {
    let Some(own) = std::env::current_exe().ok().and_then(|own| AbsPath::new(own).ok()) else { return };
    if !boundary.roots.iter().any(|root| root.rights.execute && own.is_within(&root.path)) {
        boundary.roots.push(Root { path: own, rights: Rights { read: true, execute: true, ..Rights::default() } });
    }
}

/// The command, found as `execvp(3)` would, with the environment that policy lets pass.
pub(crate) fn command(
    (argv, call): (&[OsString], Option<&Call>),
    boundary: &Boundary,
    ground: &Ground,
) -> Result<Command, Failure> {
    let name = argv.first().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Failure::new(Exit::Refused, "the command has no name"))?;
    let cwd = ground.cwd.as_path();
    let path = std::env::var_os("PATH");
    let program = match call {
        Some(call) => call.program().to_owned(),
        None => find(name, path.as_deref(), cwd).map_err(|e| not_found(name, &e))?,
    };
    let mut env = environment(&boundary.environment, std::env::vars_os());
    // A shell takes PWD for where it is; ours may be another folder.
    for (_, value) in env.iter_mut().filter(|(name, _)| name == "PWD") {
        cwd.as_os_str().clone_into(value);
    }
    if let Some(call) = call {
        call.adjust(&mut env, boundary);
    }
    Ok(Command { program, argv: argv.to_vec(), cwd: cwd.to_owned(), stands: None, env })
}

fn not_found(name: &OsStr, error: &dyn std::error::Error) -> Failure {
    let failure = Failure::new(Exit::Refused, format!("command {} can't be run", shown(Path::new(name))));
    let failure = match error.source() {
        Some(cause) => failure.because(cause),
        None => failure,
    };
    if name.as_bytes().contains(&b'/') { failure } else { failure.hint("it is looked for in the folders of PATH") }
}

/// The file by which the gates of all runs on this state take turns.
pub(crate) fn turns(ground: &Ground) -> PathBuf {
    ground.state.as_path().join("turns.lock")
}

/// Refuses a boundary that reaches the state folder or the sockets: who could write there would rewrite the ledger,
/// who could read there would answer its own questions.
pub(crate) fn keep_state_out(boundary: &Boundary, ground: &Ground, sockets: &Path) -> Result<(), Failure> {
    let sockets = AbsPath::new(sockets).map_err(|e| Failure::of(Exit::Internal, &e))?;
    let open = boundary.roots.iter().find(|root| {
        [&ground.state, &sockets].into_iter().any(|ours| ours.is_within(&root.path) || root.path.is_within(ours))
    });
    match open {
        None => Ok(()),
        Some(root) => Err(Failure::new(
            Exit::Refused,
            format!("the boundary would reach Tollgate's own state: {} is open", shown(root.path.as_path())),
        )
        .hint("grant a narrower folder, or set TOLLGATE_STATE_DIR to a folder outside of it")),
    }
}

/// Values that must not get into the ledger: those of variables that are named like secrets, passed on or not.
pub(crate) fn redactor(passed: &[(OsString, OsString)]) -> Redactor {
    let named = |name: &str| SECRET.iter().any(|part| name.to_ascii_uppercase().contains(part));
    let all = std::env::vars_os().chain(passed.iter().cloned());
    let text = all.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Redactor::new().with_values(text.filter(|(name, value)| named(name) && value.len() >= 8))
}

/// Every name that a program goes by: as found, and where its links lead.
pub(crate) fn names(program: &Path) -> Vec<AbsPath> {
    let real = program.canonicalize().ok();
    [Some(program.to_owned()), real].into_iter().flatten().filter_map(|path| AbsPath::new(path).ok()).collect()
}

/// The last part of a program's name.
pub(crate) fn stem(program: &Path) -> String {
    program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether the command is a shell that goes through a script, or waits for commands: then what it starts are the
/// actions. `sh -c TEXT` is one action, as a harness gives it.
pub(crate) fn is_script(command: &Command) -> bool {
    let is_shell = |path: &Path| SHELLS.contains(&stem(path).trim_start_matches('-'));
    if let Some(interpreter) = interpreter(&command.program) {
        return is_shell(&interpreter);
    }
    let text = command.argv.iter().skip(1).map(|word| word.as_bytes()).take_while(|word| word.starts_with(b"-"));
    let mut options = text.take_while(|word| *word != b"--");
    is_shell(&command.program) && !options.any(|word| !word.starts_with(b"--") && word.contains(&b'c'))
}

/// The interpreter that a script's first line names; for `env`, the program that it would start.
pub(crate) fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    std::fs::File::open(program).ok()?.take(256).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = PathBuf::from(OsStr::from_bytes(words.next()?));
    let through = (first.file_name() == Some(OsStr::new("env"))).then(|| words.find(|word| !word.starts_with(b"-")));
    Some(through.flatten().map_or(first, |word| PathBuf::from(OsStr::from_bytes(word))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn ids_are_names_of_runs() {
        let ids: std::collections::BTreeSet<String> = (0..100).map(|_| fresh_id().unwrap()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.len() == 8 && tollgate_wire::socket::is_run(id)), "{ids:?}");
    }

    #[test]
    fn shells_with_a_script_are_agents() {
        let dir = tempfile::tempdir().unwrap();
        let script = |text: &str| {
            let path = dir.path().join("script");
            std::fs::write(&path, text).unwrap();
            path
        };
        let table: &[(&str, &[&str], bool)] = &[
            ("/bin/bash", &["bash"], true),
            ("/bin/bash", &["bash", "build.sh"], true),
            ("/bin/bash", &["bash", "-x", "build.sh", "-c"], true),
            ("/bin/bash", &["bash", "--", "-c"], true),
            ("/bin/bash", &["bash", "--norc"], true),
            ("/bin/bash", &["bash", "-c", "make"], false),
            ("/bin/bash", &["bash", "-lc", "make"], false),
            ("/bin/sh", &["sh", "-ec", "make"], false),
            ("/usr/bin/make", &["make"], false),
        ];
        for (program, argv, expected) in table {
            let argv = argv.iter().map(OsString::from).collect();
            let command = Command { program: program.into(), argv, cwd: "/".into(), stands: None, env: Vec::new() };
            assert_eq!(is_script(&command), *expected, "{command:?}");
        }
        for (text, expected) in [
            ("#!/bin/sh\nmake", true),
            ("#! /usr/bin/env bash\nmake", true),
            ("#!/usr/bin/env -S zsh -f\nmake", true),
            ("#!/usr/bin/env node\n1", false),
            ("#!/usr/bin/python3\n1", false),
            ("\x7fELF", false),
        ] {
            let command = Command {
                program: script(text),
                argv: vec!["x".into()],
                cwd: "/".into(),
                stands: None,
                env: Vec::new(),
            };
            assert_eq!(is_script(&command), expected, "{text}");
        }
    }
}
