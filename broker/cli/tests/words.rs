//! What the program says: help of every verb, and its errors, held against files in `snapshots/`. After a change that
//! is meant, `TOLLGATE_BLESS=1 cargo test -p tollgate --test words` writes them anew, and the diff is for review.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Lines of help and errors are at most so long.
const WIDTH: usize = 80;

fn tollgate(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .env("TOLLGATE_STATE_DIR", home.join("state"))
        .current_dir(home)
        .output()
        .unwrap()
}

fn hold(name: &str, said: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&path, said).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == said, "{} differs\n--- kept\n{kept}\n--- said\n{said}", path.display());
}

#[test]
fn help() {
    let verbs: &[&[&str]] = &[
        &[],
        &["run"],
        &["shell"],
        &["entrypoint"],
        &["hook"],
        &["hook", "install"],
        &["hook", "uninstall"],
        &["hook", "status"],
        &["init"],
        &["doctor"],
        &["approvals"],
        &["approvals", "list"],
        &["approvals", "show"],
        &["approvals", "approve"],
        &["approvals", "deny"],
        &["policy"],
        &["policy", "check"],
        &["policy", "test"],
        &["policy", "explain"],
        &["policy", "lint"],
        &["policy", "trust"],
        &["policy", "import"],
        &["evidence"],
        &["policy", "replay"],
        &["policy", "suggest"],
        &["policy", "schema"],
        &["ledger"],
        &["ledger", "list"],
        &["ledger", "show"],
        &["ledger", "verify"],
        &["ledger", "export"],
        &["ledger", "checkpoint"],
        &["watch"],
        &["web"],
        &["report"],
        &["completions"],
        &["man"],
    ];
    let home = tempfile::tempdir().unwrap();
    for verb in verbs {
        let out = tollgate(home.path(), &[*verb, &["--help"]].concat());
        let said = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && out.stderr.is_empty(), "{verb:?}");
        let first = said.lines().next().unwrap();
        assert!(!first.ends_with('.'), "{verb:?}: the first line ends with a full stop");
        assert!(said.contains("Example:\n  "), "{verb:?} has no example");
        for line in said.lines() {
            assert!(line.chars().count() <= WIDTH, "{verb:?}: longer than {WIDTH}: {line}");
        }
        hold(&format!("help{}", [""].iter().chain(*verb).copied().collect::<Vec<_>>().join("-")), &said);
    }
}

#[test]
fn errors() {
    let home = tempfile::tempdir().unwrap();
    let work = home.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let write = |name: &str, text: &str| std::fs::write(work.join(name), text).unwrap();
    write("syntax.toml", "version = 1\n[defaults\nexec = \"allow\"\n");
    write("key.toml", "version = 1\n\n[[comand]]\neffect = \"deny\"\n");
    write("type.toml", "version = 1\n[approvals]\ndeadline = \"soon\"\n");
    write(
        "example.toml",
        "version = 1\n[[command]]\neffect = \"deny\"\nprogram = [\"rm\"]\nbecause = \"x\"\nmatches = [\"ls -l\"]\n",
    );
    write("extends.toml", "version = 1\nextends = [\"bsae\"]\n");
    let cases: &[(&str, &[&str], i32)] = &[
        ("no-verb", &[], 2),
        ("unknown-verb", &["rum"], 2),
        ("run-no-command", &["run"], 122),
        ("run-unknown-flag", &["run", "--wirte", ".", "true"], 122),
        ("run-not-found", &["run", "--workspace", "work", "--", "no-such-command"], 122),
        ("run-not-found-path", &["run", "--workspace", "work", "--", "./no-such-command"], 122),
        ("run-empty-command", &["run", "--workspace", "work", "--", ""], 122),
        ("run-root", &["run", "--workspace", "/", "--", "true"], 122),
        ("run-home", &["run", "--", "true"], 122),
        ("run-no-workspace", &["run", "--workspace", "gone", "--", "true"], 122),
        ("run-file-workspace", &["run", "--workspace", "work/key.toml", "--", "true"], 122),
        ("run-no-profile", &["run", "--workspace", "work", "--profile", "wrokspace", "--", "true"], 120),
        ("run-no-policy", &["run", "--workspace", "work", "--policy", "gone.toml", "--", "true"], 120),
        ("run-no-feature", &["run", "--workspace", "work", "--require", "landlok", "--", "true"], 122),
        ("run-bad-net", &["run", "--workspace", "work", "--net", "a b", "--", "true"], 122),
        ("run-read-home", &["run", "--workspace", "work", "--read", ".", "--", "true"], 122),
        ("policy-syntax", &["policy", "check", "work/syntax.toml"], 120),
        ("policy-key", &["policy", "check", "work/key.toml"], 120),
        ("policy-type", &["policy", "check", "work/type.toml"], 120),
        ("policy-example", &["policy", "check", "work/example.toml"], 120),
        ("policy-extends", &["policy", "check", "work/extends.toml"], 120),
        ("approve-unknown", &["approvals", "approve", "k3f9x2ab-1"], 1),
        ("approve-scope", &["approvals", "approve", "k3f9x2ab-1", "--scope", "forever"], 2),
        ("approve-time", &["approvals", "approve", "k3f9x2ab-1", "--scope", "until=soon"], 2),
        ("report-no-ledger", &["report"], 1),
        ("report-since", &["report", "--since", "yesterday"], 2),
    ];
    for (name, arguments, code) in cases {
        let out = tollgate(home.path(), arguments);
        let said = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(*code), "{name}: {said}");
        assert!(out.stdout.is_empty(), "{name} wrote to stdout");
        let real = home.path().canonicalize().unwrap();
        hold(&format!("error-{name}"), &said.replace(real.to_str().unwrap(), "HOME"));
    }
}
