//! Package managers: what would be installed or published, and what the lock file knows of it. Files are read as data;
//! no package manager is started.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tollgate_policy::action::Exec;
use tollgate_policy::evidence::{Package, Packages, Section};

use crate::git::limited;
use crate::locks::{self, Locked};
use crate::options::{self, Words};
use crate::publish::without_password;
use crate::{Search, words};

/// How many packages are named.
const SHOWN: usize = 50;

/// Most words that are said to be not understood.
const ODD: usize = 10;

/// Collects evidence.
pub(crate) fn look(exec: &Exec, search: &mut Search<'_>) {
    let name = words::name(exec);
    let tool = options::tool(&name).unwrap_or(name);
    let words = options::read(&tool, &words::rest(exec));
    for why in words.odd.iter().take(ODD) {
        search.missing("some of what it does", why);
    }
    if let Some(more) = words.odd.len().checked_sub(ODD + 1) {
        search.missing("some of what it does", format!("{} more of its words are not understood", more + 1));
    }
    let folder = words.folders.last().map_or_else(|| exec.cwd.as_path().to_owned(), |at| exec.cwd.as_path().join(at));
    let locked = locks::look(&tool, &folder, search);
    let (verb, behind) = split(&tool, &words);
    if verb.is_some_and(|verb| ["publish", "upload", "yank", "unpublish"].contains(&verb)) {
        if let Some(other) = behind.first() {
            search.missing("package", format!("`{other}` may be another than the one in this folder"));
        }
        return published(&tool, &words, &folder, search);
    }
    let wanted = named(&words, &behind);
    let mut list: Vec<Package> = if wanted.is_empty() {
        let with_scripts = locked.iter().filter(|(_, known)| known.scripts == Some(true));
        with_scripts.map(|(name, known)| of_lock(name, known)).collect()
    } else {
        wanted.iter().map(|word| of_word(word, &locked)).collect()
    };
    if wanted.is_empty() {
        let text = format!("{} packages of the lock file, of which these run scripts: {}", locked.len(), list.len());
        search.add(Section::note("installs", text));
    }
    let more = u64::try_from(list.len().saturating_sub(SHOWN)).unwrap_or(0);
    list.truncate(SHOWN);
    search.add(Section::Packages(Packages { registry: registry(&tool, &words), list, more }));
}

/// Words before the one that says what is done.
const LEADING: [&str; 6] = ["pip", "tool", "global", "self", "mod", "env"];

/// The word that says what is done, and those behind it.
fn split<'a>(tool: &str, words: &'a Words) -> (Option<&'a str>, Vec<&'a str>) {
    let mut plain = words.plain.iter().map(String::as_str).peekable();
    // these have none
    let verb = if ["npx", "bunx", "uvx"].contains(&tool) {
        None
    } else {
        let leads = |word: &&str| {
            LEADING.contains(word) || tool == "cargo" && word.starts_with('+') || tool == "yarn" && *word == "npm"
        };
        while plain.next_if(leads).is_some() {}
        plain.next()
    };
    (verb, plain.collect())
}

/// Packages that the command names.
fn named(words: &Words, behind: &[&str]) -> Vec<String> {
    let listed = words.lists.iter().map(|file| format!("what {file} lists"));
    let named = words.packages.iter().cloned().chain(behind.iter().map(|word| (*word).to_owned()));
    named.chain(listed).collect()
}

/// Where packages come from, or go to: all that the command says.
fn registry(tool: &str, words: &Words) -> String {
    let said: Vec<String> = words.sources.iter().map(|url| without_password(url)).collect();
    if said.is_empty() { usual(tool).to_owned() } else { said.join(", ") }
}

fn usual(tool: &str) -> &'static str {
    match tool {
        "npm" | "npx" | "pnpm" | "yarn" | "bun" | "bunx" => "the npm registry, where no .npmrc says otherwise",
        "pip" | "uv" | "uvx" | "pipx" | "poetry" | "twine" => "PyPI, where no setting says otherwise",
        "cargo" => "crates.io, where no setting says otherwise",
        "gem" | "bundle" => "rubygems.org, where no Gemfile says otherwise",
        "go" => "the module proxy, where GOPROXY does not say otherwise",
        _ => "",
    }
}

