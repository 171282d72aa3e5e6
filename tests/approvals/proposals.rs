//! An agent that would change the policy it runs under: a person sees what the change says, and which decisions of the past
//! would be others, before anything stands there.

use std::path::PathBuf;

use serde_json::Value;
use tollgate_tests::job::Running;
use tollgate_tests::page::Page;
use tollgate_tests::{Scene, cases};

cases! { everywhere: a_change_is_shown_with_what_it_means a_no_leaves_the_policy ways_around_are_refused
only_a_change_that_is_shown_whole_is_judged what_is_moved_there_is_what_was_shown what_is_removed_is_what_was_shown what_cannot_be_told_is_refused
long_rules_are_compared_whole }

const STRICT: &str = "version = 1\n[[net]]\neffect = \"deny\"\nnames = [\"build.example\"]\nbecause = \"not from here\"\nmatches = [\"build.example\"]\n";
const LOOSE: &str = "version = 1\n[[net]]\neffect = \"allow\"\nnames = [\"build.example\"]\nports = [8080]\nbecause = \"its cache\"\nmatches = [\"build.example:8080\"]\n";
const REACH: &str = "exec 3<>/dev/tcp/build.example/8080; true";

/// A project whose policy refuses a name, and a run in which that was tried.
fn project(scene: &Scene) -> PathBuf {
    scene.folder(scene.workspace.join(".tollgate"));
    let file = scene.file(scene.workspace.join(".tollgate/policy.toml"), STRICT);
    scene.run(&["bash", "-c", REACH]).told("not from here");
    scene.file(scene.workspace.join("proposed"), LOOSE);
    file
}

fn starts(scene: &Scene, text: &str) -> Running {
    scene.job::<&str, _>(&[], &["bash", "-c", text]).start()
}

fn a_change_is_shown_with_what_it_means(scene: &Scene) {
    let file = project(scene);
    let running = starts(scene, "cat proposed > .tollgate/policy.toml");
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    assert_eq!((&question["verdict"]["class"], &question["risk"]), (&"policy".into(), &"high".into()), "{question}");
    let shown = scene.verb(&["approvals", "show", id]).end().out;
    let page = Page::open(scene);
    let body = page.get(&format!("/q/{id}")).body;
    assert!(body.contains("Change the policy"), "{body}");
    for line in [
        "- net: deny, names [\"build.example\"]",
        "+ net: allow, names [\"build.example\"]",
        "deny -> ask  1 x  connect to build.example:8080",
        "once a person trusts it",
        "deny -> allow  1 x  connect to build.example:8080",
        "-effect = \"deny\"",
    ] {
        let marked = line.replace('>', "&#62;").replace('"', "&#34;");
        assert!(shown.contains(line), "no {line}: {shown}");
        assert!(body.contains(&marked), "no {line} on the page: {body}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT, "it was written before the answer");
    // Nobody waits for it longer than for this one change; and a slip says what is asked for.
    for lasting in ["run", "uses=2", "until=1h"] {
        assert!(!scene.answer("approve", &question, &["--scope", lasting]).status.success(), "{lasting}");
    }
    let slip = scene.answer("approve", &question, &["--confirm", "no"]);
    slip.ended(1).told("can be undone in part").withheld("can't be undone");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().ended(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), LOOSE);
    // It stands, and grants nothing: that needs a person's trust.
    let again = starts(scene, REACH);
    scene.answer("deny", &scene.question(), &[]).ended(0);
    again.end();
    scene.verifies();
}

fn a_no_leaves_the_policy(scene: &Scene) {
    let file = project(scene);
    for text in
        ["cat proposed > .tollgate/policy.toml", "mv proposed .tollgate/policy.toml", "rm .tollgate/policy.toml"]
    {
        let running = starts(scene, text);
        let question = scene.question();
        assert_eq!(question["verdict"]["class"], "policy", "{text}: {question}");
        assert!(question.to_string().contains("deny -> ask  1 x"), "{text}: {question}");
        scene.answer("deny", &question, &["--reason", "keep it"]).ended(0);
        running.end().told("keep it");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT, "{text}");
        scene.file(scene.workspace.join("proposed"), LOOSE);
    }
    scene
        .job(&["--ci"], &["cp", "proposed", ".tollgate/policy.toml"])
        .end()
        .ended(1)
        .told("tollgate: refused to write");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT);
}

