//! Shell text against bash itself: what bash rejects is opaque, and each program that bash starts was read in the text, with the
//! words that it got, or the text was called opaque. The programs are scripts that only write down how they were called.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "the judge starts nothing, its tests do"
)]

mod common;
mod script;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{abs, shipped};
use script::{Dice, long, script, was_read};
use tollgate_policy::shell::{From, Reading};

const BASH: &str = "/bin/bash";

/// A folder with the programs, and where they write.
struct Ground {
    folder: PathBuf,
}

impl Ground {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("tollgate-text-{}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("bin")).unwrap();
        for program in ["p1", "p2", "p3", "p4"] {
            let path = folder.join("bin").join(program);
            // one write: those of a pipeline run at the same time
            let text = format!(
                "#!{BASH}\nprintf -v words '\\x1f%s' \"$@\"\nprintf '%s%s\\x1e' \"${{0##*/}}\" \"$words\" >> {}/log\n",
                folder.display()
            );
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        for program in ["env", "nice", "timeout", "nohup", "xargs", "bash", "sh"] {
            let there =
                ["/usr/bin", "/bin"].map(|bin| Path::new(bin).join(program)).into_iter().find(|path| path.exists());
            symlink(there.unwrap_or_else(|| panic!("{program} is missing")), folder.join("bin").join(program)).unwrap();
        }
        Self { folder }
    }

    /// How the programs were called.
    fn run(&self, text: &str) -> Vec<Vec<String>> {
        let log = self.folder.join("log");
        std::fs::write(&log, "").unwrap();
        // A text may go round for ever. Descriptor 9 is held by all that it starts, whatever that one's own streams are.
        let mut command = Command::new("timeout");
        command
            .args(["-s", "KILL", "20", BASH, "-c", "exec 9>&2 \"$BASH\" -c \"$0\"", text])
            .env_clear()
            .env("PATH", self.folder.join("bin"))
            .env("HOME", "/home/me");
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // To the end of all: what goes on in the background would be written down with the next text.
        command.output().unwrap();
        let written = std::fs::read_to_string(&log).unwrap();
        let calls = written.split('\u{1e}').filter(|call| !call.is_empty());
        calls.map(|call| call.split('\u{1f}').map(str::to_owned).collect()).collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn read(text: &str) -> Reading {
    shipped("programs").read_text(text, &From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) })
}

#[test]
fn each_exec_was_predicted_or_opaque() {
    if !Path::new(BASH).exists() {
        eprintln!("skipped: no {BASH} here");
        return;
    }
    let ground = Ground::new();
    let count = long(250);
    let mut dice = Dice::thrown(20_261_123);
    let (mut calls, mut opaque) = (0, 0);
    for number in 0..count {
        let text = script(&mut dice, 1 + number % 4);
        let reading = read(&text);
        if !reading.opaque.is_empty() {
            opaque += 1;
            continue;
        }
        for call in ground.run(&text) {
            calls += 1;
            assert!(
                was_read(&reading, &call),
                "{call:?} was not read in {text:?}: {:#?}",
                reading.commands.iter().map(|c| &c.words).collect::<Vec<_>>()
            );
        }
    }
    assert!(
        calls * 5 > count * 3 && opaque * 5 < count * 3,
        "{calls} calls of programs, {opaque} opaque: too few to say anything"
    );
}

const PIECES: &[&str] = &[
    "ls",
    "$(",
    ")",
    "`",
    "\"",
    "'",
    "${",
    "}",
    "{",
    "((",
    "))",
    "[[",
    "]]",
    "if ",
    "then ",
    "fi",
    "for i in a",
    "do ",
    "done",
    "case x in ",
    "esac",
    "x)",
    ";;",
    ";",
    "&",
    "&&",
    "||",
    "|",
    "\n",
    " ",
    " ",
    " ",
    "<",
    ">",
    "<<E",
    "\nE\n",
    "<<<",
    "$x",
    "$((1",
    "$'",
    "\\",
    "#",
    "! ",
    "f() ",
    "a=",
    "a=(",
    "(",
    "function f ",
];

#[test]
fn what_bash_rejects_is_opaque() {
    if !Path::new(BASH).exists() {
        eprintln!("skipped: no {BASH} here");
        return;
    }
    let count = long(500);
    let mut dice = Dice::thrown(42);
    let mut rejected = 0;
    for _ in 0..count {
        let text: String = (0..=dice.roll(7)).map(|_| dice.pick(PIECES)).collect();
        let mut command = Command::new(BASH);
        let status = command
            .args(["--norc", "-n", "-c", &text])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        // An unfinished heredoc is a warning for bash.
        if status.status.success() {
            continue;
        }
        rejected += 1;
        assert!(!read(&text).opaque.is_empty(), "bash rejects {text:?}: {}", String::from_utf8_lossy(&status.stderr));
    }
    assert!(rejected * 5 > count, "{rejected} rejected: too few to say anything");
}
