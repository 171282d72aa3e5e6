//! Lock files: what they know of packages, and what has changed in them since the last commit, which nobody has looked at.
//! They are read as data.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tollgate_policy::evidence::Section;

use crate::Search;
use crate::git::{Repository, limited};

/// How many packages of a kind are named.
const SHOWN: usize = 20;

/// Packages by name.
pub(crate) type Lock = BTreeMap<String, Locked>;

/// What a lock file says of a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locked {
    pub(crate) version: String,
    /// Whether it runs scripts when it is installed, where the file tells.
    pub(crate) scripts: Option<bool>,
}

/// What the lock file of this tool says; what is new in it is shown.
pub(crate) fn look(tool: &str, folder: &Path, search: &mut Search<'_>) -> Lock {
    let files: &[&str] = match tool {
        "npm" | "npx" | "pnpm" | "yarn" | "bun" | "bunx" => &["package-lock.json", "npm-shrinkwrap.json"],
        "cargo" => &["Cargo.lock"],
        "pip" | "pip3" | "uv" | "uvx" | "pipx" | "poetry" => &["uv.lock", "poetry.lock"],
        _ => &[],
    };
    for name in files {
        let text = match limited(&folder.join(name)) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => {
                search.missing(name, e);
                continue;
            }
        };
        match read(name, &text) {
            Some(all) => {
                compare((folder, name), (&text, &all), search);
                return all;
            }
            None => search.missing(name, "it can't be read"),
        }
    }
    Lock::new()
}

fn read(name: &str, text: &str) -> Option<Lock> {
    if Path::new(name).extension().is_some_and(|end| end == "json") { npm(text) } else { toml(text) }
}

/// `package-lock.json`, versions 2 and 3 (docs.npmjs.com, package-lock.json).
fn npm(text: &str) -> Option<Lock> {
    let json: Value = serde_json::from_str(text).ok()?;
    let all = json.get("packages")?.as_object()?;
    let one = |(path, it): (&String, &Value)| {
        let name = path.rsplit_once("node_modules/")?.1.to_owned();
        let version = it.get("version").and_then(Value::as_str).unwrap_or_default().to_owned();
        let scripts = it.get("hasInstallScript").and_then(Value::as_bool).unwrap_or(false);
        Some((name, Locked { version, scripts: Some(scripts) }))
    };
    Some(all.iter().filter_map(one).collect())
}

/// `Cargo.lock`, `uv.lock`, `poetry.lock`: tables of `[[package]]` with name and version.
fn toml(text: &str) -> Option<Lock> {
    let table: toml::Table = text.parse().ok()?;
    let one = |it: &toml::Value| {
        let text = |key: &str| it.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        Some((text("name")?, Locked { version: text("version").unwrap_or_default(), scripts: None }))
    };
    Some(table.get("package")?.as_array()?.iter().filter_map(one).collect())
}

/// Shows what differs from the last commit; nothing where no repository is there.
fn compare((folder, name): (&Path, &str), (text, now): (&str, &Lock), search: &mut Search<'_>) {
    let Ok(repository) = Repository::find(folder, search.until) else { return };
    let told = match committed(&repository, &folder.join(name)) {
        Some(before) if before == text => format!("{name}, as it was committed"),
        // names and versions are not all that a line of it says
        Some(before) => match read(name, &before) {
            Some(before) => format!(
                "{name}, since the last commit: {}; where packages come from can have changed too: `git diff {name}`",
                changes(&before, now)
            ),
            None => return search.missing("lock file", format!("the {name} that was committed can't be read")),
        },
        None => format!("{name}, which no commit has"),
    };
    search.add(Section::note("lock file", told));
}

/// The file as it was committed last.
fn committed(repository: &Repository, file: &Path) -> Option<String> {
    let head = repository.commit("HEAD")?;
    let file = file.canonicalize().ok()?;
    let within = file.strip_prefix(&repository.top).ok()?.to_str()?;
    repository.text(&["cat-file", "blob", &format!("{head}:{within}")]).ok()
}

fn changes(before: &Lock, now: &Lock) -> String {
    let named = |(name, it): (&String, &Locked)| {
        let scripts = if it.scripts == Some(true) { " (runs scripts)" } else { "" };
        format!("{name} {}{scripts}", it.version)
    };
    let without = |all: &Lock, other: &Lock| -> Vec<String> {
        all.iter().filter(|(name, _)| !other.contains_key(*name)).map(named).collect()
    };
    let other = now.iter().filter_map(|(name, it)| {
        let was = before.get(name).filter(|was| *was != it)?;
        Some(format!("{name} {} -> {}", was.version, named((name, it)).trim_start_matches(name).trim_start()))
    });
    let kinds = [("new", without(now, before)), ("other", other.collect()), ("gone", without(before, now))];
    let told: Vec<String> =
        kinds.iter().filter(|(_, all)| !all.is_empty()).map(|(kind, all)| list(kind, all)).collect();
    if told.is_empty() { "the same names and versions".to_owned() } else { told.join("; ") }
}

fn list(kind: &str, all: &[String]) -> String {
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = all.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{} {kind}: {shown}{more}", all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_says_which_scripts_run() {
        let text = r#"{"lockfileVersion":3,"packages":{"":{"name":"x"},"node_modules/a":{"version":"1.0.0"},
            "node_modules/b/node_modules/@s/c":{"version":"2.0.0","hasInstallScript":true}}}"#;
        let all = npm(text).unwrap_or_default();
        assert_eq!(all.len(), 2);
        assert_eq!(all["@s/c"].scripts, Some(true));
    }

    #[test]
    fn what_changed_is_named() {
        let lock = |all: &[(&str, &str, bool)]| -> Lock {
            let one = |(name, version, scripts): &(&str, &str, bool)| {
                ((*name).to_owned(), Locked { version: (*version).to_owned(), scripts: Some(*scripts) })
            };
            all.iter().map(one).collect()
        };
        let before = lock(&[("a", "1", false), ("b", "1", false), ("c", "1", false), ("d", "1", false)]);
        let now = lock(&[("a", "1", false), ("b", "2", true), ("d", "1", true), ("e", "3", true)]);
        let told = "1 new: e 3 (runs scripts); 2 other: b 1 -> 2 (runs scripts), d 1 -> 1 (runs scripts); 1 gone: c 1";
        assert_eq!(changes(&before, &now), told);
        assert_eq!(changes(&now, &now), "the same names and versions");
        let many: Lock = (0..30).map(|n| (format!("p{n:02}"), Locked::default())).collect();
        assert!(changes(&Lock::new(), &many).ends_with(" and 10 more"));
    }
}
