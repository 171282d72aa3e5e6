//! The report's numbers after a known story.

use std::path::Path;

use tollgate_tests::{Scene, cases};

cases! { both: the_five_ways a_script_that_is_asked_about_counts }
cases! { user: in_other_forms }

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

/// For a collector, and as a page to send around; a page that can't be written leaves what was there.
fn in_other_forms(scene: &Scene) {
    scene.run(&["true"]).ended(0);
    let gauges = scene.verb(&["report", "--prometheus"]).end();
    gauges.ended(0);
    assert!(gauges.out.contains("tollgate_actions{path=\"sandbox_ok\"} 1\n"), "{gauges}");
    let page = scene.file(scene.home.join("report.html"), "the last one");
    scene.verb(&["report", "--run", "nothing", "--html", page.to_str().unwrap(), "--json"]).end().ended(2);
    assert_eq!(std::fs::read_to_string(&page).unwrap(), "the last one");
    scene.verb(&["report", "--html", page.to_str().unwrap()]).end().ended(0);
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(
        text.starts_with("<!doctype html>") && text.contains("In the sandbox") && text.contains("100.0 %"),
        "{text}"
    );
    assert!(!text.contains("src=") && !text.contains("href="), "it needs no other file: {text}");
    scene.verb(&["report", "--html", "/nowhere/report.html"]).end().ended(1);
}
