//! Shell text against the gate: each program that a text starts inside a boundary is written down there, and was read in the
//! text, or the text was called opaque. `TOLLGATE_LONG=N` makes it N times as long, with other texts each time.
//!
//! Programs are stubs but for those that start others; so nothing that a text says is done.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "../../policy/tests/script/mod.rs"]
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use script::{Dice, long, script, was_read};
use serde_json::Value as Json;
use tollgate_policy::path::AbsPath;
use tollgate_policy::shell::{From, Reading};
use tollgate_policy::{Document, Layer, Place, Policy};
use tollgate_tests::{Job, Scene, cases};

cases! { both: generated_texts lines_of_the_corpus ways_to_start_a_program }

/// Programs that start others: the real ones.
const REAL: [&str; 16] = [
    "env", "nice", "timeout", "nohup", "xargs", "bash", "sh", "find", "stdbuf", "setsid", "ionice", "chrt", "flock",
    "taskset", "awk", "sed",
];

/// Texts that a run tries.
const BATCH: usize = 60;

fn profile(name: &str) -> Option<Document> {
    let file = format!("{}/../profiles/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Some(tollgate_policy::parse(&format!("profile:{name}"), &std::fs::read_to_string(file).ok()?).unwrap())
}

fn abs(path: &Path) -> AbsPath {
    AbsPath::new(path).unwrap()
}

/// What reads the texts.
fn reader(scene: &Scene) -> Policy {
    let temp = AbsPath::new("/tmp/run").unwrap();
    let (home, workspace, state) = (abs(&scene.home), abs(&scene.workspace), abs(&scene.state));
    let place = Place { home, workspace, temp, state, variables: BTreeMap::new() };
    let layers = vec![(Layer::BuiltIn, profile("programs").unwrap())];
    Policy::assemble(layers, &profile, &place).unwrap_or_else(|faults| panic!("{faults}"))
}

fn read(policy: &Policy, scene: &Scene, text: &str) -> Reading {
    policy.read_text(text, &From { cwd: Some(abs(&scene.workspace)), home: Some(abs(&scene.home)) })
}

/// Lays stubs for all programs that these texts name, besides those that start others.
fn programs(scene: &Scene, readings: &[(String, Reading)]) -> PathBuf {
    let bin = scene.workspace.join("bin");
    scene.folder(&bin);
    let stub = scene.compile("shell/stub.c", bin.join("stub"), &[]);
    let words = readings.iter().flat_map(|(_, reading)| &reading.commands).filter_map(|simple| simple.words[0].known());
    let plain = |name: &&str| !name.is_empty() && !name.contains('/') && name.len() < 100;
    let names: BTreeSet<&str> = words.filter(plain).chain(["p1", "p2", "p3", "p4"]).chain(REAL).collect();
    for name in names {
        let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(name));
        let real = real.into_iter().find(|path| REAL.contains(&name) && path.exists()).unwrap_or_else(|| stub.clone());
        symlink(real, bin.join(name)).ok();
    }
    bin
}

/// Runs the texts inside, each as an action of its own; the words of all that was started, by text.
fn run(scene: &Scene, texts: &[&str], bin: &Path) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut driver = "#!/bin/sh\n".to_owned();
    for (number, text) in texts.iter().enumerate() {
        scene.file(scene.workspace.join(format!("text{number}")), text);
        let bash = "timeout -s KILL 20 /bin/bash -c \"$(/bin/cat \"$1\")\" >/dev/null 2>&1 </dev/null";
        writeln!(driver, "/bin/sh -c '{bash}' sh text{number}").unwrap();
    }
    let driver = scene.script(scene.workspace.join("driver"), &driver);
    let seen = if scene.state.join("ledger.db").exists() { scene.ledger().len() } else { 0 };
    let mut command = scene.command(scene.tollgate());
    command.args(["run", "--ci", "--profile", "workspace", "--"]).arg(driver).env("PATH", bin);
    let outcome = Job::new(command).deadline(Duration::from_mins(10)).end();
    assert!(outcome.status.code().is_some(), "{outcome}");
    started(scene.ledger().iter().skip(seen).map(|line| &line["record"]))
}

/// What each action of a run started, or would have.
fn started<'a>(records: impl Iterator<Item = &'a Json>) -> BTreeMap<String, Vec<Vec<String>>> {
    let mut actions: BTreeMap<u64, String> = BTreeMap::new();
    let mut started: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for record in records {
        let action = record["action"].as_u64().unwrap_or_default();
        let exec = match record["event"].as_str().unwrap_or_default() {
            "action_started" => {
                let name = words(&record["argv"]).last().cloned().unwrap_or_default();
                actions.insert(action, name);
                continue;
            }
            "step" => &record["exec"],
            "denied" | "refused" => &record["what"],
            "asked" => &record["question"]["action"],
            _ => continue,
        };
        if let (Some(name), Json::Array(_)) = (actions.get(&action), &exec["argv"]) {
            started.entry(name.clone()).or_default().push(words(&exec["argv"]));
        }
    }
    started
}

