//! Places that can't be worked in, and words that make no sense: refused, with nothing run.

use std::path::Path;

use tollgate_tests::{Scene, cases};

cases! { both: missing_workspace workspace_is_root workspace_is_home workspace_is_above_home workspace_is_a_file
state_in_workspace working_directory_gone relative_state nul_in_argument missing_home }

fn refused(scene: &Scene, workspace: &Path) {
    let canary = scene.workspace.join("ran");
    let outcome =
        scene.job(&[Path::new("--workspace"), workspace], &["/usr/bin/touch", canary.to_str().unwrap()]).end();
    outcome.ended(122);
    assert!(!outcome.err.is_empty(), "{outcome}");
    assert!(!canary.exists(), "it ran: {outcome}");
}

fn missing_workspace(scene: &Scene) {
    refused(scene, &scene.path().join("nowhere"));
}

fn workspace_is_root(scene: &Scene) {
    refused(scene, Path::new("/"));
    refused(scene, Path::new("/usr/.."));
}

fn workspace_is_home(scene: &Scene) {
    refused(scene, &scene.home);
}

fn workspace_is_above_home(scene: &Scene) {
    refused(scene, scene.path());
}

fn workspace_is_a_file(scene: &Scene) {
    refused(scene, &scene.outside.join("kept"));
}

fn state_in_workspace(scene: &Scene) {
    let inside = scene.workspace.join("state");
    let outcome = scene.job::<&str, _>(&[], &["/bin/echo", "hi"]).env("TOLLGATE_STATE_DIR", &inside).end();
    outcome.ended(122).printed("");
}

fn working_directory_gone(scene: &Scene) {
    let text = format!("mkdir gone && cd gone && rmdir ../gone && {} run -- /bin/echo hi", scene.tollgate().display());
    let mut command = scene.command("/bin/bash");
    command.args(["-c", &text]);
    let outcome = tollgate_tests::Job::new(command).end();
    outcome.ended(122).printed("");
}

fn relative_state(scene: &Scene) {
    let outcome = scene.job::<&str, _>(&[], &["/bin/echo", "hi"]).env("TOLLGATE_STATE_DIR", "state").end();
    outcome.ended(124).printed("").told("TOLLGATE_STATE_DIR");
}

fn nul_in_argument(scene: &Scene) {
    // A NUL can't be in argv; but in what a policy file, a name or an answer says it can.
    let policy =
        scene.policy("[[command]]\neffect = \"deny\"\nprogram = [\"a\\u0000b\"]\nbecause = \"x\"\nmatches = [\"a\"]\n");
    let outcome = scene.job(&[Path::new("--policy"), &policy], &["/bin/echo", "hi"]).end();
    outcome.ended(120).printed("").told("policy.toml:4");
}

fn missing_home(scene: &Scene) {
    let mut command = scene.command("/usr/bin/env");
    command.args(["-u", "HOME"]).arg(scene.tollgate()).args(["run", "--", "/bin/echo", "hi"]);
    let outcome = tollgate_tests::Job::new(command).end();
    // The password file's home is as good.
    assert!(matches!(outcome.status.code(), Some(0 | 122)), "{outcome}");
}
