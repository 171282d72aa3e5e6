//! The examples of the tree are run as they are written. `first-run` builds a release and needs the registry; `.ci/run`
//! runs it by itself, so here it is run only where `TOLLGATE_FIRST_RUN` asks for it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tollgate_tests::{Job, Scene, cases, skip};

cases! { both: ci_runner }
cases! { both: devcontainer }
cases! { heavy: answer_in_a_browser }
cases! { user: first_run }

fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).canonicalize().unwrap()
}

fn ci_runner(scene: &Scene) {
    let summary = scene.file(scene.path().join("summary"), "");
    let job = |text: &str| {
        let mut command = scene.command(example("ci-runner/job"));
        command.args(["/bin/sh", "-c", text]).env("TOLLGATE", scene.tollgate()).env("GITHUB_STEP_SUMMARY", &summary);
        Job::new(command).end()
    };
    job("echo built > artefact").ended(0);
    assert!(scene.workspace.join("artefact").exists());
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.contains("What ran") && !text.contains("was refused"), "{text}");
    // A refusal that the command shrugs off fails the job all the same.
    let outcome = job("npm publish; twine upload x; cargo publish; sudo id; su -c id; true");
    outcome.ended(1);
    let text = std::fs::read_to_string(&summary).unwrap();
    assert!(text.contains("What was refused"), "{text}");
    // And the command's own failure stays its own.
    std::fs::remove_dir_all(&scene.state).unwrap();
    job("exit 7").ended(7);
}

fn devcontainer(scene: &Scene) {
    let mut command = scene.command(example("devcontainer/try"));
    command.env("TOLLGATE", scene.tollgate()).env("STORY_FOLDER", &scene.home);
    let outcome = Job::new(command).end();
    if outcome.status.code() == Some(77) {
        return skip("needs a process namespace");
    }
    outcome.ended(0);
    assert!(outcome.out.contains("All as it should be"), "{outcome}");
}

fn answer_in_a_browser(scene: &Scene) {
    let mut command = scene.command("node");
    if Command::new("node").arg("--version").output().is_err() {
        return skip("needs node");
    }
    command
        .arg(example("answer-in-a-browser/story.mjs"))
        .env("TOLLGATE", scene.tollgate())
        .env("STORY_FOLDER", &scene.home);
    let outcome = Job::new(command).deadline(Duration::from_mins(4)).end();
    if outcome.status.code() == Some(77) {
        return skip("needs chromium");
    }
    outcome.ended(0);
    assert!(outcome.out.contains("All as it should be"), "{outcome}");
}

fn first_run(scene: &Scene) {
    if std::env::var_os("TOLLGATE_FIRST_RUN").is_none() {
        return skip("TOLLGATE_FIRST_RUN is not set: it builds a release and needs the crate registry");
    }
    let mut command = std::process::Command::new(example("first-run/run"));
    command.current_dir(scene.path());
    let outcome = Job::new(command).deadline(Duration::from_mins(30)).end();
    outcome.ended(0);
    assert!(outcome.out.contains("All as it should be"), "{outcome}");
}
