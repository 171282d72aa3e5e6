//! Shipped profiles: each loads, is named for its file, says what it is for, extends what exists without a loop, and each
//! of its rules carries examples of both kinds.

use crate::tree::{self, File};
use crate::{Faults, finds, hold};

/// Tables whose entries carry examples.
const RULES: [&str; 5] = ["command", "path", "net", "unix", "tool"];

fn shipped() -> Vec<File> {
    tree::files(".toml").into_iter().filter(|file| file.path.starts_with("profiles/")).collect()
}

fn stem(file: &File) -> &str {
    file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".toml")
}

fn load_faults(file: &File) -> Faults {
    let loaded = tollgate_policy::parse(&file.path, &file.text);
    loaded.err().map(|faults| faults.to_string()).into_iter().collect()
}

fn shape_faults(file: &File) -> Faults {
    let table: toml::Table = file.text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.path));
    let mut faults = Faults::new();
    if table.get("name").and_then(toml::Value::as_str) != Some(stem(file)) {
        faults.push(format!("{}: `name` is not the file's", file.path));
    }
    if table.get("about").is_none() || !file.text.starts_with("# ") {
        faults.push(format!("{}: doesn't say what it is for, in `about` and in its first lines", file.path));
    }
    for kind in RULES {
        let rules = table.get(kind).and_then(toml::Value::as_array);
        for rule in rules.into_iter().flatten() {
            for key in ["matches", "spares"] {
                if rule.get(key).and_then(toml::Value::as_array).is_none_or(Vec::is_empty) {
                    let because = rule.get("because").map(ToString::to_string).unwrap_or_default();
                    faults.push(format!("{}: a [[{kind}]] has no `{key}`: {because}", file.path));
                }
            }
        }
    }
    faults
}

fn extends(file: &File) -> Vec<String> {
    let table: toml::Table = file.text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.path));
    let list = table.get("extends").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    list.into_iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// What a profile extends that isn't there, or that comes back to it.
fn chain_faults(all: &[File]) -> Faults {
    let mut faults = Faults::new();
    for file in all {
        let (mut open, mut seen) = (extends(file), Vec::new());
        while let Some(name) = open.pop() {
            match all.iter().find(|other| stem(other) == name) {
                None => faults.push(format!("{}: extends `{name}`, which does not exist", file.path)),
                Some(_) if name == stem(file) => faults.push(format!("{}: extends itself", file.path)),
                Some(other) if !seen.contains(&name) => open.extend(extends(other)),
                Some(_) => {}
            }
            seen.push(name);
        }
    }
    faults
}

/// Profiles that rules name for what they approve.
fn named_faults(all: &[File]) -> Faults {
    let mut faults = Faults::new();
    for file in all {
        let table: toml::Table = file.text.parse().unwrap_or_else(|e| panic!("{}: {e}", file.path));
        let rules = table.get("command").and_then(toml::Value::as_array);
        for name in rules.into_iter().flatten().filter_map(|rule| rule.get("profile")?.as_str()) {
            if !all.iter().any(|other| stem(other) == name) {
                faults.push(format!("{}: names profile `{name}`, which does not exist", file.path));
            }
        }
    }
    faults
}

#[test]
fn shipped_profiles_load() {
    hold("profiles load, their examples hold", &shipped().iter().flat_map(load_faults).collect());
}

#[test]
fn shipped_rules_carry_examples() {
    hold("every rule has examples of both kinds", &shipped().iter().flat_map(shape_faults).collect());
}

#[test]
fn shipped_profiles_name_what_exists() {
    hold("profiles extend what exists", &chain_faults(&shipped()));
    hold("rules name what exists", &named_faults(&shipped()));
}

#[test]
fn the_promised_profiles_are_there() {
    let there: Vec<String> = shipped().iter().map(|file| stem(file).to_owned()).collect();
    let promised = [
        "base",
        "workspace",
        "read-only",
        "ci",
        "container",
        "rust",
        "node",
        "python",
        "go",
        "c",
        "claude-code",
        "codex",
        "gemini-cli",
        "qwen-code",
        "copilot",
        "opencode",
    ];
    hold(
        "promised profiles",
        &promised.iter().filter(|name| !there.iter().any(|t| t == *name)).map(ToString::to_string).collect(),
    );
}

fn planted(name: &str, text: &str) -> File {
    File { path: format!("profiles/{name}.toml"), text: text.into() }
}

#[test]
fn planted_faults_in_a_profile_are_found() {
    let head = "# For x.\nversion = 1\nname = \"x\"\nabout = \"x\"\n";
    finds(&shape_faults(&planted("y", head)), "`name`");
    finds(&shape_faults(&planted("x", "name = \"x\"\nabout = \"x\"\n")), "what it is for");
    let rule = "[[command]]\neffect = \"deny\"\nprogram = [\"su\"]\nbecause = \"x\"\nmatches = [\"su\"]\n";
    finds(&shape_faults(&planted("x", &format!("{head}{rule}"))), "no `spares`");
    finds(&load_faults(&planted("x", &format!("{head}efects = 1\n"))), "efects");
    let false_example = format!("{head}{rule}")
        .replace("[\"su\"]\n", "[\"sudo\"]\n")
        .replace("matches = [\"sudo\"]", "matches = [\"ls\"]");
    finds(&load_faults(&planted("x", &false_example)), "ls");
}

#[test]
fn planted_faults_between_profiles_are_found() {
    let a = planted("a", "name = \"a\"\nextends = [\"b\"]\n[[command]]\nprofile = \"wide\"\n");
    finds(&chain_faults(&[planted("a", "extends = [\"b\"]")]), "`b`, which does not exist");
    let looped = [planted("a", "extends = [\"b\"]"), planted("b", "extends = [\"a\"]")];
    assert_eq!(chain_faults(&looped).len(), 2, "each of the two comes back to itself");
    finds(&named_faults(&[a]), "`wide`");
}
