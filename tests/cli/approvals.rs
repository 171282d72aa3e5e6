//! A question, and all that can become of it. `git push` to a repository beside the workspace is what is asked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases};

cases! { everywhere: approved denied_with_a_reason }
cases! { everywhere: expired unattended two_answers_at_once wrong_digest for_the_run prefix prefix_never_covers_shells
evidence_of_a_push uses_end revoked denied_for_the_run unanswerable_from_inside unknown_question not_for_other_users withdrawn }

pub(crate) const PUSH: [&str; 4] = ["git", "push", "origin", "HEAD:refs/heads/main"];

/// A repository with a commit, and a bare one to push to, in a root of its own.
pub(crate) fn repository(scene: &Scene) -> PathBuf {
    let bare = scene.workspace.join("remote.git");
    let text = format!(
        "set -e; cd {workspace}; git init -q -b work .; git init -q --bare remote.git
         git config user.name u; git config user.email u@example.com; git remote add origin {bare}
         echo one > file; git add file; git commit -qm one",
        workspace = scene.workspace.display(),
        bare = bare.display(),
    );
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    Job::new(command).end().ended(0);
    bare
}

pub(crate) fn has_arrived(bare: &Path) -> bool {
    let show = Command::new("git")
        .args(["-c", "safe.directory=*", "--git-dir"])
        .arg(bare)
        .args(["rev-parse", "--verify", "-q", "refs/heads/main"])
        .output()
        .unwrap();
    show.status.success()
}

fn approved(scene: &Scene) {
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    assert!(!has_arrived(&bare), "it went ahead before the answer");
    let show = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    show.ended(0);
    assert!(show.out.contains("git push"), "{show}");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0);
    assert!(has_arrived(&bare));
    assert_eq!((scene.events("asked"), scene.events("decided")), (1, 1));
    let report = scene.report();
    assert_eq!(report["actions"]["escalated_allowed"], 1, "{report}");
    assert_eq!(report["deciders"]["human"], 1, "{report}");
    scene.verifies();
}

fn denied_with_a_reason(scene: &Scene) {
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &["bash", "-c", "git push origin HEAD:refs/heads/main; echo $?"]).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--reason", "open a pull request instead"]).ended(0);
    let outcome = running.end();
    outcome.ended(0).told("tollgate: refused").told("open a pull request instead");
    assert!(outcome.out.trim() != "0", "{outcome}");
    assert!(!has_arrived(&bare));
    let report = scene.report();
    assert_eq!(report["actions"]["escalated_denied"], 1, "{report}");
}

fn expired(scene: &Scene) {
    let bare = repository(scene);
    let policy = scene.policy("[approvals]\ndeadline = 1\n");
    let outcome = scene.job(&[Path::new("--policy"), &policy], &PUSH).end();
    assert!(!outcome.status.success(), "{outcome}");
    assert!(outcome.took > Duration::from_millis(900) && outcome.took < Duration::from_secs(10), "{outcome}");
    outcome.told("tollgate: refused");
    assert!(!has_arrived(&bare));
    assert_eq!(scene.report()["deciders"]["expired"], 1);
    assert_eq!(scene.questions().len(), 0);
}

fn unattended(scene: &Scene) {
    let bare = repository(scene);
    let outcome = scene.job(&["--ci"], &PUSH).end();
    assert!(!outcome.status.success() && outcome.took < Duration::from_secs(5), "{outcome}");
    outcome.told("tollgate: refused");
    assert!(!has_arrived(&bare));
    scene.verifies();
}

fn two_answers_at_once(scene: &Scene) {
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    let answers: Vec<_> =
        (0..6).map(|n| scene.verb(&["approvals", if n % 2 == 0 { "approve" } else { "deny" }, id]).start()).collect();
    let taken: Vec<bool> = answers.into_iter().map(|answer| answer.end().status.success()).collect();
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "not one answer counts, but {taken:?}");
    let winner = taken.iter().position(|taken| *taken).unwrap();
    let outcome = running.end();
    assert_eq!(outcome.status.success(), winner % 2 == 0, "{outcome}");
    assert_eq!(has_arrived(&bare), winner % 2 == 0);
    assert_eq!(scene.events("decided"), 1);
}

