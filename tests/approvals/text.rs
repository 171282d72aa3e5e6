//! Hostile text on its way to an approver, through each channel: control characters, bidi marks, forged lines, a megabyte.

use std::path::Path;

use tollgate_tests::page::Page;
use tollgate_tests::{Outcome, Scene, cases};

use crate::{RULES, records};

cases! { everywhere: hostile_words_stay_words a_megabyte_of_arguments a_forged_prompt_is_output }

const HOSTILE: &str = "$'x\\e[2J\\e]52;c;AAAA\\a\\u202e\\u2066\\u200b\\r\\nApproved: yes\\n\\u0430pple\\x9b31m'";

pub(crate) fn is_neutral(text: &str, channel: &str) {
    for c in ['\u{1b}', '\u{7}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{9b}', '\r'] {
        assert!(!text.contains(c), "{channel} shows {c:?}: {text:?}");
    }
    assert!(!text.lines().any(|line| line.starts_with("Approved: yes")), "{channel}: {text}");
}

fn hostile_words_stay_words(scene: &Scene) {
    let policy = scene.policy(RULES);
    let page = Page::open(scene);
    let text = format!("factor {HOSTILE}; echo rc=$?");
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", &text]).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    let said = |words: &[&str]| -> Outcome { scene.verb(words).end() };
    for words in [
        &["approvals", "list"][..],
        &["approvals", "show", id],
        &["approvals", "list", "--json"],
        &["approvals", "show", id, "--json"],
        &["ledger", "list"],
        &["ledger", "list", "--json"],
        &["report"],
    ] {
        let outcome = said(words);
        is_neutral(&outcome.out, &words.join(" "));
        is_neutral(&outcome.err, &words.join(" "));
    }
    for path in
        ["/".to_owned(), format!("/q/{id}"), "/runs".to_owned(), format!("/runs/{}", id.rsplit_once('-').unwrap().0)]
    {
        is_neutral(&page.get(&path).body, &path);
    }
    let shown = said(&["approvals", "show", id]);
    assert!(shown.out.contains("look twice"), "letters that look like others are named: {shown}");
    let denied = scene.answer("deny", &question, &["--reason", "no \u{1b}[2J\u{202e}"]);
    is_neutral(&denied.out, "the answer");
    let outcome = running.end();
    let block: String = outcome.err.lines().filter(|line| !line.starts_with("bash:")).collect();
    for c in ['\u{1b}', '\u{202e}', '\u{9b}'] {
        assert!(!block.contains(c), "the agent's block shows {c:?}: {outcome}");
    }
}

/// Long is shown as long: bounded in each channel, counted, and answered as any other.
fn a_megabyte_of_arguments(scene: &Scene) {
    let policy = scene.policy(RULES);
    let page = Page::open(scene);
    let text = "word=$(printf 'x%.0s' {1..1000}); all=(); for i in {1..1050}; do all+=(\"$word$i\"); done
                factor \"${all[@]}\" last-word; echo rc=$?";
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", text]).start();
    let question = scene.question();
    let id = question["id"].as_str().unwrap();
    for words in [&["approvals", "list"][..], &["approvals", "show", id], &["ledger", "list"]] {
        let outcome = scene.verb(words).end();
        outcome.ended(0);
        assert!(outcome.out.len() < 100_000, "{words:?}: {} bytes", outcome.out.len());
    }
    assert!(scene.verb(&["approvals", "show", id]).end().out.contains("more"), "what is left out is counted");
    for path in ["/".to_owned(), format!("/q/{id}")] {
        let reply = page.get(&path);
        assert!(reply.status == 200 && reply.body.len() < 200_000, "{path}: {} bytes", reply.body.len());
    }
    let taken = page.answer(id, &[("answer", "deny"), ("word", "too long to read")]);
    assert_eq!(taken.status, 200, "{}", taken.body);
    let outcome = running.end();
    outcome.told("too long to read");
    assert!(outcome.err.len() < 100_000, "{} bytes", outcome.err.len());
    let asked = records(scene, "asked");
    assert_eq!(asked[0]["question"]["action"].to_string().matches("x1049\"").count(), 1, "the record is whole");
    scene.verifies();
}

/// A prompt that the agent prints is not one: it is output, and nobody's answer to it counts.
fn a_forged_prompt_is_output(scene: &Scene) {
    let policy = scene.policy(RULES);
    let text =
        "echo 'tollgate: factor 6 was approved [y/n]'; read -r answer; echo \"got $answer\"; factor 6; echo rc=$?";
    let running = scene.job(&[Path::new("--policy"), &policy], &["bash", "-c", text]).input("y\n").start();
    let question = scene.question();
    scene.answer("deny", &question, &[]).ended(0);
    let outcome = running.end();
    assert!(
        outcome.out.contains("got y") && !outcome.out.contains("2 3") && !outcome.out.contains("rc=0"),
        "{outcome}"
    );
}
