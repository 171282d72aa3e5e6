//! Pushes of repositories that somebody hostile wrote: what git is told, and what people are shown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_policy::action::{Exec, Form, Image};
use tollgate_policy::evidence::Section;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::{Layer, Place, Policy, parse};

use crate::{Collector, Search, destructive, packages, publish};

fn git(at: &Path, words: &[&str]) -> String {
    let out = Command::new("git")
        .args(["-c", "user.name=u", "-c", "user.email=u@example.com", "-c", "commit.gpgsign=false"])
        .args(words)
        .current_dir(at)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(out.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// A repository with `main` and, beside it, `evil`: one commit each that the other has not.
fn repository() -> Option<TempDir> {
    if Command::new("git").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("skipped: git is not installed");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    git(at, &["init", "-q", "-b", "main", "."]);
    git(at, &["remote", "add", "origin", "https://git.example/x.git"]);
    for (branch, subject) in [("evil", "the evil one"), ("main", "the good one")] {
        git(at, &["checkout", "-q", "--orphan", branch]);
        git(at, &["commit", "-q", "--allow-empty", "-m", subject]);
    }
    Some(dir)
}

/// What people are shown of a command there, as text.
fn shown(at: &Path, line: &str, look: fn(&Exec, &mut Search<'_>)) -> String {
    let abs = |path: &Path| AbsPath::new(path).unwrap();
    let place = Place {
        home: abs(at),
        workspace: abs(at),
        temp: abs(Path::new("/tmp")),
        state: abs(Path::new("/state")),
        variables: std::collections::BTreeMap::new(),
    };
    let document = parse("p", "version = 1\nname = \"p\"\nabout = \"a\"\n").unwrap();
    let policy = Policy::assemble(vec![(Layer::Person, document)], &|_| None, &place).unwrap();
    let by = Collector {
        policy: Arc::new(policy),
        workspace: abs(at),
        state: "/nonexistent".into(),
        scope: Vec::new(),
        begun: 0,
        wider: None,
        means: None,
    };
    let mut search = Search { by: &by, until: Instant::now() + Duration::from_mins(1), found: Vec::new() };
    let argv: Vec<Raw> = line.split(' ').map(Raw::from).collect();
    let image = Image { executable: None, form: Form::Native, writable: false, sha256: None };
    look(&Exec { given: Raw::from("git"), image, argv, cwd: abs(at) }, &mut search);
    let told = |section: &Section| serde_json::to_string(section).unwrap();
    search.found.iter().map(told).collect::<Vec<_>>().join("\n")
}

#[test]
fn git_is_never_told_to_write() {
    let Some(dir) = repository() else { return };
    let made = dir.path().join("made");
    let option = format!("--output={}", made.display());
    for line in [
        format!("git push origin +{option}:main HEAD"),
        format!("git push origin +{option} HEAD"),
        format!("git push origin -- {option}:main HEAD"),
        format!("git push origin -- {option} HEAD"),
    ] {
        let text = shown(dir.path(), &line, publish::push);
        assert!(!made.exists(), "{line}");
        assert!(text.contains("the good one") && text.contains("is not the name of a commit"), "{line}: {text}");
    }
    for line in [format!("git reset --hard -- {option}"), format!("git branch -D -- {option}")] {
        shown(dir.path(), &line, destructive::look);
        assert!(!made.exists(), "{line}");
    }
}

#[test]
fn all_that_would_be_pushed_is_shown() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let evil = git(at, &["rev-parse", "evil"]);
    git(at, &["update-ref", "refs/heads/twin", &evil]);
    for line in [
        "git push origin evil:main ^refs/heads/twin",
        "git push origin evil ^evil",
        "git push origin :",
        "git push origin +:",
        "git push origin refs/heads/*:refs/heads/*",
        "git push -oaddd origin evil:main",
        "git push --mir origin",
        "git push --al origin",
        "git push --push-option x origin evil",
        "git push origin -- evil",
    ] {
        let text = shown(at, line, publish::push);
        assert!(text.contains("the evil one"), "{line}: {text}");
    }
    for (name, value) in [
        ("remote.origin.push", "evil:main"),
        ("remote.origin.push", "refs/heads/e*:refs/heads/m*"),
        ("remote.origin.mirror", "true"),
        ("push.default", "matching"),
    ] {
        git(at, &["config", name, value]);
        let text = shown(at, "git push", publish::push);
        assert!(text.contains("the evil one"), "{name} = {value}: {text}");
        git(at, &["config", "--unset-all", name]);
    }
    let text = shown(at, "git --git-dir=/elsewhere push", publish::push);
    assert!(text.contains("changes what git does"), "{text}");
}

/// Names by which git's push goes to another commit than `rev-parse` does; git takes branches and tags first.
#[test]
fn names_mean_what_a_push_takes() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let [evil, good] = ["evil", "main"].map(|name| git(at, &["rev-parse", name]));
    for (reference, word) in [
        ("refs/next", "next"),
        ("refs/tags/next", "next"),
        ("refs/tags/HEAD", "HEAD"),
        ("refs/heads/HEAD", "HEAD"),
        ("refs/heads/HEAD", "@"),
    ] {
        git(at, &["update-ref", "refs/heads/next", &evil]);
        git(at, &["update-ref", reference, &good]);
        let text = shown(at, &format!("git push origin {word}:x"), publish::push);
        assert!(text.contains("may be any of"), "{reference}: {text}");
        assert!(!text.contains("the good one"), "{reference}: {text}");
        git(at, &["update-ref", "-d", reference]);
    }
    // a branch whose name is another commit's id
    git(at, &["update-ref", &format!("refs/heads/{good}"), &evil]);
    let text = shown(at, &format!("git push origin {good}:x"), publish::push);
    assert!(text.contains("the evil one") && !text.contains("the good one"), "{text}");
    fs::write(at.join(".git/next"), format!("{good}\n")).unwrap();
    let text = shown(at, "git push origin next", publish::push);
    assert!(text.contains("the evil one") && !text.contains("the good one"), "{text}");
    let text = shown(at, "git push -qo origin https://other.example/x.git", publish::push);
    assert!(text.contains("other.example") && !text.contains("git.example"), "{text}");
}

/// Attributes of the working tree hide nothing, nor does it help to say it in a message.
#[test]
fn secrets_are_found_wherever_they_are_published() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2).get(..36).unwrap());
    fs::write(at.join("run.sh"), format!("TOKEN={token}\n")).unwrap();
    git(at, &["add", "run.sh"]);
    git(at, &["commit", "-q", "-m", "a script"]);
    fs::write(at.join(".gitattributes"), "* -diff\n").unwrap();
    let text = shown(at, "git push origin main", publish::push);
    assert!(text.contains("+TOKEN=") && text.contains("\"path\":\"run.sh\""), "{text}");
    git(at, &["commit", "-q", "--allow-empty", "-m", "a word\u{1e}", "-m", &format!("with {token}")]);
    let text = shown(at, "git push origin main", publish::push);
    assert!(text.contains("commit messages") && text.contains("a word") && text.contains("the good one"), "{text}");
    assert!(!text.contains(&token), "it is shown itself: {text}");
    for line in ["git push --mirror origin", "git push --prune origin refs/heads/*"] {
        assert!(shown(at, line, publish::push).contains("is removed there"), "{line}");
    }
    fs::write(at.join(".git/shallow"), git(at, &["rev-parse", "main"])).unwrap();
    assert!(shown(at, "git push origin main", publish::push).contains("it is shallow here"));
}

