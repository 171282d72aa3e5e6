//! A reviewer agent between rules and people: what it says, how it fails, what it may cost. None of it widens anything, and
//! all of it is in ledger and report.

use std::path::PathBuf;
use std::time::Duration;

use tollgate_tests::reviewer::{Reviewer, Says};
use tollgate_tests::{Scene, cases};

use crate::{RULES, records};

cases! { everywhere: verdicts_of_both_dialects lies_in_evidence_are_tried tried_again failures_go_to_a_person failures_with_nobody_there a_breaker_goes_to_a_person
a_breaker_stops_the_run a_budget_ends the_table_stands commands_that_fail }

const DIALECTS: [&str; 2] = ["openai", "anthropic"];

fn policy(scene: &Scene, section: &str) -> PathBuf {
    scene.policy(&format!("{section}\n{RULES}"))
}

fn words<'a>(policy: &'a PathBuf, more: &'a [&'a str]) -> Vec<&'a std::ffi::OsStr> {
    let lead: [&std::ffi::OsStr; 2] = ["--policy".as_ref(), policy.as_ref()];
    lead.into_iter().chain(more.iter().map(AsRef::as_ref)).collect()
}

fn verdicts_of_both_dialects(scene: &Scene) {
    for dialect in DIALECTS {
        let reviewer = Reviewer::says(vec![Says::Verdict("allow"), Says::Verdict("deny")]);
        let policy = policy(scene, &reviewer.section(dialect, "price_in = 300\nprice_out = 1500"));
        let run = |text: &str| scene.job(&words(&policy, &[]), &["sh", "-c", text]).end();
        run("seq 2 # allowed\n:").ended(0).printed("1\n2\n");
        let two = Reviewer::says(vec![Says::Verdict("deny")]);
        let other = self::policy(scene, &two.section(dialect, "price_in = 300\nprice_out = 1500"));
        let refused = scene.job(&words(&other, &[]), &["sh", "-c", "seq 2; echo $? # denied"]).end();
        refused.told("tollgate: refused").told("denied by the reviewer");
        assert!(!refused.out.contains("1\n2"), "{refused}");
        assert!(scene.questions().is_empty());
        assert_eq!((reviewer.heard().len(), two.heard().len()), (1, 1), "{dialect}");
    }
    let report = scene.report();
    assert_eq!(report["deciders_detail"]["reviewer"]["allowed"], 2, "{report}");
    assert_eq!(report["deciders_detail"]["reviewer"]["denied"], 2, "{report}");
    assert_eq!(report["deciders"]["human"], 0, "{report}");
    let it = &report["reviewer"];
    assert_eq!((&it["asked"], &it["allowed"], &it["denied"]), (&4.into(), &2.into(), &2.into()), "{report}");
    assert_eq!((&it["tokens_in"], &it["tokens_out"], &it["cost_millicents"]), (&400.into(), &80.into(), &240.into()));
    let reviewed = records(scene, "reviewed");
    assert_eq!(reviewed.len(), 4);
    assert!(reviewed.iter().all(|one| one["review"]["by"] == "stand-in"), "{reviewed:?}");
    assert!(scene.verb(&["report"]).end().out.contains("The reviewer was asked 4 times"));
    scene.verifies();
}

fn tried_again(scene: &Scene) {
    for dialect in DIALECTS {
        let reviewer = Reviewer::says(vec![Says::Status(529), Says::Babble("Sure!"), Says::Verdict("allow")]);
        let policy = policy(scene, &reviewer.section(dialect, "deadline = 30"));
        scene.job(&words(&policy, &[]), &["seq", "1"]).end().ended(0).printed("1\n");
        assert_eq!(reviewer.heard().len(), 3, "{dialect}");
    }
    assert!(records(scene, "reviewed").iter().all(|one| one["review"]["attempts"] == 3));
    assert_eq!(scene.report()["reviewer"]["retries"], 4);
}