/// What puts a policy there without its content being seen is no way.
fn ways_around_are_refused(scene: &Scene) {
    let file = project(scene);
    for text in [
        "ln -s ../proposed .tollgate/link && mv -T .tollgate .old",
        "mkdir new && cp proposed new/policy.toml && mv -T --exchange new .tollgate",
        "rm -r .tollgate",
        "mkdir -p a && mv .tollgate a/",
        "python3 -c 'import os; os.rename(\".tollgate\", \"gone\")'",
    ] {
        let outcome = scene.job(&["--ci"], &["bash", "-c", text]).end();
        assert!(!outcome.status.success(), "{text}: {outcome}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT, "{text}: {outcome}");
    }
    // And where none stands yet.
    std::fs::remove_dir_all(scene.workspace.join(".tollgate")).unwrap();
    for text in [
        "mkdir -p new && cp proposed new/policy.toml && mv -T new .tollgate",
        "ln -s new .tollgate",
        "mkdir .tollgate && ln proposed .tollgate/policy.toml",
        "mkdir -p .tollgate && ln -s ../proposed .tollgate/policy.toml",
    ] {
        let outcome = scene.job(&["--ci"], &["bash", "-c", text]).end();
        assert!(!outcome.status.success() && !file.exists(), "{text}: {outcome}");
    }
}

/// With people to ask, too: what such a call leaves could not be told, or could be changed later by another name.
fn what_cannot_be_told_is_refused(scene: &Scene) {
    let file = project(scene);
    let exchange =
        "import ctypes; exit(-ctypes.CDLL(None).renameat2(-100, b\".tollgate/policy.toml\", -100, b\"proposed\", 2))";
    for text in [
        &format!("python3 -c '{exchange}'"),
        "mv .tollgate/policy.toml proposed",
        "ln .tollgate/policy.toml other",
        "rm proposed; mkfifo proposed; mv proposed .tollgate/policy.toml",
        "chmod 777 .tollgate/policy.toml",
    ] {
        let outcome = scene.job(&[] as &[&str], &["bash", "-c", text]).end();
        assert!(!outcome.status.success(), "{text}: {outcome}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT, "{text}: {outcome}");
        // what lies there may be a pipe
        std::fs::remove_file(scene.workspace.join("proposed")).unwrap();
        scene.file(scene.workspace.join("proposed"), LOOSE);
    }
    std::fs::remove_file(&file).unwrap();
    for text in ["ln proposed .tollgate/policy.toml", "ln -s ../proposed .tollgate/policy.toml"] {
        let outcome = scene.job(&[] as &[&str], &["bash", "-c", text]).end();
        outcome.told("what it would say could not be told");
        assert!(!outcome.status.success() && !file.exists(), "{text}: {outcome}");
    }
}

/// Another file that takes the place of the one that was shown is not what was approved.
fn what_is_moved_there_is_what_was_shown(scene: &Scene) {
    let file = project(scene);
    let text = "until [ -e now ]; do sleep 0.05; done & mv proposed .tollgate/policy.toml; wait";
    let running = starts(scene, text);
    let question = scene.question();
    scene.file(scene.workspace.join("proposed"), format!("{LOOSE}# and more\n"));
    scene.answer("approve", &question, &[]).ended(0);
    scene.file(scene.workspace.join("now"), "");
    running.end().told("no longer what was asked about");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), STRICT);
    scene.verifies();
}

/// And of what takes the place of what would be removed, less may be told.
fn what_is_removed_is_what_was_shown(scene: &Scene) {
    let file = project(scene);
    let running = starts(scene, "rm -f .tollgate/policy.toml");
    let question = scene.question();
    scene.file(&file, format!("{LOOSE}# {}\n", "x".repeat(2 << 20)));
    scene.answer("approve", &question, &[]).ended(0);
    running.end().told("no longer what was asked about");
    assert!(file.exists());
}

/// A name that is swapped far behind what fits a line is a difference all the same.
fn long_rules_are_compared_whole(scene: &Scene) {
    project(scene);
    let text =
        "sed -i 's/build.example/c.example/; s/^names.*/names = [\"'$(seq -s '.example\", \"b' 9000)'\"]/' proposed
        sed 's/8999/1234567/' proposed > swapped; cp proposed .tollgate/policy.toml; cp swapped .tollgate/policy.toml";
    let running = starts(scene, text);
    scene.answer("approve", &scene.question(), &[]).ended(0);
    let question = scene.question();
    assert!(!question.to_string().contains("nothing else than before"), "{question}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}

fn meaning(question: &Value) -> String {
    let all = question["evidence"].as_array().unwrap().iter();
    all.filter(|fact| fact["kind"] == "missing").map(ToString::to_string).collect()
}

/// A change too long to be shown is not said to mean nothing.
fn only_a_change_that_is_shown_whole_is_judged(scene: &Scene) {
    project(scene);
    let text = "{ for i in {1..1000}; do echo \"# $i\"; done; cat proposed; } > .tollgate/policy.toml";
    let running = starts(scene, text);
    let question = scene.question();
    assert!(meaning(&question).contains("the change is not shown whole"), "{question}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
    let running = starts(scene, "echo nonsense > .tollgate/policy.toml");
    let question = scene.question();
    assert!(meaning(&question).contains("is not a valid policy"), "{question}");
    scene.answer("deny", &question, &[]).ended(0);
    running.end();
}
