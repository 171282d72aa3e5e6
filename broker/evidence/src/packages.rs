//! Package managers: what would be installed or published, and what the lock file knows of it. Files are read as data;
//! no package manager is started.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tollgate_policy::action::Exec;
use tollgate_policy::evidence::{Package, Packages, Section};

use crate::git::limited;
use crate::locks::{self, Locked};
use crate::{Search, words};

/// How many packages are named.
const SHOWN: usize = 50;

/// Options of package managers that take a value of their own.
const VALUED: [&str; 22] = [
    "-r",
    "-c",
    "-e",
    "-i",
    "-t",
    "--registry",
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--prefix",
    "--target",
    "-C",
    "--dir",
    "--cwd",
    "--features",
    "-F",
    "--version",
    "--vers",
    "--git",
    "--path",
    "--tag",
    "--index",
];

/// Collects evidence.
pub(crate) fn look(exec: &Exec, search: &mut Search<'_>) {
    let words = words::rest(exec);
    let tool = words::name(exec);
    let folder = exec.cwd.as_path();
    let locked = locks::look(&tool, folder, search);
    if words.iter().any(|word| ["publish", "upload", "yank", "unpublish"].contains(word)) {
        return published(&tool, folder, search);
    }
    let wanted = named(&words);
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
    let registry = registry(&words).unwrap_or_else(|| usual(&tool).to_owned());
    search.add(Section::Packages(Packages { registry, list, more }));
}

/// Words before the names of packages.
const LEADING: [&str; 14] =
    ["install", "i", "add", "get", "pip", "tool", "run", "exec", "dlx", "create", "ci", "sync", "update", "global"];

/// Packages that the command names.
fn named(words: &[&str]) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = words.iter();
    let mut before = true;
    while let Some(word) = rest.next() {
        if VALUED.contains(word) {
            if *word == "-r" {
                names.extend(rest.next().map(|file| format!("what {file} lists")));
            } else {
                rest.next();
            }
        } else if !(word.starts_with('-') || before && LEADING.contains(word)) {
            before = false;
            names.push((*word).to_owned());
        }
    }
    names
}

fn registry(words: &[&str]) -> Option<String> {
    const NAMES: [&str; 5] = ["--registry", "--index-url", "-i", "--extra-index-url", "--index"];
    let at = words.iter().position(|word| NAMES.contains(word));
    let joined = words.iter().find_map(|word| word.split_once('=').filter(|(name, _)| NAMES.contains(name)));
    joined.map(|(_, url)| url.to_owned()).or_else(|| words.get(at? + 1).map(|url| (*url).to_owned()))
}

fn usual(tool: &str) -> &'static str {
    match tool {
        "npm" | "npx" | "pnpm" | "yarn" | "bun" | "bunx" => "the npm registry, where no .npmrc says otherwise",
        "pip" | "pip3" | "uv" | "uvx" | "pipx" | "poetry" | "twine" => "PyPI, where no setting says otherwise",
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
fn published(tool: &str, folder: &Path, search: &mut Search<'_>) {
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
            let registry = usual(tool).to_owned();
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
        assert_eq!(named(&["install", "--save-dev", "a", "b@1"]), ["a", "b@1"]);
        assert_eq!(named(&["install", "-r", "requirements.txt"]), ["what requirements.txt lists"]);
        assert_eq!(named(&["ci"]), Vec::<String>::new());
        assert_eq!(registry(&["install", "--registry=https://r.example", "a"]).as_deref(), Some("https://r.example"));
        assert_eq!(registry(&["install", "-i", "https://r.example", "a"]).as_deref(), Some("https://r.example"));
    }
}