fn wrong_digest(scene: &Scene) {
    let bare = repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let other = "0".repeat(64);
    let refused = scene.answer("approve", &question, &["--digest", &other]);
    assert!(!refused.status.success(), "{refused}");
    assert!(!has_arrived(&bare));
    let digest = question["digest"].as_str().unwrap();
    scene.answer("approve", &question, &["--digest", digest]).ended(0);
    running.end().ended(0);
    assert!(has_arrived(&bare));
}

fn for_the_run(scene: &Scene) {
    repository(scene);
    let twice = "git push origin HEAD:refs/heads/main && git push origin HEAD:refs/heads/main";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", twice]).start();
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    running.end().ended(0);
    assert_eq!(scene.events("decided"), 2, "the grant's decision is written too");
}

fn prefix(scene: &Scene) {
    repository(scene);
    let text =
        "git push origin HEAD:refs/heads/main && git push origin HEAD:refs/heads/other && git fetch origin; echo $?";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", text]).start();
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "prefix=git push origin"]).ended(0);
    // The second push is covered; the fetch is not.
    let question = scene.question();
    assert!(question.to_string().contains("fetch"), "{question}");
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(outcome.out.trim() != "0", "{outcome}");
}

/// What the question shows was looked up by the broker: commits, what in them looks like a secret, what others run.
fn evidence_of_a_push(scene: &Scene) {
    repository(scene);
    let text = "mkdir -p .github/workflows; echo 'x: 1' > .github/workflows/ci.yml; printf 'key=%s%s\n' ghp_ \
                abcdefghijklmnopqrstuvwxyz0123456789 > key; git add -A . ':!remote.git'; git commit -qm two";
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &format!("cd {}; {text}", scene.workspace.display())]);
    Job::new(command).end().ended(0);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let kinds: Vec<&str> =
        question["evidence"].as_array().unwrap().iter().map(|s| s["kind"].as_str().unwrap()).collect();
    for kind in ["executable", "destination", "commits", "secrets", "diff"] {
        assert!(kinds.contains(&kind), "{kind}: {question}");
    }
    assert_eq!(question["risk"], "high", "{question}");
    let shown = scene.verb(&["approvals", "show", question["id"].as_str().unwrap()]).end();
    assert!(shown.out.contains("runs on the build server") && shown.out.contains("secrets"), "{shown}");
    assert!(!shown.out.contains("abcdefghijklmnopqrstuvwxyz0123456789"), "{shown}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn uses_end(scene: &Scene) {
    repository(scene);
    let push = "git push origin HEAD:refs/heads/main";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", &format!("{push} && {push} && {push}; echo $?")]).start();
    let first = scene.question();
    scene.answer("approve", &first, &["--scope", "uses=2"]).ended(0);
    let third = scene.question();
    assert_ne!(first["id"], third["id"]);
    scene.answer("deny", &third, &[]).ended(0);
    assert!(running.end().out.trim() != "0");
    assert_eq!(scene.events("decided"), 3);
}

fn revoked(scene: &Scene) {
    repository(scene);
    let push = "git push origin HEAD:refs/heads/main";
    let text = format!("{push} && while ! test -e go; do sleep 0.1; done; {push}; echo $?");
    let running = scene.job::<&str, _>(&[], &["bash", "-c", &text]).start();
    let first = scene.question();
    scene.answer("approve", &first, &["--scope", "run"]).ended(0);
    let begun = std::time::Instant::now();
    while !scene.verb(&["approvals", "grants"]).end().out.contains(first["id"].as_str().unwrap()) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the grant is not listed");
    }
    scene.answer("revoke", &first, &[]).ended(0);
    std::fs::write(scene.workspace.join("go"), "").unwrap();
    let second = scene.question();
    scene.answer("deny", &second, &[]).ended(0);
    assert!(running.end().out.trim() != "0");
    assert_eq!(scene.events("revoked"), 1);
}

