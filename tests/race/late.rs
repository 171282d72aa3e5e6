//! A program that is changed while its question is open: the approval was for another content, and nothing runs.

use std::fs;
use std::path::Path;

use tollgate_tests::{Scene, cases};

cases! { both: script script_for_the_run }

const HARMLESS: &str = "#!/bin/sh\necho harmless\n";
const EVIL: &str = "#!/bin/sh\necho evil\n";
const RULE: &str =
    "[[command]]\neffect = \"ask\"\nprogram = [\"deploy\"]\nbecause = \"deploys\"\nmatches = [\"deploy now\"]\n";

fn lay(scene: &Scene) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let deploy = scene.workspace.join("deploy");
    fs::write(&deploy, HARMLESS).unwrap();
    fs::set_permissions(&deploy, fs::Permissions::from_mode(0o755)).unwrap();
    deploy
}

fn script(scene: &Scene) {
    let (deploy, policy) = (lay(scene), scene.policy(RULE));
    let words = [deploy.to_str().unwrap(), "now"];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let question = scene.question();
    fs::write(&deploy, EVIL).unwrap();
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(outcome.out.is_empty(), "{outcome}");
    assert_eq!(scene.events("tampered"), 1, "{outcome}");
}

fn script_for_the_run(scene: &Scene) {
    let (deploy, policy) = (lay(scene), scene.policy(RULE));
    let text =
        format!("{0} now; printf '{EVIL}' > {0}.new; chmod 755 {0}.new; mv -f {0}.new {0}; {0} now", deploy.display());
    let running = scene.job(&[Path::new("--policy"), &policy], &["/bin/bash", "-c", &text]).start();
    let question = scene.question();
    scene.answer("approve", &question, &["--scope", "run"]).ended(0);
    // another content is another question
    let again = scene.question();
    assert_ne!(again["id"], question["id"]);
    scene.answer("deny", &again, &[]).ended(0);
    let outcome = running.end();
    assert_eq!(outcome.out, "harmless\n", "{outcome}");
}