/// `left-pad@1.3.0`, `requests==2.0`, `@scope/name`.
fn of_word(word: &str, locked: &BTreeMap<String, Locked>) -> Package {
    let split = word.get(1..).and_then(|rest| rest.find(['@', '=', '>', '<', '~', '!'])).map(|at| at + 1);
    let (name, version) = split.map_or((word, ""), |at| word.split_at(at));
    let version = version.trim_start_matches(['@', '=']);
    let known = locked.get(name);
    let lock = match known {
        _ if locked.is_empty() => "",
        None => "not in the lock file",
        Some(known) if version.is_empty() || known.version == version => "in the lock file",
        Some(_) => "in the lock file in another version",
    };
    let version = if version.is_empty() {
        known.map(|known| known.version.clone()).unwrap_or_default()
    } else {
        version.to_owned()
    };
    Package { name: name.to_owned(), version, lock: lock.to_owned(), scripts: known.and_then(|known| known.scripts) }
}

fn of_lock(name: &str, known: &Locked) -> Package {
    let (name, version) = (name.to_owned(), known.version.clone());
    Package { name, version, lock: "in the lock file".to_owned(), scripts: known.scripts }
}

/// Name and version of what is published.
fn published(tool: &str, words: &Words, folder: &Path, search: &mut Search<'_>) {
    let of = |file: &str| limited(&folder.join(file)).ok();
    let found = match tool {
        "cargo" => of("Cargo.toml").and_then(|text| {
            let table: toml::Table = text.parse().ok()?;
            let package = table.get("package")?;
            let text = |key: &str| package.get(key).and_then(toml::Value::as_str).unwrap_or("(inherited)").to_owned();
            Some(Package { name: text("name"), version: text("version"), ..Package::default() })
        }),
        _ => of("package.json").and_then(|text| {
            let json: Value = serde_json::from_str(&text).ok()?;
            let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let runs = ["prepublish", "prepublishOnly", "prepare", "postpublish", "prepack"];
            let scripts = json.get("scripts").is_some_and(|all| runs.iter().any(|name| all.get(name).is_some()));
            Some(Package { name: text("name"), version: text("version"), scripts: Some(scripts), ..Package::default() })
        }),
    };
    match found {
        Some(package) => {
            let registry = registry(tool, words);
            search.add(Section::Packages(Packages { registry, list: vec![package], more: 0 }));
            let note = "a published version can't be replaced, and may be copied before it is withdrawn".to_owned();
            search.add(Section::Recovery { command: String::new(), note });
        }
        None => search.missing("package", "its name and version can't be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_held_against_the_lock_file() {
        let locked = Locked { version: "2.0.0".into(), scripts: Some(true) };
        let all = BTreeMap::from([("@s/c".to_owned(), locked)]);
        let package = of_word("@s/c@2.0.0", &all);
        assert_eq!((package.name.as_str(), package.lock.as_str()), ("@s/c", "in the lock file"));
        assert_eq!(of_word("@s/c@3.0.0", &all).lock, "in the lock file in another version");
        assert_eq!(of_word("left-pad", &all).lock, "not in the lock file");
        assert_eq!(of_word("requests==2.31", &all).version, "2.31");
    }

    #[test]
    fn packages_are_told_from_options() {
        for (line, expected) in [
            ("npm install --save-dev a b@1", "a b@1"),
            ("npm i create", "create"),
            ("pip install -r requirements.txt -e ./x y", "./x y|what requirements.txt lists"),
            ("pip install --requirement r.txt", "|what r.txt lists"),
            ("npm ci", ""),
            ("cargo +nightly install tool", "tool"),
            ("uv pip install pip", "pip"),
            ("npx cowsay hi", "cowsay"),
        ] {
            let (tool, rest) = line.split_once(' ').unwrap_or_default();
            let words: Vec<&str> = rest.split(' ').collect();
            let (packages, lists) = expected.split_once('|').unwrap_or((expected, ""));
            let all: Vec<&str> = packages.split(' ').chain([lists]).filter(|word| !word.is_empty()).collect();
            let words = options::read(tool, &words);
            assert_eq!(named(&words, &split(tool, &words).1), all, "{line}");
        }
    }
}
