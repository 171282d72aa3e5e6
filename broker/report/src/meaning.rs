//! What a change of policy means: the statements that it adds and takes away, whatever their order and spacing, and the
//! decisions of the past that would be others.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tollgate_wire::neutral;

use crate::replay::Change;

/// How many decisions are named.
const SHOWN: usize = 10;

/// Longest statement that is shown, in characters.
const LONGEST: usize = 2000;

/// What a rule says about itself, and changes nothing.
const WORDS: [&str; 3] = ["because", "matches", "spares"];

/// Statements of a policy's text, one line each; none where it can't be read.
fn statements(text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if let Ok(table) = text.parse::<toml::Table>() {
        gather(&mut all, "", &toml::Value::Table(table));
    }
    all
}

fn gather(all: &mut BTreeSet<String>, name: &str, value: &toml::Value) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                gather(all, &name, value);
            }
        }
        toml::Value::Array(list) => {
            for item in list {
                let said = item.as_table().map_or_else(|| item.to_string(), rule);
                all.insert(format!("{name}: {said}"));
            }
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {
            all.insert(format!("{name} = {value}"));
        }
    }
}

/// A rule as one line: its effect first, then what it is about.
fn rule(table: &toml::Table) -> String {
    let mut parts: Vec<String> =
        table.get("effect").and_then(toml::Value::as_str).map(str::to_owned).into_iter().collect();
    let about = table.iter().filter(|(key, _)| *key != "effect" && !WORDS.contains(&key.as_str()));
    parts.extend(about.map(|(key, value)| format!("{key} {value}")));
    parts.join(", ")
}

/// `+ net: allow, names ["example.com"]`, `- …`: what is said besides, and what no more.
#[must_use]
pub fn difference(before: &str, after: &str) -> Vec<String> {
    let (before, after) = (statements(before), statements(after));
    // compared whole: what differs behind the cut differs
    let gone = before.difference(&after).map(|line| format!("- {line}"));
    let all = gone.chain(after.difference(&before).map(|line| format!("+ {line}")));
    all.map(|line| neutral::short(&line, LONGEST)).collect()
}

/// Decisions that would be others, as lines; the sum last.
#[must_use]
pub fn flips(changes: &[Change], judged: usize) -> Vec<String> {
    let mut lines: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|it| format!("{} -> {}  {} x  {}", it.before, it.after, it.count, it.what))
        .collect();
    let more = changes.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    let (stricter, looser) = sums(changes);
    lines.push(format!("of {judged} decisions in the ledger {stricter} would be stricter, {looser} looser"));
    lines
}

/// How many would be stricter, how many looser.
#[must_use]
pub fn sums(changes: &[Change]) -> (usize, usize) {
    let of = |tighter: bool| changes.iter().filter(move |c| (c.after > c.before) == tighter).map(|c| c.count).sum();
    (of(true), of(false))
}

/// The same as JSON.
#[must_use]
pub fn as_json(changes: &[Change], judged: usize) -> Value {
    let (stricter, looser) = sums(changes);
    let all: Vec<_> = changes
        .iter()
        .map(|it| {
            json!({
                "before": it.before, "after": it.after, "what": it.what, "reason": it.reason, "count": it.count,
                "approved": it.approved, "runs": it.runs,
            })
        })
        .collect();
    json!({"decisions": judged, "changed": stricter + looser, "stricter": stricter, "looser": looser, "changes": all})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_counts_and_not_how() {
        let before = "version = 1\n# a comment\n[[net]]\neffect = \"allow\"\nnames = [\"a.example\"]\nbecause = \"x\"\n[roots]\nwrite = [\"~/a\", \"~/b\"]\n";
        let after = "version = 1\n[roots]\nwrite = [\"~/b\", \"~/c\"]\n[[net]]\nnames = [\"a.example\"]\neffect = \"allow\"\nbecause = \"y\"\n[[command]]\neffect = \"deny\"\nprogram = [\"x\"]\nbecause = \"z\"\n";
        assert_eq!(
            difference(before, after),
            ["- roots.write: \"~/a\"", "+ command: deny, program [\"x\"]", "+ roots.write: \"~/c\""]
        );
        assert_eq!(difference(before, before), Vec::<String>::new());
        let hostile = "version = 1\nabout = \"x\\u202e\\u001b[2J\"\n";
        assert!(difference("", hostile).iter().all(|line| !line.contains(['\u{202e}', '\u{1b}'])));
    }
}
