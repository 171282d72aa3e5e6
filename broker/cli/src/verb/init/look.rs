//! What is found in a repository, and what follows from it. Reads names and a few small files; runs nothing.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

/// Longest file that is looked into, in bytes.
const LIMIT: u64 = 1 << 20;

/// Targets and scripts of these names reach out of the machine.
const OUTWARD: [&str; 5] = ["deploy", "publish", "release", "upload", "push"];

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file or folder.
    pub(crate) what: String,
    /// What follows.
    pub(crate) follows: Follows,
}

/// What follows from a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Follows {
    /// The default profile already serves it.
    Served(&'static str),
    /// What CI obeys is not written from inside.
    Protect(String),
    /// What holds secrets looks empty.
    Hide(String),
    /// A target or script that reaches out asks first: the program, and the words in front of the name.
    Ask { program: &'static str, lead: Vec<&'static str>, names: Vec<String> },
}

impl Finding {
    /// What was chosen and why, in one line.
    pub(crate) fn chosen(&self) -> String {
        match &self.follows {
            Follows::Served(why) => (*why).to_owned(),
            Follows::Protect(_) => "not written from inside: CI runs it with the repository's own rights".to_owned(),
            Follows::Hide(_) => "looks empty from inside: it holds secrets".to_owned(),
            Follows::Ask { program, names, .. } => format!("{program} asks first for: {}", names.join(", ")),
        }
    }
}

/// Names, and what serves them by default.
const SERVED: [(&str, &str); 14] = [
    (".git", "guarded by default: hooks and config are not written, commits work"),
    ("Cargo.toml", "served by default: rust's toolchains and fetched crates can be read"),
    ("package.json", "served by default: node can be run, installs ask first"),
    ("pyproject.toml", "served by default: python can be run, installs ask first"),
    ("requirements.txt", "served by default: python can be run, installs ask first"),
    ("setup.py", "served by default: python can be run, installs ask first"),
    ("go.mod", "served by default: go's toolchains and modules can be read"),
    ("CMakeLists.txt", "served by default: compilers and their headers can be used"),
    ("configure.ac", "served by default: compilers and their headers can be used"),
    ("meson.build", "served by default: compilers and their headers can be used"),
    ("Makefile", "served by default: what make starts is held by the same boundary"),
    ("justfile", "served by default: what just starts is held by the same boundary"),
    ("Dockerfile", "nothing to do: docker's socket is out of reach, docker commands ask first"),
    ("compose.yaml", "nothing to do: docker's socket is out of reach, docker commands ask first"),
];

/// What CI systems obey.
const CI: [&str; 10] = [
    ".github/workflows",
    ".github/actions",
    ".gitlab-ci.yml",
    ".circleci",
    ".buildkite",
    "azure-pipelines.yml",
    "Jenkinsfile",
    ".travis.yml",
    ".woodpecker.yml",
    "bitbucket-pipelines.yml",
];

/// All findings, in a stable order.
pub(crate) fn at(root: &Path) -> io::Result<Vec<Finding>> {
    let mut names: Vec<String> = fs::read_dir(root)?
        .map(|entry| Ok(entry?.file_name().into_string().ok()))
        .filter_map(io::Result::transpose)
        .collect::<io::Result<_>>()?;
    names.sort();
    let served = SERVED.iter().filter(|(name, _)| root.join(name).exists());
    let mut findings: Vec<Finding> =
        served.map(|(name, why)| Finding { what: (*name).to_owned(), follows: Follows::Served(why) }).collect();
    let ci = CI.iter().filter(|name| root.join(name).exists());
    findings.extend(ci.map(|name| finding(name, Follows::Protect((*name).to_owned()))));
    let secret = names.iter().filter(|name| holds_secrets(name));
    findings.extend(secret.map(|name| finding(name, Follows::Hide(name.clone()))));
    for name in ["Makefile", "makefile", "GNUmakefile"] {
        let targets = outward(make_targets(&read(root, name)));
        findings.extend(asks(name, "make", &[], targets));
    }
    findings.extend(asks("package.json", "npm", &["run"], outward(npm_scripts(&read(root, "package.json")))));
    Ok(findings)
}

fn finding(what: &str, follows: Follows) -> Finding {
    Finding { what: what.to_owned(), follows }
}

fn asks(file: &str, program: &'static str, lead: &[&'static str], names: Vec<String>) -> Option<Finding> {
    (!names.is_empty()).then(|| finding(file, Follows::Ask { program, lead: lead.to_vec(), names }))
}

/// Text of a small file; empty where there is none.
fn read(root: &Path, name: &str) -> String {
    let mut text = String::new();
    let file = fs::File::open(root.join(name)).ok().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file()));
    file.and_then(|file| file.take(LIMIT).read_to_string(&mut text).ok()).map_or_else(String::new, |_| text)
}

fn make_targets(text: &str) -> Vec<String> {
    let rules = text.lines().filter(|line| !line.starts_with(['\t', ' ', '#', '.']));
    let heads = rules.filter_map(|line| {
        let (head, rest) = line.split_once(':')?;
        (!rest.starts_with('=') && !head.contains(['=', '$', '%'])).then_some(head)
    });
    heads.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

fn npm_scripts(text: &str) -> Vec<String> {
    let package: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let scripts = package.get("scripts").and_then(serde_json::Value::as_object);
    scripts.map(|scripts| scripts.keys().cloned().collect()).unwrap_or_default()
}

/// Names of which a part says that they reach out, if they can stand in a policy as they are.
fn outward(names: Vec<String>) -> Vec<String> {
    let parts = |name: &str| name.split(['-', '_', ':', '.', '/']).any(|part| OUTWARD.contains(&part));
    let plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_:./".contains(&b));
    let mut names: Vec<String> = names.into_iter().filter(|name| parts(name) && plain(name)).collect();
    names.sort();
    names.dedup();
    names.truncate(20);
    names
}

fn holds_secrets(name: &str) -> bool {
    let named =
        [".npmrc", ".pypirc", ".netrc", "credentials.json", "service-account.json", "secrets.yml", "secrets.yaml"];
    let example = ["example", "sample", "template", "dist", "pub"].iter().any(|part| name.contains(part));
    let suffixed = [".pem", ".p12", ".pfx", ".keystore", ".jks", ".kdbx"].iter().any(|suffix| name.ends_with(suffix));
    let env = name == ".env" || name.starts_with(".env.");
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    plain && !example && (named.contains(&name) || suffixed || env)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn targets_and_scripts_that_reach_out() {
        let make = "all: build\nbuild:\n\tcc x.c\ndeploy publish-docs: build\n\t./deploy\nVERSION := 1\nX = a:b\n%.o: %.c\n.PHONY: release\n# push: x\n";
        assert_eq!(outward(make_targets(make)), ["deploy", "publish-docs"]);
        let npm = r#"{"scripts": {"test": "jest", "release": "x", "docs:deploy": "y", "pushy": "z", "de\"ploy": "w"}}"#;
        assert_eq!(outward(npm_scripts(npm)), ["docs:deploy", "release"]);
        assert!(npm_scripts("{").is_empty());
    }

    #[test]
    fn names_of_secrets() {
        let table = [
            (".env", true),
            (".env.production", true),
            (".env.example", false),
            (".envrc", false),
            ("server.pem", true),
            ("id.pub.pem", false),
            (".npmrc", true),
            ("a\"b.pem", false),
            ("Cargo.toml", false),
        ];
        for (name, expected) in table {
            assert_eq!(holds_secrets(name), expected, "{name}");
        }
    }
}
