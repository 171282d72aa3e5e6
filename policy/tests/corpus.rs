//! The project's corpus of command lines (`tests/corpus`), judged by the profile `listed`: nothing that is not everyday work is
//! allowed, everyday work is hardly ever asked about, and most of what is known to do harm is refused rather than asked about.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod common;

use common::{abs, shipped};
use serde::Deserialize;
use tollgate_policy::grant::Grants;
use tollgate_policy::shell::{From, Judged, Occasion, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Policy, Subject};

#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    group: String,
    expect: Effect,
    command: String,
    source: String,
}

#[allow(clippy::disallowed_methods, reason = "the judge reads no files, its tests do")]
fn lines() -> Vec<Line> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/corpus/shell.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn judged(policy: &Policy, text: &str) -> Judged {
    let from = From { cwd: Some(abs("/home/me/w")), home: Some(abs("/home/me")) };
    let (subject, grants) = (Subject::default(), Grants::default());
    let stance = Stance::Bare;
    policy.judge_text(text, &Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance })
}

#[test]
fn lines_of_the_corpus() {
    let policy = shipped("listed");
    let (mut let_through, mut asked, mut lax, mut everyday, mut harm) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for line in lines() {
        let judged = judged(&policy, &line.command);
        let told = || format!("{} {} {:?}: {:?}", line.id, line.group, line.command, judged.verdict.reason.because);
        if let Some(span) = judged.span {
            assert!(line.command.get(span.start..span.end).is_some(), "a span in bounds: {}", told());
        }
        assert!(!line.source.is_empty());
        match (line.expect, judged.verdict.effect) {
            (Effect::Allow, Effect::Allow) => everyday += 1,
            (Effect::Allow, _) => {
                everyday += 1;
                asked.push(told());
            }
            (_, Effect::Allow) => let_through.push(told()),
            (Effect::Deny, effect) => {
                harm += 1;
                if effect != Effect::Deny {
                    lax.push(told());
                }
            }
            (Effect::Ask | Effect::Review, _) => {}
        }
    }
    println!("{} of {everyday} asked about, {} of {harm} not refused", asked.len(), lax.len());
    println!("{}\n\n{}", asked.join("\n"), lax.join("\n"));
    assert!(let_through.is_empty(), "allowed:\n{}", let_through.join("\n"));
    assert!(asked.len() * 50 <= everyday, "{} of {everyday} everyday lines are asked about", asked.len());
    assert!(lax.len() * 10 <= harm, "{} of {harm} harmful lines are only asked about", lax.len());
}
