//! Exit codes: the command's own pass through; Tollgate's own are few.

use tollgate_tests::{Scene, cases};

cases! { everywhere: runs status_passes_through signals_pass_through }
cases! { both: missing_command not_executable missing_feature usage }

fn runs(scene: &Scene) {
    scene.run(&["/bin/echo", "hi"]).ended(0).printed("hi\n");
    scene.verifies();
}

fn status_passes_through(scene: &Scene) {
    for code in [0, 1, 42, 119, 120, 125, 255] {
        scene.shell(&format!("exit {code}")).ended(code);
    }
    scene.verifies();
}

fn signals_pass_through(scene: &Scene) {
    for signal in [1, 2, 6, 9, 11, 13, 15] {
        scene.shell(&format!("kill -{signal} $$")).ended(128 + signal);
    }
}

fn missing_command(scene: &Scene) {
    let outcome = scene.run(&["no-such-command-anywhere"]);
    outcome.ended(122).told("no-such-command-anywhere");
}

fn not_executable(scene: &Scene) {
    scene.file(scene.workspace.join("plain"), "no program\n");
    scene.run(&["./plain"]).ended(122).told("plain");
}

fn missing_feature(scene: &Scene) {
    let outcome = scene.job(&["--require", "no-such-feature"], &["/bin/echo", "hi"]).end();
    outcome.ended(122).printed("").told("no-such-feature");
}

fn usage(scene: &Scene) {
    let outcome = scene.verb(&["run"]).end();
    assert!(matches!(outcome.status.code(), Some(2 | 122)), "{outcome}");
    let outcome = scene.job(&["--no-such-flag"], &["/bin/echo", "hi"]).end();
    assert!(matches!(outcome.status.code(), Some(2 | 122)), "{outcome}");
    outcome.printed("").told("--no-such-flag");
    scene.verb(&["--help"]).end().ended(0);
    scene.verb(&["run", "--help"]).end().ended(0);
}
