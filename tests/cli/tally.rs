//! The report's numbers after a known story.

use std::path::Path;

use tollgate_tests::{Scene, cases};

cases! { both: the_five_ways a_script_that_is_asked_about_counts }

fn the_five_ways(scene: &Scene) {
    let policy = scene.policy(
        "[[command]]\neffect = \"deny\"\nprogram = [\"seq\"]\nbecause = \"no counting\"\nmatches = [\"seq 3\"]\n
         [[command]]\neffect = \"ask\"\nprogram = [\"factor\"]\nbecause = \"hard sums\"\nmatches = [\"factor 6\"]\n",
    );
    let with = |words: &[&str]| scene.job(&[Path::new("--policy"), &policy], words);
    // Inside, twice.
    with(&["/bin/echo", "hi"]).end().ended(0);
    with(&["/bin/sh", "-c", "exit 3"]).end().ended(3);
    // A rule said no.
    let outcome = with(&["/bin/sh", "-c", "seq 3"]).end();
    assert!(!outcome.status.success(), "{outcome}");
    // Asked, and yes; asked, and no.
    for (verb, works) in [("approve", true), ("deny", false)] {
        let running = with(&["/bin/sh", "-c", &format!("factor 6 # {verb}\n")]).start();
        let question = scene.question();
        scene.answer(verb, &question, &[]).ended(0);
        assert_eq!(running.end().status.success(), works);
    }
    let report = scene.report();
    let expected = [
        ("total", 5),
        ("sandbox_ok", 2),
        ("sandbox_refused", 0),
        ("escalated_allowed", 1),
        ("escalated_denied", 1),
        ("policy_denied", 1),
    ];
    for (name, count) in expected {
        assert_eq!(report["actions"][name], count, "{name} in {report}");
    }
    assert_eq!(report["deciders"]["human"], 2, "{report}");
    assert_eq!(report["human"]["asked"], 2, "{report}");
    assert_eq!(report["share"]["sandbox"]["n"], 5, "{report}");
    let text = scene.verb(&["report"]).end();
    text.ended(0);
    assert!(!text.out.is_empty());
}

/// What a script starts are its actions; that it is started at all is one where somebody is asked.
fn a_script_that_is_asked_about_counts(scene: &Scene) {
    let policy = scene.policy(
        "[[command]]\neffect = \"ask\"\nprogram = [\"release\"]\nbecause = \"people see it\"\nmatches = [\"release x\"]\n",
    );
    let script = scene.file(scene.workspace.join("release"), "#!/bin/sh\necho out\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    for (verb, works) in [("approve", true), ("deny", false)] {
        let running = scene.job(&[Path::new("--policy"), &policy], &["./release"]).start();
        let question = scene.question();
        scene.answer(verb, &question, &[]).ended(0);
        assert_eq!(running.end().status.success(), works);
    }
    let report = scene.report();
    for (name, count) in [("total", 2), ("escalated_allowed", 1), ("escalated_denied", 1)] {
        assert_eq!(report["actions"][name], count, "{name} in {report}");
    }
}
