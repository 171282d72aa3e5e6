//! npm: the project's `.npmrc` and `package.json` name registries and programs, and a package's scripts run when it is
//! published. What others of its kind (pnpm, bun, yarn) read besides, programs among it, can't be left out.

use std::path::Path;

use serde_json::Value;

use super::{above, insert, not_taken};
use crate::{Asking, Prepared, files};

/// Verbs with the person's credentials.
const PUBLISH: [&str; 12] = [
    "publish",
    "unpublish",
    "deprecate",
    "dist-tag",
    "owner",
    "access",
    "token",
    "login",
    "adduser",
    "logout",
    "profile",
    "star",
];

/// Options of theirs, whole; npm takes any beginning that is clear, and `--no-…` of each.
const FLAGS: [&str; 20] = [
    "--dry-run",
    "--provenance",
    "--no-provenance",
    "--json",
    "--silent",
    "-s",
    "--verbose",
    "-d",
    "-dd",
    "--quiet",
    "-q",
    "--force",
    "-f",
    "--yes",
    "-y",
    "--read-only",
    "--no-color",
    "--no-progress",
    "--no-fund",
    "--ignore-scripts",
];

/// Such with a value.
const VALUED: [&str; 9] =
    ["--tag", "--access", "--otp", "--registry", "--loglevel", "--scope", "--auth-type", "--cidr", "--color"];

/// Settings of `.npmrc` that change nothing of where it goes and what runs.
const HARMLESS: [&str; 14] = [
    "access",
    "audit",
    "auto-install-peers",
    "engine-strict",
    "fund",
    "legacy-peer-deps",
    "lockfile",
    "loglevel",
    "package-lock",
    "progress",
    "save-exact",
    "save-prefix",
    "strict-peer-dependencies",
    "tag-version-prefix",
];

/// What a package may say of its own publishing: any setting of npm's is taken there.
const OF_PACKAGE: [&str; 11] = [
    "access",
    "tag",
    "provenance",
    "registry",
    "directory",
    "linkDirectory",
    "main",
    "module",
    "types",
    "bin",
    "exports",
];

/// Makes it ready; `other` is one of npm's kind that a command goes by.
///
/// # Errors
/// Why it can't go outside.
pub(crate) fn prepare(
    asking: &Asking<'_>,
    (words, other): (&[&str], Option<&String>),
    prepared: &mut Prepared,
) -> Result<(), String> {
    if !words.iter().any(|word| PUBLISH.contains(word)) {
        return Ok(());
    }
    if let Some(other) = other {
        return Err(format!(
            "`{other}` is not run outside for this: files of the workspace say what it starts; use npm"
        ));
    }
    let plain = plain(words)?;
    for folder in above(asking) {
        let file = folder.join(".npmrc");
        let Some(text) = files::text(&file, &|_| true)? else { continue };
        if !is_harmless(&text) {
            return Err(format!(
                "{} says more than is followed outside (a registry, a token, a program)",
                file.display()
            ));
        }
        files::add(&file, prepared)?;
    }
    if plain.first() == Some(&"publish") && words.first() == Some(&"publish") {
        of_package(asking.exec.cwd.as_path(), plain.get(1..).unwrap_or_default(), prepared)?;
        if !words.contains(&"--ignore-scripts") {
            insert(prepared, "publish", &["--ignore-scripts"]);
            prepared.fact(
                "not run",
                "the package's scripts: it is published with --ignore-scripts; run them inside before",
            );
        }
    } else if plain.contains(&"publish") {
        return Err("write `publish` first: the package's scripts are not run outside".into());
    }
    Ok(())
}

/// The words that are no options; each option is a known one.
fn plain<'a>(words: &[&'a str]) -> Result<Vec<&'a str>, String> {
    let mut plain = Vec::new();
    let mut left = words.iter().copied();
    while let Some(word) = left.next() {
        if VALUED.contains(&word) {
            left.next().filter(|value| !value.starts_with('-')).ok_or_else(|| not_taken(word))?;
        } else if word.starts_with('-') {
            let valued = word.split_once('=').is_some_and(|(name, _)| VALUED.contains(&name));
            if !valued && !FLAGS.contains(&word) {
                return Err(not_taken(word));
            }
        } else {
            plain.push(word);
        }
    }
    Ok(plain)
}

