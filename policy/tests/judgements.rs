//! Judgements as tables: each chapter of `judgements/*.md` has a policy by layers and actions with their verdicts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may")]
#![allow(clippy::disallowed_methods, reason = "a test reads its tables")]

mod common;

use std::fmt::Write as _;

/// Runs all chapters of a file; a row is `| action | verdict | layer:line |`.
fn tables(text: &str) -> (usize, String) {
    let (mut rows, mut wrong) = (0, String::new());
    for chapter in text.split("\n## ").skip(1) {
        let title = chapter.lines().next().unwrap();
        let mut layers: Vec<(String, String)> = Vec::new();
        for block in chapter.split("```toml ").skip(1) {
            let (name, rest) = block.split_once('\n').unwrap();
            layers.push((name.to_owned(), rest.split("```").next().unwrap().to_owned()));
        }
        let borrowed: Vec<(&str, &str)> = layers.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
        let policy = common::policy(&borrowed);
        for row in chapter.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let [action, verdict, place] = cells.as_slice() else { panic!("{title}: {row}") };
            let found = common::judge(&policy, &common::action(action.trim_matches('`')));
            let reason = format!("{}:{}", found.reason.file, found.reason.line);
            rows += 1;
            if found.effect.to_string() != *verdict || reason != *place {
                writeln!(wrong, "{title}: {action}: wanted {verdict} by {place}, got {} by {reason}", found.effect)
                    .unwrap();
            }
        }
    }
    (rows, wrong)
}

fn check(file: &str, least: usize) {
    let path = format!("{}/tests/judgements/{file}", env!("CARGO_MANIFEST_DIR"));
    let (rows, wrong) = tables(&std::fs::read_to_string(path).unwrap());
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(rows >= least, "only {rows} rows were read");
}

#[test]
fn commands() {
    check("commands.md", 60);
}

#[test]
fn layers() {
    check("layers.md", 25);
}

#[test]
fn paths() {
    check("paths.md", 30);
}

#[test]
fn network() {
    check("network.md", 30);
}

#[test]
fn a_wrong_row_is_found() {
    let text = "\n## x\n\n```toml built-in\nversion = 1\n```\n\n| `exec -- ls` | deny | default:0 |\n";
    let (rows, wrong) = tables(text);
    assert_eq!(rows, 1);
    assert!(wrong.contains("wanted deny by default:0, got allow by default:0"), "{wrong}");
}