fn words(argv: &Json) -> Vec<String> {
    let words = argv.as_array().into_iter().flatten();
    words.map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect()
}

/// Each exec was read, or the text is opaque; how many texts and programs that says something about.
fn tried(scene: &Scene, texts: impl Iterator<Item = String>) -> (usize, usize) {
    let policy = reader(scene);
    let all: Vec<(String, Reading)> = texts.map(|text| (text.clone(), read(&policy, scene, &text))).collect();
    let clear: Vec<&(String, Reading)> = all.iter().filter(|(_, reading)| reading.opaque.is_empty()).collect();
    let bin = programs(scene, &all);
    let (mut missing, mut count) = (Vec::new(), 0);
    for batch in clear.chunks(BATCH) {
        let texts: Vec<&str> = batch.iter().map(|(text, _)| text.as_str()).collect();
        let started = run(scene, &texts, &bin);
        for (number, (text, reading)) in batch.iter().enumerate() {
            let calls = started.get(&format!("text{number}")).unwrap_or_else(|| panic!("{text:?} was not tried"));
            // the driver's own: the shell that reads the text, cat, the limit of time, bash
            let is_bash = |call: &Vec<String>| {
                call.len() == 3 && call[0] == "/bin/bash" && call[2] == text.trim_end_matches('\n')
            };
            let before = &texts[..number];
            let Some(own) = calls.iter().position(is_bash) else {
                panic!("{text:?} was not tried: {calls:?}; before it: {before:?}")
            };
            for call in &calls[own + 1..] {
                count += 1;
                if !was_read(reading, call) {
                    let words: Vec<_> = reading.commands.iter().map(|simple| &simple.words).collect();
                    missing.push(format!("{call:?} was not read in {text:?}: {words:?}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "{} of {count}:\n{}", missing.len(), missing.join("\n"));
    (clear.len(), count)
}

fn generated_texts(scene: &Scene) {
    let mut dice = Dice::thrown(7);
    let (texts, execs) = tried(scene, (0..long(120)).map(|number| script(&mut dice, 1 + number % 4)));
    println!("{texts} texts, {execs} programs");
    assert!(texts >= long(40) && execs > texts / 2, "{texts} texts, {execs} programs: too few to say anything");
}

/// Lines of the corpus. What names a program by its path would start the real one, what starts itself again has no end, what kills all ends the test, `find
/// -delete` takes the stubs and the texts behind it, and a login shell runs what the machine's own files say.
fn lines_of_the_corpus(scene: &Scene) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/shell.jsonl");
    let lines = std::fs::read_to_string(file).unwrap();
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let commands: Vec<&str> = lines.iter().map(|line| line["command"].as_str().unwrap()).collect();
    let policy = reader(scene);
    let harmless = |text: &&str| {
        let reading = read(&policy, scene, text);
        let by_path = |word: &str| word.contains('/');
        let login =
            |word: &str| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') && word.contains('l');
        !text.contains(":(")
            // Bash's own, which ends the driver too.
            && !text.contains("kill")
            && !reading.commands.iter().any(|simple| simple.words.iter().any(|word| word.known() == Some("-delete")))
            && !text.contains("--login")
            && !text.split(' ').any(login)
            && !reading.commands.iter().any(|simple| simple.words[0].known().is_some_and(by_path))
    };
    let mut dice = Dice::thrown(11);
    let picked = (0..long(150)).map(|_| commands[dice.roll(commands.len())]).filter(harmless).map(str::to_owned);
    let (texts, execs) = tried(scene, picked.collect::<Vec<_>>().into_iter());
    println!("{texts} texts, {execs} programs");
    assert!(texts > 20 && execs > texts / 3, "{texts} texts, {execs} programs: too few to say anything");
}

/// Ways in which shells and their helpers start a program; `p4` is what they are to start.
const WAYS: &str = include_str!("ways.txt");

fn ways_to_start_a_program(scene: &Scene) {
    let texts = WAYS.split("\n%\n").map(|text| text.trim_end_matches('\n').to_owned());
    scene.file(scene.workspace.join("names"), "a\nb c\n");
    let (texts, execs) = tried(scene, texts);
    println!("{texts} texts, {execs} programs");
    assert!(texts > 60 && execs > texts, "{texts} texts, {execs} programs: too few to say anything");
}
