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

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{abs, shipped};
use tollgate_policy::shell::{From, Reading, Value};

const BASH: &str = "/bin/bash";

/// A sequence of numbers that is the same each time (Knuth's MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const WORDS: &[&str] = &[
    "a",
    "'b c'",
    "\"d e\"",
    "$'\\x66'",
    "g\\ h",
    "{i,j}",
    "k{1..3}",
    "\"$x\"",
    "$x",
    "${x:-l}",
    "${x,,}",
    "${x//m/n}",
    "-o",
    "$((1+2))",
    "\"${#x}\"",
    "~",
    "$HOME",
    "$?",
    "$y",
    "\"q$(p4 r)s\"",
    "''",
    "t\"u\"'v'",
    "*.none",
];

const STARTS: &[&str] = &[
    "p1",
    "p2",
    "p3",
    "'p1'",
    "p\\2",
    "\"p3\"",
    "$'p1'",
    "$p",
    "${p}",
    "p{1,2}",
    "command p1",
    "env A=1 p2",
    "nice -n 1 p3",
    "timeout 9 p1",
    "nohup p2",
    "env -i PATH=$PATH p3",
    "bash -c 'p1 w'",
    "sh -c \"p2 $x\"",
    "eval 'p3 z'",
    "exec p1",
    "xargs p2",
    "builtin command p1",
    "X=1 p2",
];

/// A harmless script: programs `p1` to `p4` in all that a shell offers to start them.
fn script(dice: &mut Dice, depth: usize) -> String {
    let word = |dice: &mut Dice| dice.pick(WORDS).to_owned();
    let simple = |dice: &mut Dice| {
        let program = dice.pick(STARTS);
        let words: Vec<String> = (0..dice.roll(3)).map(|_| word(dice)).collect();
        format!("{program} {}", words.join(" "))
    };
    if depth == 0 {
        return simple(dice);
    }
    let [a, b, c] = [0, 1, 2].map(|_| {
        let deeper = dice.roll(depth);
        script(dice, deeper)
    });
    match dice.roll(26) {
        0 => format!("{a}; {b}"),
        1 => format!("{a} && {b}"),
        2 => format!("{a} || {b}"),
        3 => format!("{a} | {b}"),
        4 => format!("({a}; {b})"),
        5 => format!("{{ {a}; {b}; }}"),
        6 => format!("if {a}; then {b}; else {c}; fi"),
        7 => format!("for i in 1 2; do {a}; p1 $i; done"),
        8 => format!("while {a}; do {b}; break; done"),
        9 => format!("case $x in M) {a};; *) {b};; esac"),
        10 => format!("f() {{ {a}; }}\nf\n{b}"),
        11 => format!("p1 \"$({a})\""),
        12 => format!("p1 x; {a}"),
        13 => format!("p2 <<E\n$({a})\nE\n{b}"),
        14 => format!("p2 <<'E'\n$({a})\nE\n{b}"),
        15 => format!("x=Mm p=p3; {a}"),
        16 => format!("x=$({a}); p1 \"$x\""),
        17 => format!("! {a}\n{b} # {c}"),
        18 => format!("trap 'p4 t' EXIT; {a}"),
        19 => format!("set -- u v; p1 \"$@\"; {a}"),
        20 => format!("l=(p1 w 'x y'); \"${{l[@]}}\"; {a}"),
        21 => format!("{a} >/dev/null 2>&1"),
        22 => format!("IFS=,; z=p1,q; $z; {a}"),
        23 => format!("p2 ${{nope:-$({a})}}"),
        24 => format!("cd / && {a}; {b}"),
        _ => format!("printf -v v p3; $v; {a}"),
    }
}

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
            let text = format!(
                "#!{BASH}\n{{ printf '%s' \"${{0##*/}}\"; printf '\\x1f%s' \"$@\"; printf '\\x1e'; }} >> {}/log\n",
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
        let mut command = Command::new(BASH);
        command.arg("-c").arg(text).env_clear().env("PATH", self.folder.join("bin")).env("HOME", "/home/me");
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap();
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

/// Whether a call is one that was read: word by word, as far as the words are known.
fn was_read(reading: &Reading, call: &[String]) -> bool {
    // A program without words writes one empty one.
    let call: Vec<&String> =
        call.iter().enumerate().filter(|(at, word)| *at < 1 || !word.is_empty()).map(|(_, word)| word).collect();
    reading.commands.iter().any(|simple| {
        let words: Vec<&Value> = simple
            .words
            .iter()
            .map(|word| &word.value)
            .filter(|value| **value != Value::Known(String::new()))
            .collect();
        let many = words.iter().any(|value| matches!(value, Value::Unknown | Value::Pattern(_)));
        let data = words.iter().any(|value| matches!(value, Value::Partly(_)));
        let fits = |value: &Value, word: &String| match value {
            Value::Known(text) => text == word,
            Value::Partly(start) => word.starts_with(start.as_str()),
            Value::Pattern(_) | Value::Unknown => true,
        };
        match words.split_first() {
            Some((Value::Known(program), rest)) if many || data => {
                let same = program.rsplit('/').next() == call.first().map(|word| word.as_str());
                let before = rest.iter().take_while(|value| matches!(value, Value::Known(_)));
                same && before.zip(call.iter().skip(1)).all(|(value, word)| fits(value, word))
            }
            Some(_) => words.len() == call.len() && words.iter().zip(&call).all(|(value, word)| fits(value, word)),
            None => false,
        }
    })
}

#[test]
fn each_exec_was_predicted_or_opaque() {
    if !Path::new(BASH).exists() {
        eprintln!("skipped: no {BASH} here");
        return;
    }
    let ground = Ground::new();
    let mut dice = Dice(20_261_123);
    let (mut calls, mut opaque) = (0, 0);
    for number in 0..250 {
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
    assert!(calls > 150 && opaque < 150, "{calls} calls of programs, {opaque} opaque: too few to say anything");
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
    let mut dice = Dice(42);
    let mut rejected = 0;
    for _ in 0..500 {
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
    assert!(rejected > 100, "{rejected} rejected: too few to say anything");
}