/// Whether each line of it is a known setting. npm's own reading ends lines at a lone carriage return, too.
fn is_harmless(text: &str) -> bool {
    let text = text.replace("\r\n", "\n");
    let odd = text.contains(|c: char| !(c == '\n' || c == '\t' || c == ' ' || c.is_ascii_graphic()));
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    !odd && !text.contains("${")
        && lines.all(|line| HARMLESS.contains(&line.split('=').next().unwrap_or_default().trim()))
}

/// Looks at the packages that are published: folders and archives here, since one that is fetched is built.
fn of_package(cwd: &Path, named: &[&str], prepared: &mut Prepared) -> Result<(), String> {
    let archive =
        |name: &str| [".tgz", ".tar.gz", ".tar"].iter().any(|end| name.ends_with(end)) && !name.contains(['/', ':']);
    for name in if named.is_empty() { &["."] } else { named } {
        let path = cwd.join(name);
        if !(name.starts_with(['.', '/']) && path.exists() || archive(name)) {
            let name = name.escape_debug();
            return Err(format!("`{name}` is not published from outside: write a folder as `./{name}`"));
        }
        let file = path.join("package.json");
        let Some(text) = files::text(&file, &|_| true)? else { continue };
        let package: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|e| format!("{} can't be read: {e}", file.display()))?;
        let settings = package.get("publishConfig").and_then(Value::as_object);
        if let Some(odd) = settings.and_then(|said| said.keys().find(|key| !OF_PACKAGE.contains(&key.as_str()))) {
            let odd = odd.escape_debug();
            return Err(format!("{} says `publishConfig.{odd}`, which is not followed outside", file.display()));
        }
        if *name != "." {
            files::add(&file, prepared)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_and_whole() {
        for (line, fine) in [
            ("publish", true),
            ("publish --access public --tag=next --dry-run", true),
            ("dist-tag add x@1 latest --otp 123456", true),
            ("publish --ignore-scripts", true),
            ("publish --no-ignore-scripts", false),
            ("publish --ignore-scripts=false", false),
            ("publish --no-ignore-s", false),
            ("publish --userconf=rc", false),
            ("publish --userconfig rc", false),
            ("publish --registry --userconfig=rc", false),
            ("publish --@x:registry=https://evil", false),
            ("publish -C x", false),
            ("publish -w x", false),
            ("publish --script-shell ./x", false),
        ] {
            assert_eq!(plain(&line.split(' ').collect::<Vec<_>>()).is_ok(), fine, "npm {line}");
        }
    }

    #[test]
    fn settings_are_read_as_npm_reads_them() {
        for (text, fine) in [
            ("audit=false\n; a\n# b\n\nsave-exact = true\r\n", true),
            ("audit=false\rregistry=https://evil/\r//evil/:_authToken=${NPM_TOKEN}\n", false),
            ("# x\rregistry=https://evil/\n", false),
            ("\u{85}# x\n", false),
            ("audit[]=x\n", false),
            ("\"registry\"=x\n", false),
            ("[x]\naudit=false\n", false),
            ("save-prefix=${NPM_TOKEN}\n", false),
        ] {
            assert_eq!(is_harmless(text), fine, "{text:?}");
        }
    }

    #[test]
    fn packages_say_nothing_of_programs() {
        let dir = tempfile::tempdir().unwrap();
        let says = |text: &str, named: &[&str]| {
            std::fs::write(dir.path().join("package.json"), text).unwrap();
            of_package(dir.path(), named, &mut Prepared::default()).is_ok()
        };
        assert!(says("{\"name\": \"x\", \"publishConfig\": {\"access\": \"public\"}}", &[]));
        assert!(says("{}", &["x-1.0.0.tgz"]));
        assert!(!says("{\"publishConfig\": {\"ignore-scripts\": false}}", &[]));
        assert!(!says("{\"publishConfig\": {\"script-shell\": \"./x\"}}", &["./"]));
        for fetched in ["github:o/r", "o/r", "git+ssh://x/y", "o/r.tgz", "https://x/y.tgz"] {
            assert!(!says("{}", &[fetched]), "{fetched}");
        }
    }
}
