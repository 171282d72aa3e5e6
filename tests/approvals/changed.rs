//! Answers to something else than was asked: given again, given late, given for a file that has changed since.

use std::path::Path;

use tollgate_tests::{Scene, cases};

use crate::{RULES, records};

cases! { everywhere: a_script_swapped_while_it_waits a_program_swapped_while_it_waits an_answer_counts_once
an_answer_for_the_run_is_for_this_content a_policy_change_asks_anew }

const ASKS: &str = "[[command]]\neffect = \"ask\"\nprogram = [\"deploy\"]\nbecause = \"x\"\nmatches = [\"deploy x\"]\n";

/// What is swapped while its question waits does not run; nor does what was there before.
fn swapped(scene: &Scene, evil: &[u8]) {
    let policy = scene.policy(ASKS);
    let words = ["bash", "-c", "./deploy x; echo rc=$?"];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let question = scene.question();
    let (deploy, other) = (scene.workspace.join("deploy"), scene.workspace.join("other"));
    scene.file(&other, evil);
    std::fs::set_permissions(&other, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::rename(&other, &deploy).unwrap();
    scene.answer("approve", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(!outcome.out.contains("EVIL") && !outcome.out.contains("rc=0"), "{outcome}");
    outcome.told("tollgate: refused");
    scene.verifies();
}

fn a_script_swapped_while_it_waits(scene: &Scene) {
    scene.script(scene.workspace.join("deploy"), "#!/bin/sh\necho good\n");
    swapped(scene, b"#!/bin/sh\necho EVIL\n");
}

fn a_program_swapped_while_it_waits(scene: &Scene) {
    let copy = |from: &str| std::fs::read(std::fs::canonicalize(from).unwrap()).unwrap();
    let deploy = scene.file(scene.workspace.join("deploy"), copy("/usr/bin/true"));
    std::fs::set_permissions(&deploy, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    swapped(scene, &copy("/usr/bin/env"));
    assert!(!records(scene, "tampered").is_empty() || !records(scene, "refused").is_empty(), "it is written down");
}

/// The same answer again is for nothing: neither to the question that it closed, nor to the next one like it.
fn an_answer_counts_once(scene: &Scene) {
    let policy = scene.policy(RULES);
    let words = ["bash", "-c", "factor 6; until test -e go; do sleep 0.1; done; factor 6; echo rc=$?"];
    let running = scene.job(&[Path::new("--policy"), &policy], &words).start();
    let first = scene.question();
    let digest = first["digest"].as_str().unwrap().to_owned();
    scene.answer("approve", &first, &["--digest", &digest]).ended(0);
    assert!(!scene.answer("approve", &first, &["--digest", &digest]).status.success());
    scene.file(scene.workspace.join("go"), "");
    let second = scene.question();
    assert_ne!(first["id"], second["id"]);
    let again = scene.answer("approve", &first, &["--digest", &digest]);
    assert!(!again.status.success(), "{again}");
    assert_eq!(scene.questions().len(), 1, "the next one still waits");
    scene.answer("deny", &second, &[]).ended(0);
    let outcome = running.end();
    assert!(outcome.out.starts_with("6: 2 3\n") && !outcome.out.contains("rc=0"), "{outcome}");
}

/// An approval for the run is for what was shown: another content is asked about anew.
fn an_answer_for_the_run_is_for_this_content(scene: &Scene) {
    scene.script(scene.workspace.join("deploy"), "#!/bin/sh\necho good\n");
    let policy = scene.policy(ASKS);
    let text = "./deploy x; ./deploy x; printf '#!/bin/sh\\necho EVIL\\n' > deploy; ./deploy x; echo rc=$?";
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", text]).start();
    let first = scene.question();
    scene.answer("approve", &first, &["--scope", "run"]).ended(0);
    let second = scene.question();
    assert_ne!(first["digest"], second["digest"]);
    scene.answer("deny", &second, &[]).ended(0);
    let outcome = running.end();
    assert!(outcome.out.starts_with("good\ngood\nrc=") && !outcome.out.contains("EVIL"), "{outcome}");
}

/// What was approved in one run, under one policy, is no answer in another.
fn a_policy_change_asks_anew(scene: &Scene) {
    let digests: Vec<serde_json::Value> = [RULES.to_owned(), format!("{RULES}\n[approvals]\nopen = 9\n")]
        .iter()
        .map(|text| {
            let policy = scene.policy(text);
            let running = scene.job(&[Path::new("--policy"), &policy], &["factor", "6"]).start();
            let question = scene.question();
            scene.answer("approve", &question, &["--scope", "run"]).ended(0);
            running.end().printed("6: 2 3\n");
            question["digest"].clone()
        })
        .collect();
    assert_ne!(digests[0], digests[1]);
}