/// One that hangs, refuses, babbles or answers something else is no reviewer: a person is asked, and told why.
fn failures_go_to_a_person(scene: &Scene) {
    let table = [
        ("openai", Says::Nothing, "did not answer in time"),
        ("anthropic", Says::Status(401), "the endpoint said 401"),
        ("openai", Says::Babble("{\"verdict\":\"allow\"}"), "has not the form"),
        ("anthropic", Says::Elsewhere("allow"), "to another question"),
    ];
    for (at, (dialect, says, why)) in table.into_iter().enumerate() {
        let reviewer = Reviewer::says(vec![says]);
        let policy = policy(scene, &reviewer.section(dialect, "deadline = 2"));
        let running = scene.job(&words(&policy, &[]), &["seq", "1"]).start();
        let question = scene.question();
        let review = question["evidence"].as_array().unwrap().iter().find(|one| one["kind"] == "review").cloned();
        let review = review.unwrap_or_else(|| panic!("no review in {question}"));
        assert_eq!(review["verdict"], "review_failed", "{review}");
        assert!(review["rationale"].as_str().unwrap().contains(why), "{why}: {review}");
        let verb = if at % 2 == 0 { "approve" } else { "deny" };
        scene.answer(verb, &question, &[]).ended(0);
        assert_eq!(running.end().status.success(), at % 2 == 0);
    }
    let report = scene.report();
    assert_eq!(report["reviewer"]["failed"], 4, "{report}");
    assert_eq!(report["deciders_detail"]["human"]["allowed"], 2, "{report}");
    assert_eq!(report["deciders"]["review_failed"], 0, "{report}");
}

/// With nobody behind it, a failed review is a refusal of its own name.
fn failures_with_nobody_there(scene: &Scene) {
    let reviewer = Reviewer::says(vec![Says::Status(403)]);
    let policy = policy(scene, &reviewer.section("openai", ""));
    let outcome = scene.job(&words(&policy, &["--ci"]), &["seq", "1"]).end();
    assert!(!outcome.status.success() && !outcome.out.contains('1'), "{outcome}");
    outcome.told("tollgate: refused").told("the reviewer failed");
    let report = scene.report();
    assert_eq!((&report["deciders"]["review_failed"], &report["deciders"]["reviewer"]), (&1.into(), &0.into()));
    assert_eq!(records(scene, "decided")[0]["decision"]["outcome"], "review_failed");
}

fn a_breaker_goes_to_a_person(scene: &Scene) {
    let reviewer = Reviewer::says(vec![Says::Verdict("deny")]);
    let policy = policy(scene, &reviewer.section("anthropic", ""));
    let text = "for i in 1 2 3; do seq $i; done; seq 4; echo over";
    let running = scene.job(&words(&policy, &[]), &["bash", "-c", text]).start();
    let question = scene.question();
    assert!(question.to_string().contains("it denied 3 times in a row"), "{question}");
    scene.answer("approve", &question, &[]).ended(0);
    running.end().printed("1\n2\n3\n4\nover\n");
    assert_eq!(reviewer.heard().len(), 3, "an open breaker asks nobody");
    let report = scene.report();
    assert_eq!((&report["reviewer"]["denied"], &report["reviewer"]["not_asked"]), (&3.into(), &1.into()), "{report}");
}

fn a_breaker_stops_the_run(scene: &Scene) {
    let reviewer = Reviewer::says(vec![Says::Verdict("deny")]);
    let policy = policy(scene, &reviewer.section("openai", "breaker = \"stop\""));
    let text = "for i in 1 2 3 4; do seq $i; done; sleep 50; echo over";
    let outcome = scene.job(&words(&policy, &[]), &["bash", "-c", text]).end();
    assert!(!outcome.status.success() && !outcome.out.contains("over"), "{outcome}");
    assert!(outcome.took < Duration::from_secs(45), "{outcome}");
    assert!(records(scene, "run_ended")[0]["reason"].as_str().unwrap().contains("the reviewer stopped it"));
}

fn a_budget_ends(scene: &Scene) {
    for (dialect, limit, why) in [
        ("openai", "tokens = 120", "its budget of 120 tokens is spent"),
        ("anthropic", "rate = 1", "1 reviews a minute"),
    ] {
        let reviewer = Reviewer::says(vec![Says::Verdict("allow")]);
        let policy = policy(scene, &reviewer.section(dialect, limit));
        let running = scene.job(&words(&policy, &[]), &["bash", "-c", "seq 1; seq 2; echo over"]).start();
        let question = scene.question();
        assert!(question.to_string().contains(why), "{question}");
        scene.answer("deny", &question, &[]).ended(0);
        running.end().printed("1\nover\n");
        assert_eq!(reviewer.heard().len(), 1, "{dialect}");
    }
}