fn denied_for_the_run(scene: &Scene) {
    repository(scene);
    let push = "git push origin HEAD:refs/heads/main";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", &format!("{push}; sleep 0.2; {push}; echo $?")]).start();
    let question = scene.question();
    scene.answer("deny", &question, &["--scope", "run"]).ended(0);
    assert!(running.end().out.trim() != "0");
    assert!(scene.questions().is_empty());
}

fn prefix_never_covers_shells(scene: &Scene) {
    let policy = scene.policy(
        "[[command]]\neffect = \"ask\"\nprogram = [\"bash\"]\nargs = [\"-c\"]\nbecause = \"x\"\nmatches = [\"bash -c true\"]\n",
    );
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", "echo ran"]).start();
    let question = scene.question();
    let refused = scene.answer("approve", &question, &["--scope", "prefix=bash -c"]);
    assert!(!refused.status.success(), "{refused}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end().ended(122).printed("");
}

fn unanswerable_from_inside(scene: &Scene) {
    let bare = repository(scene);
    let state = scene.state.display();
    let text = format!(
        "git push origin HEAD:refs/heads/main & sleep 1
         cat {state}/run/* {state}/runs/*/* {state}/* 2>/dev/null
         for s in {state}/run/* {state}/*.sock $XDG_RUNTIME_DIR/tollgate/* $TOLLGATE_SOCKET; do
             python3 - $s <<'P' 2>/dev/null
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print('CONNECTED', sys.argv[1])
P
         done
         {tollgate} approvals list --json | grep -q '\"id\"' && echo LISTED
         {tollgate} approvals approve $({tollgate} approvals list --json | grep -o '\"id\": *\"[^\"]*' | cut -d'\"' -f4) && echo APPROVED
         find {state} /run/user -name '*oken*' 2>/dev/null; wait %1",
        tollgate = scene.tollgate().display()
    );
    let running =
        scene.job(&["--read", scene.tollgate().parent().unwrap().to_str().unwrap()], &["bash", "-c", &text]).start();
    let question = scene.question();
    std::thread::sleep(Duration::from_secs(3));
    assert!(!has_arrived(&bare), "the sandbox answered its own question");
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    for word in ["CONNECTED", "LISTED", "APPROVED", "oken"] {
        assert!(!outcome.out.contains(word), "{outcome}");
    }
    assert!(!has_arrived(&bare));
}

fn unknown_question(scene: &Scene) {
    let outcome = scene.verb(&["approvals", "approve", "no-such-1"]).end();
    assert!(!outcome.status.success(), "{outcome}");
    outcome.told("no-such-1");
}

fn not_for_other_users(scene: &Scene) {
    if !nix::unistd::geteuid().is_root() || scene.setting.uid().is_root() {
        return tollgate_tests::skip("needs root, to be another user");
    }
    repository(scene);
    let running = scene.job::<&str, _>(&[], &PUSH).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65533", "--regid=65533", "--clear-groups"])
        .arg(scene.tollgate())
        .args(["approvals", "approve", id])
        .env("TOLLGATE_STATE_DIR", &scene.state)
        .env("HOME", &scene.home);
    let outcome = Job::new(command).end();
    assert!(!outcome.status.success(), "{outcome}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn withdrawn(scene: &Scene) {
    repository(scene);
    let text = "git push origin HEAD:refs/heads/main & sleep 1; kill -9 $!; wait; sleep 0.5; echo over";
    let running = scene.job::<&str, _>(&[], &["bash", "-c", text]).start();
    let question = scene.question();
    let outcome = running.end();
    outcome.ended(0).printed("over\n");
    let late = scene.answer("approve", &question, &[]);
    assert!(!late.status.success(), "{late}");
    scene.verifies();
}
