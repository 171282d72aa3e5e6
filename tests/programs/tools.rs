//! Toolchains without a terminal.

use std::time::Duration;

use tollgate_tests::{Job, Scene, cases, skip};

cases! { both: cargo_builds_and_tests git_commits_in_a_worktree npm_tests python_tests compiler_and_make }

/// Whether the person can run this outside of any boundary; if not, says so.
fn can(scene: &Scene, text: &str) -> bool {
    let mut command = scene.command("/bin/sh");
    command.args(["-c", text]);
    let outcome = Job::new(command).end();
    if !outcome.status.success() {
        skip(&format!("`{text}` does not work here for this person, without any boundary"));
    }
    outcome.status.success()
}

fn shell(scene: &Scene, text: &str) -> tollgate_tests::Outcome {
    scene.job::<&str, _>(&[], &["/bin/bash", "-ec", text]).deadline(Duration::from_mins(4)).end()
}

/// Where the toolchains of whoever runs the tests are, and what cargo keeps; the scene's home has neither.
pub(crate) fn toolchain(name: &str, folder: &str) -> std::ffi::OsString {
    std::env::var_os(name).unwrap_or_else(|| {
        let home = std::env::var_os("HOME").unwrap_or_default();
        std::path::Path::new(&home).join(folder).into_os_string()
    })
}

fn cargo_builds_and_tests(scene: &Scene) {
    let (rustup, cargo) = (toolchain("RUSTUP_HOME", ".rustup"), toolchain("CARGO_HOME", ".cargo"));
    let setup =
        format!("export RUSTUP_HOME={}; cargo --version && cargo init -q --vcs none --name sample .", rustup.display());
    if !can(scene, &setup) {
        return;
    }
    let text = "pub fn twice(n: u32) -> u32 { n * 2 }\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn doubles() { assert_eq!(super::twice(2), 4); }\n}\n";
    scene.file(scene.workspace.join("src/lib.rs"), text);
    scene.file(scene.workspace.join("build.rs"), "fn main() { println!(\"cargo::rustc-env=BUILT=yes\"); }\n");
    let text = "cargo build --offline && cargo test --offline && cargo run --offline -q";
    let outcome = scene
        .job::<&str, _>(&[], &["/bin/bash", "-ec", text])
        .env("RUSTUP_HOME", rustup)
        .env("CARGO_HOME", cargo)
        .deadline(Duration::from_mins(4))
        .end();
    outcome.ended(0);
    assert!(outcome.out.contains("1 passed") && outcome.out.contains("Hello, world!"), "{outcome}");
    scene.verifies();
}

fn git_commits_in_a_worktree(scene: &Scene) {
    if !can(scene, "git --version") {
        return;
    }
    let setup = "git init -q -b main . && git config user.name u && git config user.email u@example.com && echo a > a && git add a
        git commit -qm a && git worktree add -q -b side tree";
    let mut command = scene.command("/bin/bash");
    command.args(["-ec", setup]);
    Job::new(command).end().ended(0);
    let outcome = shell(
        scene,
        "echo b > b; git add b; git commit -qm b; cd tree; echo c > c; git add c; git commit -qm c; git log --oneline | wc -l
         cd ..; git merge -q side -m merge; git status --short; git stash list; git branch topic; git tag v1; git log --oneline | wc -l",
    );
    outcome.ended(0);
    let counts: Vec<&str> = outcome.out.split_whitespace().filter(|word| word.parse::<u32>().is_ok()).collect();
    assert_eq!(counts, ["2", "4"], "{outcome}");
    let mut command = scene.command("git");
    command.args(["log", "--oneline", "side"]);
    assert_eq!(Job::new(command).end().out.lines().count(), 2);
    assert_eq!(scene.events("asked"), 0);
}

fn npm_tests(scene: &Scene) {
    if !can(scene, "npm --version && node --version") {
        return;
    }
    scene.folder(scene.workspace.join("left"));
    scene.file(scene.workspace.join("left/package.json"), r#"{"name":"left","version":"1.0.0","main":"index.js"}"#);
    scene.file(scene.workspace.join("left/index.js"), "module.exports = n => n + 1;\n");
    let package = r#"{"name":"sample","version":"1.0.0","scripts":{"test":"node --test test.js","build":"node -p 1+1"},"dependencies":{"left":"file:./left"}}"#;
    scene.file(scene.workspace.join("package.json"), package);
    scene.file(
        scene.workspace.join("test.js"),
        "require('node:test')('adds', () => require('node:assert').equal(require('left')(1), 2));\n",
    );
    let outcome = shell(
        scene,
        "npm install --offline --no-audit --no-fund && npm ci --offline --no-audit --no-fund && npm run build && npm test",
    );
    outcome.ended(0);
    assert!(outcome.out.contains("pass 1"), "{outcome}");
}

fn python_tests(scene: &Scene) {
    if !can(
        scene,
        "/usr/bin/python3 -m venv --without-pip /dev/null/x 2>&1 | grep -q venv || /usr/bin/python3 -c 'import venv, unittest'",
    ) {
        return;
    }
    scene.file(
        scene.workspace.join("test_sample.py"),
        "import subprocess, tempfile, threading, unittest\nclass T(unittest.TestCase):\n    def test(self):\n        with tempfile.NamedTemporaryFile() as f:\n            f.write(b'x'); f.flush()\n            self.assertEqual(subprocess.check_output(['cat', f.name]), b'x')\n        t = threading.Thread(target=lambda: None); t.start(); t.join()\n",
    );
    let outcome = shell(
        scene,
        "/usr/bin/python3 -m venv --without-pip v && . v/bin/activate && python -c 'import sys; print(sys.prefix)' && python -m unittest -q",
    );
    outcome.ended(0).told("OK");
    assert!(outcome.out.contains("/v"), "{outcome}");
    if can(scene, "/usr/bin/python3 -m pytest --version") {
        shell(scene, "/usr/bin/python3 -m pytest -q test_sample.py").ended(0);
    }
}

fn compiler_and_make(scene: &Scene) {
    if !can(scene, "cc --version && make --version") {
        return;
    }
    scene.file(scene.workspace.join("p.c"), "#include <stdio.h>\nint main(void) { puts(\"made\"); }\n");
    scene.file(scene.workspace.join("Makefile"), "all: p\n\t./p\np: p.c\n\tcc -o p p.c\n");
    let outcome = shell(scene, "make -s -j2");
    outcome.ended(0).printed("made\n");
}
