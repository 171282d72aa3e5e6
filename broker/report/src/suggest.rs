//! What history says of a policy: what people always approve (it could be looser), and what was opened and never used (it could be
//! tighter). Suggestions only: nothing is changed, and each says what it would have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tollgate_ledger::record::{Decider, Outcome};
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::raw::Raw;
use tollgate_wire::neutral;

use crate::replay::{Past, Story};

/// So often a person must have said yes, and never no.
const OFTEN: usize = 3;

/// In which direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Less would be open.
    Tighten,
    /// Less would be asked.
    Loosen,
}

/// One suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// In which direction.
    pub direction: Direction,
    /// What it is about, in one line.
    pub what: String,
    /// What was seen.
    pub why: String,
    /// Lines for a policy file; empty where only a rule that is there can be changed.
    pub toml: String,
    /// How many decisions of the past would have been others.
    pub changes: usize,
}

/// What people always approved. No rule of a person's can open what a floor asks about: there only the floor can be narrowed.
#[must_use]
pub fn loosen(story: &Story) -> Vec<Suggestion> {
    let mut groups: BTreeMap<(String, String), Vec<&Past>> = BTreeMap::new();
    for past in story.past.iter().filter(|past| past.question.is_some()) {
        if let Some((what, toml)) = rule_for(&past.action) {
            let toml = if past.before.reason.is_default() { toml } else { String::new() };
            groups.entry((what, toml)).or_default().push(past);
        }
    }
    let of_people = |past: &&&Past| past.decision.as_ref().is_some_and(|d| d.decider == Decider::Human);
    let allowed = |past: &Past| past.decision.as_ref().is_some_and(|d| d.outcome == Outcome::Allowed);
    let always = groups
        .into_iter()
        .filter(|(_, all)| all.iter().all(|past| allowed(past)) && all.iter().filter(of_people).count() >= OFTEN);
    let suggestion = |((what, toml), all): ((String, String), Vec<&Past>)| {
        let people = all.iter().filter(of_people).count();
        let mut why = format!("a person said yes {people} times of {people}");
        if let Some(reason) = all.first().map(|past| &past.before.reason).filter(|reason| !reason.is_default()) {
            write!(
                why,
                "; the rule at {}, line {} asks: narrow it, or approve with --scope run or prefix=",
                reason.file, reason.line
            )
            .ok();
        }
        Suggestion { direction: Direction::Loosen, what, why, toml, changes: all.len() }
    };
    always.map(suggestion).collect()
}

/// What was approved for more than once and never used again.
#[must_use]
pub fn unused_approvals(story: &Story) -> Vec<Suggestion> {
    let decisions = || story.past.iter().filter_map(|past| past.decision.as_ref().map(|decision| (past, decision)));
    let by_grant = decisions().filter(|(_, decision)| decision.decider == Decider::Grant);
    let used: BTreeSet<&str> = by_grant.filter_map(|(_, d)| d.reason.strip_prefix("approved in ")).collect();
    let wide = decisions().filter(|(past, d)| {
        let lasting = d.outcome == Outcome::Allowed && !d.scope.is_empty() && d.scope != "once";
        lasting && past.question.as_deref().is_some_and(|question| !used.contains(question))
    });
    let suggestion = |(past, decision): (&Past, &tollgate_ledger::record::Decision)| Suggestion {
        direction: Direction::Tighten,
        what: rule_for(&past.action).map_or_else(|| "an approval".to_owned(), |(what, _)| what),
        why: format!("approved for `{}` and used once: once is enough", neutral::short(&decision.scope, 60)),
        toml: String::new(),
        changes: 0,
    };
    wide.map(suggestion).collect()
}

/// Rules (file, line) that opened something.
#[must_use]
pub fn used_rules(story: &Story) -> BTreeSet<(String, u32)> {
    story.past.iter().map(|past| (past.before.reason.file.clone(), past.before.reason.line)).collect()
}

/// What an action is, in words, and the rule that would open it, as lines of a policy; none where no rule of a person's does.
#[must_use]
pub fn rule_for(action: &Action) -> Option<(String, String)> {
    let because = "because = \"approved each time\"";
    match action {
        Action::Connect(Connect { target: Target::Name(name), port }) => {
            let name_quoted = quoted(name);
            let example = quoted(&format!("{name}:{port}"));
            let rule = format!(
                "[[net]]\neffect = \"allow\"\nnames = [{name_quoted}]\nports = [{port}]\n{because}\nmatches = [{example}]\n"
            );
            Some((format!("connect to {}:{port}", neutral::short(name, 200)), rule))
        }
        Action::Tool(tool) => {
            let (server, name) = (quoted(&tool.server), quoted(&tool.tool));
            let rule = format!(
                "[[tool]]\neffect = \"allow\"\nserver = {server}\ntool = {name}\n{because}\nmatches = [{}]\n",
                quoted(&format!("{}/{}", tool.server, tool.tool))
            );
            Some((format!("use {}/{}", neutral::short(&tool.server, 80), neutral::short(&tool.tool, 80)), rule))
        }
        Action::Exec(exec) => {
            let words: Vec<&str> = exec.argv.iter().map_while(Raw::text).take(2).collect();
            let program = words.first()?.rsplit('/').next().filter(|name| !name.is_empty())?;
            let second = words.get(1).filter(|word| {
                !word.starts_with('-') && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            });
            let line = second.map_or_else(|| program.to_owned(), |second| format!("{program} {second}"));
            let args = second.map_or_else(String::new, |second| format!("args = [{}]\n", quoted(second)));
            let rule = format!(
                "[[command]]\neffect = \"allow\"\nprogram = [{}]\n{args}{because}\nmatches = [{}]\n",
                quoted(program),
                quoted(&line)
            );
            Some((format!("run `{}`", neutral::short(&line, 120)), rule))
        }
        Action::Path(access) => {
            let folder = access.path.as_path().parent()?;
            // a whole home or system is nobody's to be opened by a hint
            let folder = folder.to_str().filter(|_| folder.components().count() > 3)?;
            let rule = format!("[roots]\nwrite = [{}]\n", quoted(folder));
            Some((format!("write in {}", neutral::short(folder, 200)), rule))
        }
        Action::Connect(_) | Action::Call(_) => None,
    }
}

/// A basic string of TOML 1.0 in which nothing but letters, digits and plain signs stands for itself: what is shown is what
/// is said.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => out.push(c),
            c => write!(out, "\\U{:08X}", u32::from(c)).unwrap_or_default(),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn any_text_is_quoted_to_be_read_again() {
        for text in ["plain", "a \"b\" \\c", "line\nfeed\u{1b}[2J", "\u{202e}\u{200b}\u{feff}", "straße"] {
            let line = format!("x = {}", quoted(text));
            assert!(!line.contains(['\n', '\u{1b}', '\u{202e}', '\u{200b}']), "{line:?}");
            let table: toml::Table = line.parse().unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
    }
}