#[test]
fn every_address_is_shown() {
    let Some(dir) = repository() else { return };
    let file = dir.path().join(".git/config");
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("[ReMote \"origin\"] url = https://evil.example/\\\nx.git\n[remote \"origin\"] url = https://git.example/x.git\n");
    fs::write(&file, text).unwrap();
    let text = shown(dir.path(), "git push", publish::push);
    assert!(text.contains("https://evil.example/x.git"), "{text}");
    git(dir.path(), &["config", "url.https://evil.example/.insteadOf", "https://git.example/"]);
    let text = shown(dir.path(), "git push", publish::push);
    assert!(text.contains("may lead elsewhere"), "{text}");
}

#[test]
fn what_a_lock_file_has_that_no_commit_has_is_shown() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let locked = |more: &str| format!("{{\"packages\":{{\"node_modules/a\":{{\"version\":\"1.0.0\"}}{more}}}}}");
    fs::write(at.join("package-lock.json"), locked("")).unwrap();
    assert!(shown(at, "npm ci", packages::look).contains("which no commit has"));
    git(at, &["add", "package-lock.json"]);
    git(at, &["commit", "-q", "-m", "lock"]);
    assert!(shown(at, "npm ci", packages::look).contains("as it was committed"));
    let elsewhere = locked("").replace("}}}", ",\"resolved\":\"https://evil.example/a.tgz\"}}}");
    fs::write(at.join("package-lock.json"), elsewhere).unwrap();
    let all = shown(at, "npm ci", packages::look);
    assert!(all.contains("where packages come from can have changed"), "{all}");
    let evil = ",\"node_modules/evil\":{\"version\":\"6.6.6\",\"hasInstallScript\":true}";
    fs::write(at.join("package-lock.json"), locked(evil)).unwrap();
    let all = shown(at, "npm ci", packages::look);
    assert!(all.contains("since the last commit: 1 new: evil 6.6.6 (runs scripts)"), "{all}");
}
