//! The hands on the real kernel: the same words from the kernel as without them, guarded paths that stay as they are
//! whatever is tried, races that win nothing, and git at work.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// How often a race is tried.
const TRIES: &str = "20000";

/// The example that serves a command with the hands alone; built along with the tests.
fn hands() -> Command {
    let here = std::env::current_exe().unwrap();
    Command::new(here.parent().unwrap().parent().unwrap().join("examples/hands"))
}

fn compiled(name: &str, into: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hands").join(name).with_extension("c");
    let program = into.join(name);
    let args = ["-O1", "-w", "-pthread", "-o"];
    let status = Command::new("cc").args(args).arg(&program).arg(source).status().unwrap();
    assert!(status.success(), "`cc` can't compile {name}.c");
    program
}

/// A place to work in, with its real path.
fn workspace() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let real = fs::canonicalize(dir.path()).unwrap();
    (dir, real)
}

struct Inside<'a> {
    at: &'a Path,
    guards: &'a [&'a str],
    hands: &'a str,
}

impl Inside<'_> {
    fn run(&self, program: &Path, args: &[&str]) -> Output {
        let mut command = hands();
        command.current_dir(self.at).arg("--write").arg(self.at).arg(self.hands);
        for glob in self.guards {
            command.arg("--protect").arg(format!("{}/{glob}", self.at.display()));
        }
        command.arg("--").arg(program).args(args).output().unwrap()
    }

    fn shell(&self, script: &str) -> Output {
        self.run(Path::new("/bin/bash"), &["-c", script])
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_kernels_words_are_the_same() {
    let (_kept, tools) = workspace();
    let calls = compiled("calls", &tools);
    let [bare, gated] = ["--bare", "--quiet"].map(|hands| {
        let (_kept, at) = workspace();
        let out = Inside { at: &at, guards: &[".git/**"], hands }.run(&calls, &[]);
        assert!(out.status.success(), "{hands}: {out:?}");
        let listed = Command::new("find").args([".", "-printf", "%p %M %s %l\\n"]).current_dir(&at).output().unwrap();
        let mut tree: Vec<String> = text(&listed.stdout).lines().map(str::to_owned).collect();
        tree.sort();
        (text(&out.stdout).lines().map(str::to_owned).collect::<Vec<_>>(), tree)
    });
    assert!(bare.0.len() > 300, "the program ended early: {:?}", bare.0.last());
    // Without the gate a user who doesn't own a file learns so before Landlock speaks.
    let known = |line: &&String| !line.contains("link(\"/etc/passwd\"");
    let differ = bare.0.iter().zip(&gated.0).filter(|(bare, gated)| bare != gated && known(bare));
    assert_eq!(differ.collect::<Vec<_>>(), Vec::new());
    assert_eq!(bare.0.len(), gated.0.len());
    assert_eq!(bare.1, gated.1);
}

const GUARDS: [&str; 9] = [
    ".git/hooks/**",
    ".git/config",
    ".git/info/attributes",
    ".git/commondir",
    ".git/modules/**/hooks",
    ".git/modules/**/config",
    ".envrc",
    ".vscode",
    ".mcp.json",
];

/// What stands at the guarded paths, symlinks followed.
fn guarded(at: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    let names =
        [".git/hooks", ".git/config", ".git/info/attributes", ".git/commondir", ".envrc", ".vscode", ".mcp.json"];
    let mut pending: Vec<PathBuf> = names.iter().map(|name| at.join(name)).collect();
    if !at.join(".git").is_dir() {
        pending.push(at.join(".git"));
    }
    let modules = Command::new("find").arg("-L").arg(at.join(".git/modules")).output().unwrap();
    pending.extend(
        text(&modules.stdout).lines().filter(|l| l.contains("hooks") || l.ends_with("config")).map(PathBuf::from),
    );
    while let Some(path) = pending.pop() {
        let Ok(meta) = fs::metadata(&path) else { continue };
        let content = fs::read(&path).map(|bytes| text(&bytes)).unwrap_or_default();
        out.insert(path.clone(), format!("{} {:o} {} {content}", meta.ino(), meta.mode(), meta.ctime_nsec()));
        if meta.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    out
}

const DATES: [(&str, &str); 2] =
    [("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z"), ("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")];

fn repository(at: &Path) {
    let git = |args: &[&str]| {
        let status = Command::new("git").args(args).envs(DATES).current_dir(at).status().unwrap();
        assert!(status.success(), "git {args:?}");
    };
    git(&["init", "-q", "-b", "main"]);
    fs::create_dir_all(at.join(".git/hooks")).unwrap();
    fs::write(at.join(".git/hooks/off"), "echo off").unwrap();
    git(&["config", "user.email", "a@b"]);
    git(&["config", "user.name", "a"]);
    git(&["commit", "-q", "--allow-empty", "-m", "begun"]);
}

/// Tried in a repository: one line each.
const TRIED: &str = r#"
echo evil > .git/hooks/pre-commit
echo evil >> .git/config
echo evil > .git/../.git/hooks/x; cd .git; echo evil > hooks/x; cd hooks; echo evil > x; echo evil > ./off
mv .git away; echo evil > away/hooks/pre-commit; echo evil >> away/config; mv away .git
mkdir -p x/hooks; echo evil > x/hooks/pre-commit; echo evil > x/config; mv .git old; rm -rf .git; mv -T x .git
ln .git/config c; echo evil >> c
ln .git/hooks/off h; echo evil >> h; chmod +x h
ln -s .git/config s; echo evil >> s; ln -s .git/hooks d; echo evil > d/x; ln -s d e; echo evil > e/x
mkdir -p x/hooks; echo evil > x/hooks/p; python3 -c "import ctypes; ctypes.CDLL(None).renameat2(-100, b'x', -100, b'.git', 2)"
mkdir x; echo evil > x/p; python3 -c "import ctypes; ctypes.CDLL(None).renameat2(-100, b'x', -100, b'.git/hooks', 2)"
echo evil > f; mv f .git/config; cp f .git/hooks/x; ln -f f .git/config; ln -sf f .git/config
echo evil > /proc/self/cwd/.git/hooks/x; echo evil > /proc/self/root$PWD/.envrc; exec 9< .git/hooks; echo evil > /proc/self/fd/9/x; echo evil > /dev/fd/9/x
exec 9< .git/config; echo evil > /proc/self/fd/9; echo evil >> /dev/fd/9; exec 8< .; echo evil > /proc/self/fd/8/.envrc
cd .git; exec 9< config; echo evil > /proc/$$/fd/9; echo evil > /proc/thread-self/cwd/commondir; echo evil > info/attributes
python3 -c "import os; fd = os.open('.', os.O_TMPFILE | os.O_RDWR); os.write(fd, b'evil'); d = os.open('.', 0); os.link('/proc/self/fd/%d' % fd, '.envrc', src_dir_fd=d, dst_dir_fd=d, follow_symlinks=True)"
echo evil > .envrc; echo evil > ./.envrc; echo evil > src/../.envrc; mkdir src; echo evil > src/../.envrc; touch .envrc; mkfifo .envrc; mkdir .envrc; ln -s x .envrc; echo evil > y; mv y .envrc; ln y .envrc; cp y .envrc
mkdir .vscode; mkdir .vscode/; mkdir -p .vscode/x; mkdir v; echo evil > v/tasks.json; mv v .vscode; mv -T v .vscode/; ln -s v .vscode; echo evil > .vscode/tasks.json
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('.envrc')"; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('.git/hooks/sock')"
chmod +x .git/hooks/off; python3 -c "import os; os.fchmod(os.open('.git/hooks/off', 0), 0o777)"; touch -d 1999-01-01 .git/hooks/off; chmod 0 .git/config; chmod 777 .git/hooks
python3 -c "import os; os.setxattr('.git/config', 'user.x', b'1')"; python3 -c "import os; fd = os.open('.git/config', 0); os.setxattr(fd, 'user.x', b'1')"; chown -h $(id -u) .git/config; python3 -c "import os; os.fchown(os.open('.git/config', 0), -1, -1)"
truncate -s 0 .git/config; python3 -c "import os; os.truncate('.git/config', 0)"; rm -f .git/config; rm -rf .git/hooks; rmdir .git/hooks; unlink .git/hooks/off
mv .git/hooks h; mv .git/hooks .git/hooks2; mv .git/hooks/off off; mv .git/config .git/config.old
sed -i s/a/evil/ .git/config; git config core.fsmonitor evil; git config --worktree x.y z; git remote add evil /evil; perl -pi -e s/a/evil/ .git/hooks/off
mkdir -p .git/modules/sub/hooks; mkdir -p .git/modules/sub; echo evil > .git/modules/sub/config; mkdir -p m/hooks; echo evil > m/hooks/x; echo evil > m/config; mv m .git/modules/sub; mv -T m .git/modules/sub/m; mkdir -p n/a/b; echo evil > n/a/b/config; mv n .git/modules/; mv n .git/modules2; mv .git/modules2 .git/modules
mkdir -p m/a; echo evil > m/a/config; ln -s "$PWD/m" .git/modules
mkdir x; ln -s ../y x/hooks; mkdir y; echo evil > y/p; mv .git o; mv x .git
rm .git/HEAD; rm -rf .git; mkdir .git; mkdir .git/hooks; mkdir e; echo evil > e/x; ln -s ../e .git/hooks
cp -r /etc/hostname .mcp.json; install -m 755 /etc/hostname .mcp.json; tee .mcp.json < /etc/hostname; dd if=/etc/hostname of=.mcp.json; tar c README 2>/dev/null | tar x --transform s,README,.mcp.json,; python3 -c "open('.mcp.json', 'w').write('evil')"
"#;

/// Tried where there is no repository.
const TRIED_WITHOUT: &str = r"
ln -s evil .git; mkdir -p evil/hooks; echo evil > evil/hooks/x
echo 'gitdir: evil' > .git
mkdir -p x/hooks; echo evil > x/hooks/pre-commit; mv x .git
mkdir x; echo evil > x/config; mv x .git
mkdir x; mkdir -p y/hooks; echo evil > y/hooks/p; ln -s ../y/hooks x/hooks; mv x .git
mkdir x; mv x .git; mkdir y; echo evil > y/p; mv y .git/hooks; ln -s ../y .git/hooks
mkdir .git; mkdir .git/hooks; cp -r /etc/hostname .git/config
mkdir -p x/modules/s; echo evil > x/modules/s/config; mv x .git
ln -s .. up; mkdir x; ln -s x .git; rm .git; mv x .git; echo evil > .git/config
git init -q .
mkdir q; echo 'gitdir: q' > gitfile; mv gitfile .git; ln gitfile .git
";

#[test]
fn guarded_paths_stay_as_they_are() {
    let mut lost = Vec::new();
    let tables = [(TRIED, true), (TRIED_WITHOUT, false)];
    let tried = tables.into_iter().flat_map(|(table, with)| table.lines().map(move |line| (line, with)));
    for (script, with) in tried.filter(|(line, _)| !line.is_empty()) {
        let (_kept, at) = workspace();
        if with {
            repository(&at);
        }
        let before = guarded(&at);
        let out = Inside { at: &at, guards: &GUARDS, hands: "--quiet" }.shell(script);
        if guarded(&at) != before {
            lost.push(format!("{script}\n{:#?}\n{}", guarded(&at), text(&out.stderr)));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n\n"));
}

/// What the lines above do where nobody stops them: each must be able to fail.
#[test]
fn every_try_succeeds_without_the_hands() {
    let mut idle = Vec::new();
    for (table, with) in [(TRIED, true), (TRIED_WITHOUT, false)] {
        for script in table.lines().filter(|line| !line.is_empty()) {
            let (_kept, at) = workspace();
            if with {
                repository(&at);
            }
            let before = guarded(&at);
            let out = Inside { at: &at, guards: &GUARDS, hands: "--bare" }.shell(script);
            if guarded(&at) == before {
                idle.push(format!("{script}\n{}", text(&out.stderr)));
            }
        }
    }
    assert!(idle.is_empty(), "{}", idle.join("\n\n"));
}

/// Races for one call, in each way that its meaning can be swapped.
fn races(call: &str, ways: &[&str]) {
    let (_kept, tools) = workspace();
    let race = compiled("race", &tools);
    let there = ["unlink", "rmdir", "chmod", "chown", "utime", "truncate", "setxattr", "removexattr", "exchange"];
    for way in ways {
        let (_kept, at) = workspace();
        fs::create_dir_all(at.join("free/m")).unwrap();
        fs::create_dir(at.join("guard")).unwrap();
        for name in ["free/there", "guard/there", "made"] {
            fs::write(at.join(name), "kept").unwrap();
        }
        for side in ["free", "guard"] {
            let x = at.join(side).join("x");
            match call {
                "rmdir" => fs::create_dir(x).unwrap(),
                _ if there.contains(&call) => fs::write(x, "kept").unwrap(),
                _ => {}
            }
        }
        std::os::unix::fs::symlink("free", at.join("l1")).unwrap();
        std::os::unix::fs::symlink("guard", at.join("l2")).unwrap();
        assert!(Command::new(&race).args(["prepare", way, "0"]).current_dir(&at).status().unwrap().success());
        let before = seen(&at.join("guard"));
        let out = Inside { at: &at, guards: &["guard/**"], hands: "--quiet" }.run(&race, &[call, way, TRIES]);
        assert!(out.status.success(), "{call} {way}: {out:?}");
        assert_eq!(seen(&at.join("guard")), before, "{call} {way}: {}", text(&out.stdout));
        let said = text(&out.stdout);
        let tried = format!("of {TRIES} calls");
        assert!(said.contains(&tried) && !said.contains(": 0 of"), "the free side was never reached: {said}");
    }
}

/// Everything that a change would show in: status change times too.
fn seen(dir: &Path) -> BTreeMap<PathBuf, (u64, u32, i64, i64, u64)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let paths = entries.chain([dir.to_owned()]);
    paths
        .map(|path| {
            let meta = fs::symlink_metadata(&path).unwrap();
            (path, (meta.ino(), meta.mode(), meta.ctime(), meta.ctime_nsec(), meta.len()))
        })
        .collect()
}

macro_rules! races {
    ($($name:ident: $call:literal, $($way:literal),+;)+) => {$(
        #[test]
        fn $name() {
            races($call, &[$($way),+]);
        }
    )+};
}

races! {
    race_open: "open", "pointer", "symlink", "dirfd", "cwd", "descriptor", "parent";
    race_mkdir: "mkdir", "pointer", "symlink", "dirfd", "cwd", "parent";
    race_mknod: "mknod", "pointer", "symlink", "dirfd", "cwd", "parent";
    race_symlink: "symlink", "pointer", "symlink", "dirfd", "cwd", "parent";
    race_link: "link", "pointer", "symlink", "dirfd", "cwd", "parent";
    race_rename: "rename", "pointer", "symlink", "dirfd", "cwd", "parent";
    race_exchange: "exchange", "pointer", "symlink", "dirfd", "cwd";
    race_unlink: "unlink", "pointer", "symlink", "dirfd", "cwd";
    race_rmdir: "rmdir", "pointer", "symlink", "dirfd", "cwd";
    race_chmod: "chmod", "pointer", "symlink", "dirfd", "cwd", "descriptor";
    race_chown: "chown", "pointer", "symlink", "dirfd", "cwd", "descriptor";
    race_utime: "utime", "pointer", "symlink", "dirfd", "cwd", "descriptor";
    race_truncate: "truncate", "pointer", "symlink", "cwd", "descriptor";
    race_setxattr: "setxattr", "pointer", "symlink", "cwd", "descriptor";
    race_removexattr: "removexattr", "pointer", "symlink", "cwd", "descriptor";
    race_bind: "bind", "pointer", "symlink", "cwd";
}

/// Ways to a repository whose configuration or hooks run a program; each works without the hands, in `repo`.
const EVIL: [&str; 12] = [
    "mkdir -p repo/refs repo/objects; echo 'ref: refs/heads/main' > repo/HEAD; cp ../evil repo/config",
    "mkdir repo; cp ../evil repo/config; echo 'ref: refs/heads/main' > repo/HEAD; mkdir repo/objects repo/refs",
    "mkdir repo; cp ../evil repo/config; mkdir x; mv x repo/refs; mkdir y; mv y repo/objects",
    "git init -q --bare repo; cp ../evil x; mv x repo/config",
    "git init -q --bare repo; cat ../evil > repo/config",
    "git init -q --bare repo; rm repo/config; ln -s ../../evil repo/config",
    "git init -q --bare repo; ln repo/config x; cat ../evil > x",
    "git init -q --bare repo; exec 5< repo/config; cat ../evil > /proc/self/fd/5",
    "mkdir repo; exec 5> repo/config; mkdir repo/refs repo/objects; cat ../evil >&5",
    "git init -q --bare repo; mkdir -p repo/hooks; cp ../hook repo/hooks/post-checkout",
    "git init -q --bare repo; rm -rf repo/hooks; mkdir x; cp ../hook x/post-checkout; mv x repo/hooks",
    "git init -q repo; git -C repo config core.fsmonitor 'touch /nowhere'",
];

#[test]
fn no_repository_of_the_sandboxs_own_runs_a_program() {
    for (hands, expected) in [("--quiet", false), ("--bare", true)] {
        for script in EVIL {
            let (_kept, at) = workspace();
            fs::write(at.join("evil"), "[core]\n\tfsmonitor = evil\n").unwrap();
            fs::write(at.join("hook"), "#!/bin/sh\necho evil\n").unwrap();
            fs::create_dir(at.join("w")).unwrap();
            let script = format!("cd w; exec 2>/dev/null; {script}; true");
            let out = Inside { at: &at, guards: &[], hands }.shell(&script);
            assert!(out.status.success(), "{script}: {out:?}");
            let repo = at.join("w/repo");
            let git = [repo.clone(), repo.join(".git")].into_iter().find(|dir| is_repository(dir));
            let evil = git.is_some_and(|git| is_evil(&git));
            assert_eq!(evil, expected, "{hands} {script}");
        }
    }
}

/// As git's `is_git_directory` has it, without `HEAD`, which can come last.
fn is_repository(dir: &Path) -> bool {
    dir.join("objects").exists() && dir.join("refs").exists()
}

fn is_evil(git: &Path) -> bool {
    let config = fs::read_to_string(git.join("config")).unwrap_or_default();
    config.contains("fsmonitor") || git.join("hooks/post-checkout").exists()
}

#[test]
fn repositories_are_made_and_used_in_here() {
    let script = "set -e; export GIT_CONFIG_GLOBAL=/dev/null; git init -q -b main a; cd a; git config user.email a@b; git config user.name a
        git commit -q --allow-empty -m one; cd ..; git init -q --bare -b main b; git -C a remote add origin ../b; git -C a push -q -u origin main
        git clone -q b c; git -C c config pull.rebase true; git -C c pull -q; git -C c remote add up ../a; git -C c fetch -q up
        cd c; git -c protocol.file.allow=always submodule --quiet add ../b lib; git -c user.name=a -c user.email=a@b commit -qm sub
        git submodule --quiet deinit -f lib; git worktree add -q ../d; git -C ../d log --oneline | wc -l; mkdir -p src/hooks; echo x > src/hooks/use.ts
        mkdir -p etc; echo y > etc/config; mv etc/config etc/refs; echo done";
    for hands in ["--bare", "--quiet"] {
        let (_kept, at) = workspace();
        let out = Inside { at: &at, guards: &[], hands }.shell(script);
        assert!(out.status.success() && text(&out.stdout).ends_with("done\n"), "{hands} {out:?}");
    }
}

/// A day's work with git; what it says and leaves must not depend on the hands.
const WORK: &str = r"
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' GIT_EDITOR=true HOME=/nonexistent
cd main
seq 100 > a; mkdir -p dir/sub; seq 5 > dir/sub/b; chmod +x a; ln -s a link
git add . && git commit -qm one && git status --short
git checkout -q -b topic; echo x >> a; git commit -qam two; git checkout -q main; echo y > c; git add c; git commit -qm three
git merge -q -m merged topic; git log --oneline --graph
echo dirty >> c; git stash -q; git stash list; git stash pop -q; git checkout -q -- c
git checkout -q -b third HEAD~1; echo z > d; git add d; git commit -qm four; git rebase -q main; git log --oneline | head -3
git checkout -q main; git reset -q --hard HEAD~1; git cherry-pick third; git revert --no-edit HEAD
git tag -a v1 -m tag; git branch renamed third; git branch -D topic; git mv a moved; git commit -qm moved; git rm -q c; git commit -qm removed
git worktree add -q ../tree renamed; (cd ../tree && echo w > w && git add w && git commit -qm wt && git status --short); git worktree list | sed 's,.*/,,'; git worktree remove ../tree
git submodule update; (cd sub && git checkout -q --detach && echo s > s && git add s && git commit -qm sub); git add sub; git commit -qm bumped; git submodule status | cut -c1-41
git clean -qfdx; git gc -q; git fsck; git repack -qad; git count-objects -v | grep -v size; git reflog | head -5; git status --short --branch
git bisect start HEAD v1 2>&1 | head -1; git bisect reset; git notes add -m note; git archive HEAD | tar tf -; git diff --stat v1 HEAD; git bundle create -q ../b HEAD; git format-patch -q -1 -o ..; git rev-parse HEAD v1 renamed
";

#[test]
fn git_works_as_without() {
    let [bare, gated] = ["--bare", "--quiet"].map(|hands| {
        let (_kept, at) = workspace();
        fs::create_dir(at.join("main")).unwrap();
        repository(&at.join("main"));
        let script = "git init -q -b main lib; cd lib; git config user.email a@b; git config user.name a; git commit -q --allow-empty -m l; \
            cd ../main; git -c protocol.file.allow=always submodule --quiet add ../lib sub; \
            git -C sub config user.email a@b; git -C sub config user.name a; git commit -qm sub";
        let made = Command::new("sh").args(["-c", script]).envs(DATES).current_dir(&at).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let guards: Vec<String> = GUARDS.iter().map(|glob| format!("main/{glob}")).collect();
        let guards: Vec<&str> = guards.iter().map(String::as_str).collect();
        let out = Inside { at: &at, guards: &guards, hands }.shell(WORK);
        let told = format!("{}{}", text(&out.stdout), text(&out.stderr)).replace(&at.display().to_string(), "AT");
        assert!(!told.contains("denied"), "{told}");
        told
    });
    let differ = bare.lines().zip(gated.lines()).find(|(bare, gated)| bare != gated);
    assert_eq!(differ, None, "{gated}");
    assert_eq!(bare.len(), gated.len());
}
