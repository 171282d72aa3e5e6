//! The papers at the top: lengths, links that lead somewhere, invariants that name a test which exists, no words left to
//! be filled in.

use std::collections::BTreeSet;

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Lines that ARCHITECTURE.md must stay under.
const ARCHITECTURE: usize = 300;
/// What stands for text that is still to be written. Put together here so that this file does not hold it.
const UNWRITTEN: [&str; 5] =
    [concat!("TO", "DO:"), concat!("/ TO", "DO"), concat!("FIX", "ME"), concat!("T", "BD"), concat!("lorem", " ipsum")];

/// Relative links of a Markdown file that lead nowhere.
fn link_faults(file: &File, exists: &dyn Fn(&str) -> bool) -> Faults {
    let dir = file.path.rsplit_once('/').map_or(String::new(), |(dir, _)| format!("{dir}/"));
    let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local =
        targets.map(|t| t.split('#').next().unwrap_or_default()).filter(|t| !t.is_empty() && !t.contains("://"));
    local
        .filter(|target| !exists(&format!("{dir}{target}")))
        .map(|target| format!("{}: links to `{target}`, which does not exist", file.path))
        .collect()
}

/// Tests that the invariants name: the last column of the table, each in backquotes.
fn invariant_faults(file: &File, tests: &BTreeSet<String>) -> Faults {
    let Some((_, section)) = file.text.split_once("## Invariants") else {
        return vec![format!("{}: has no section `Invariants`", file.path)];
    };
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let mut faults = Faults::new();
    for row in rows {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            faults.push(format!("{}: an invariant names no test: {row}", file.path));
        }
        let missing = named.iter().filter(|name| !tests.contains(name.rsplit("::").next().unwrap_or(name)));
        faults.extend(missing.map(|name| format!("{}: names test `{name}`, which does not exist", file.path)));
    }
    faults
}

/// Names of all functions below `#[test]`, and of the cases of the suites, which a macro makes tests of.
fn tests_of(files: &[File]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files {
        let suite = file.path.starts_with("tests/") && !file.path.starts_with("tests/src/");
        let mut marked = false;
        for line in file.text.lines().map(str::trim) {
            marked |= line.starts_with("#[test]");
            if let Some(name) = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next()) {
                if marked || suite {
                    names.insert(name.to_owned());
                }
                marked = false;
            }
        }
    }
    names
}

fn unwritten_faults(file: &File) -> Faults {
    let found = UNWRITTEN.iter().filter(|word| file.text.contains(*word));
    found.map(|word| format!("{}: says {word}", file.path)).collect()
}

fn length_faults(file: &File) -> Faults {
    let lines = file.text.lines().count();
    let fault = format!("{}: {lines} lines, not under {ARCHITECTURE}", file.path);
    if lines < ARCHITECTURE { Faults::new() } else { vec![fault] }
}

#[test]
fn links_lead_somewhere() {
    let root = tree::root();
    let exists = |path: &str| root.join(path).exists();
    hold("links", &tree::files(".md").iter().flat_map(|file| link_faults(file, &exists)).collect());
}

#[test]
fn invariants_name_tests_that_exist() {
    hold("invariants", &invariant_faults(&tree::file("ARCHITECTURE.md"), &tests_of(&tree::files(".rs"))));
}

#[test]
fn papers_are_written_and_short() {
    hold("length", &length_faults(&tree::file("ARCHITECTURE.md")));
    let all = tree::files(".md").into_iter().chain(tree::files(".rs")).chain(tree::files(".toml"));
    hold("unwritten", &all.flat_map(|file| unwritten_faults(&file)).collect());
}

#[test]
fn the_papers_are_there() {
    for path in [
        "README.md",
        "SECURITY.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
    ] {
        assert!(tree::file(path).text.len() > 500, "{path} says too little");
    }
}

fn planted(text: &str) -> File {
    File { path: "docs/x.md".into(), text: text.into() }
}

#[test]
fn planted_faults_in_papers_are_found() {
    finds(&link_faults(&planted("[a](gone.md#x) [b](https://x.example) [c](#here)"), &|_| false), "`gone.md`");
    assert!(link_faults(&planted("[a](y.md)"), &|path| path == "docs/y.md").is_empty());
    let table = "## Invariants\n\n| what | test |\n| --- | --- |\n| a | `x::there` |\n| b | `gone` |\n";
    let tests = BTreeSet::from(["there".to_owned()]);
    finds(&invariant_faults(&planted(table), &tests), "`gone`");
    finds(&invariant_faults(&planted("## Invariants\n| a | b |\n|-|-|\n| x | none |\n"), &tests), "names no test");
    finds(&unwritten_faults(&planted(UNWRITTEN[0])), UNWRITTEN[0]);
    finds(&length_faults(&planted(&"x\n".repeat(ARCHITECTURE))), "300 lines");
}

#[test]
fn tests_are_found_by_name() {
    let text = "#[test]\n#[cfg(unix)]\nfn one() {}\nfn two() {}\n";
    assert_eq!(tests_of(&[planted(text)]), BTreeSet::from(["one".to_owned()]));
}
