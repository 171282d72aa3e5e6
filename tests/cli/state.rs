//! A state folder that can't be written, a ledger that is broken: nothing runs, nothing is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tollgate_tests::{Scene, cases, skip};

cases! { both: read_only_state others_may_write full_disk corrupt_ledger truncated_ledger ledger_is_private }

fn nothing_ran(scene: &Scene) -> tollgate_tests::Outcome {
    let outcome = scene.shell("echo ran; touch ran");
    assert_eq!(outcome.status.code(), Some(124), "{outcome}");
    outcome.printed("");
    assert!(!scene.workspace.join("ran").exists());
    outcome
}

fn read_only_state(scene: &Scene) {
    scene.folder(&scene.state);
    fs::set_permissions(&scene.state, fs::Permissions::from_mode(0o500)).unwrap();
    if scene.setting.uid().is_root() {
        return skip("modes don't bind root");
    }
    nothing_ran(scene);
    fs::set_permissions(&scene.state, fs::Permissions::from_mode(0o700)).unwrap();
}

fn others_may_write(scene: &Scene) {
    scene.folder(&scene.state);
    fs::set_permissions(&scene.state, fs::Permissions::from_mode(0o777)).unwrap();
    let outcome = scene.shell("echo ran");
    // Refused, or put right; never used as it is.
    if outcome.status.code() == Some(0) {
        let mode = scene.state.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "used with mode {mode:o}: {outcome}");
    } else {
        outcome.ended(124).printed("");
    }
}

/// A file system of 64 KiB. Mounted in the process that runs the program, so that it is gone with it.
fn full_disk(scene: &Scene) {
    if !scene.setting.uid().is_root() {
        return skip("only root can mount a small disk here");
    }
    scene.folder(&scene.state);
    let text = format!(
        "mount -t tmpfs -o size=64k none {state} || exit 99\n\
         {tollgate} run -- /bin/bash -c 'for i in $(seq 3000); do /bin/true; done; echo ended; touch ended'\n\
         echo \"status $?\"; df {state} | tail -1 >&2",
        state = scene.state.display(),
        tollgate = scene.tollgate().display()
    );
    let mut command = scene.command("/usr/bin/unshare");
    command.args(["--mount", "/bin/bash", "-c", &text]);
    let outcome = tollgate_tests::Job::new(command).end();
    if outcome.status.code() == Some(99) || outcome.err.contains("unshare failed") {
        return skip("a small disk can't be mounted here");
    }
    outcome.ended(0);
    assert!(outcome.out.contains("status 124"), "{outcome}");
    assert!(!outcome.out.contains("ended"), "it went on without a ledger: {outcome}");
}

fn corrupt_ledger(scene: &Scene) {
    scene.run(&["/bin/echo", "hi"]).ended(0);
    let ledger = scene.state.join("ledger.db");
    fs::write(&ledger, "this is no database".repeat(400)).unwrap();
    for rest in ["ledger.db-wal", "ledger.db-shm"] {
        fs::remove_file(scene.state.join(rest)).ok();
    }
    let outcome = nothing_ran(scene);
    outcome.told("ledger");
    let verify = scene.verb(&["ledger", "verify"]).end();
    assert!(!verify.status.success(), "{verify}");
    assert_eq!(fs::read_to_string(&ledger).unwrap(), "this is no database".repeat(400), "it was overwritten");
}

fn truncated_ledger(scene: &Scene) {
    for _ in 0..3 {
        scene.shell("for i in 1 2 3 4 5; do /bin/true; done").ended(0);
    }
    scene.verifies();
    let ledger = scene.state.join("ledger.db");
    let whole = fs::read(&ledger).unwrap();
    fs::write(&ledger, &whole[..whole.len() / 2]).unwrap();
    for rest in ["ledger.db-wal", "ledger.db-shm"] {
        fs::remove_file(scene.state.join(rest)).ok();
    }
    let verify = scene.verb(&["ledger", "verify"]).end();
    assert!(!verify.status.success(), "half a ledger verifies: {verify}");
}

fn ledger_is_private(scene: &Scene) {
    scene.run(&["/bin/echo", "hi"]).ended(0);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scene.state) & 0o077, 0, "the state folder is open to others");
    assert_eq!(mode(&scene.state.join("ledger.db")) & 0o077, 0, "the ledger is open to others");
    let outcome = scene.shell(&format!("cat {0}/* ; ls {0}; echo x > {0}/new", scene.state.display()));
    assert!(outcome.out.is_empty(), "{outcome}");
    assert!(!scene.state.join("new").exists());
}
