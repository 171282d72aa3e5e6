//! Shipped profiles: each loads, is named for its file, says what it is for, extends what exists without a loop, and each
//! of its rules carries examples of both kinds.

use std::collections::BTreeMap;

use tollgate_policy::boundary::Boundary;
use tollgate_policy::path::AbsPath;
use tollgate_policy::{Document, Layer, Place, Policy};

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

/// A shipped profile as the only policy of a run in `/home/me/work`, in the kernel's terms.
pub(crate) fn lowered(name: &str) -> Boundary {
    let all = shipped();
    let load = |name: &str| -> Option<Document> {
        let file = all.iter().find(|file| stem(file) == name)?;
        tollgate_policy::parse(&format!("profile:{name}"), &file.text).ok()
    };
    let at = |path: &str| AbsPath::new(path).expect("absolute");
    let place = Place {
        home: at("/home/me"),
        workspace: at("/home/me/work"),
        temp: at("/tmp/run"),
        state: at("/home/me/.local/state/tollgate"),
        variables: BTreeMap::new(),
    };
    let document = load(name).unwrap_or_else(|| panic!("`{name}` loads"));
    let policy = Policy::assemble(vec![(Layer::BuiltIn, document)], &load, &place);
    policy.unwrap_or_else(|faults| panic!("`{name}`: {faults}")).lower()
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
fn shipped_profiles_become_boundaries() {
    use tollgate_policy::boundary::Reach;
    let at = |path: &str| AbsPath::new(path).expect("absolute");
    for file in shipped() {
        let boundary = lowered(stem(&file));
        let writes = boundary.roots.iter().filter(|root| root.rights.write);
        let wide = writes.filter(|root| at("/home/me").is_within(&root.path) || at("/usr").is_within(&root.path));
        hold(
            "roots that hold a whole home or the system",
            &wide.map(|root| format!("{}: {:?}", file.path, root.path)).collect(),
        );
    }
    let workspace = lowered("workspace");
    assert_eq!(workspace.network.reach, Reach::None, "the default has no network");
    assert!(workspace.roots.iter().any(|root| root.rights.write && root.path == at("/home/me/work")));
    assert!(!workspace.roots.iter().any(|root| at("/home/me/.ssh/id_ed25519").is_within(&root.path)));
    assert!(!workspace.roots.iter().any(|root| at("/etc/shadow").is_within(&root.path)));
    assert!(!lowered("read-only").roots.iter().any(|root| root.rights.write && root.path == at("/home/me/work")));
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