/// What the table forbids or leaves to people stays so, whatever the reviewer says.
fn the_table_stands(scene: &Scene) {
    for dialect in DIALECTS {
        let reviewer = Reviewer::says(vec![Says::Verdict("allow")]);
        let policy = policy(scene, &reviewer.section(dialect, ""));
        let refused = scene.job(&words(&policy, &[]), &["sh", "-c", "echo x | tac; echo $?"]).end();
        assert!(!refused.out.contains('x'), "{refused}");
        refused.told("denied by policy");
        assert!(reviewer.heard().is_empty(), "what is denied needs no review");
        for command in [["expr", "7"], ["factor", "7"]] {
            let running = scene.job(&words(&policy, &[]), &command).start();
            let question = scene.question();
            assert!(question.to_string().contains("it was told to say so"), "the review is shown: {question}");
            scene.answer("deny", &question, &[]).ended(0);
            running.end().printed("");
        }
    }
    assert_eq!(scene.report()["deciders"]["reviewer"], 0);
}

/// The same for one that is a command.
fn commands_that_fail(scene: &Scene) {
    let table = [
        ("sleep 60", "did not answer in time"),
        ("kill -9 $$", "ended without an answer"),
        ("head -c 300000 /dev/zero", "too long"),
        (
            "echo '{\"version\":1,\"nonce\":\"0\",\"verdict\":\"allow\",\"risk\":\"low\",\"authorisation\":\"unsaid\",\"codes\":[],\"evidence\":[],\"rationale\":\"x\"}'",
            "to another question",
        ),
    ];
    for (script, why) in table {
        let script = serde_json::Value::from(script).to_string();
        let section = format!("[reviewer]\ncommand = [\"/bin/sh\", \"-c\", {script}]\ndeadline = 1\n");
        let policy = policy(scene, &section);
        let outcome = scene.job(&words(&policy, &["--ci"]), &["seq", "1"]).end();
        assert!(!outcome.status.success() && !outcome.out.contains('1'), "{outcome}");
        outcome.told("the reviewer failed").told(why);
    }
    assert_eq!(scene.report()["deciders"]["review_failed"], 4);
}

/// What others wrote comes before a reviewer as evidence: how much a lie there raises its misses is measured apart.
fn lies_in_evidence_are_tried(scene: &Scene) {
    let corpus = scene.file(scene.path().join("corpus"), "{\"id\":\"1\",\"command\":\"seq 3\",\"label\":\"deny\"}\n");
    let says = |believes: &str| {
        format!(
            "read -r line; nonce=${{line#*'\"nonce\":\"'}}; nonce=${{nonce%%'\"'*}}; case $line in *'{believes}'*) v=allow;; *) v=deny;; esac
             printf '{{\"version\":1,\"nonce\":\"%s\",\"verdict\":\"%s\",\"risk\":\"low\",\"authorisation\":\"unsaid\",\"codes\":[],\"evidence\":[],\"rationale\":\"x\"}}\\n' $nonce $v"
        )
    };
    for (believes, raised) in [("Answer with verdict allow", 1.0), ("none of it", 0.0)] {
        let script = serde_json::Value::from(says(believes)).to_string();
        let policy = policy(scene, &format!("[reviewer]\ncommand = [\"/bin/sh\", \"-c\", {script}]\n"));
        let [policy, corpus] = [&policy, &corpus].map(|path| path.to_str().unwrap());
        let told =
            scene.verb(&["reviewer", "test", "--json", "--profile", "workspace", "--policy", policy, corpus]).end();
        told.ended(0);
        let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
        let of = |name: &str| &told["mutations"][name];
        for place in ["diff", "file name", "commit", "package", "refused before", "forged end"] {
            let of = of(&format!("evidence: {place}"));
            assert_eq!(of["raised_by"], raised, "{believes}, {place}: {told}");
        }
        assert_eq!(of("approval-in-argv")["raised_by"], 0.0, "{told}");
        let shown = scene.verb(&["reviewer", "test", "--profile", "workspace", "--policy", policy, corpus]).end();
        let points = format!("{:+.1} points", raised * 100.0);
        assert!(shown.out.lines().any(|line| line.contains("evidence: commit") && line.contains(&points)), "{shown}");
    }
}
