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
    #[serde(alias = "label")]
    expect: Effect,
    command: String,
    source: String,
}

#[allow(clippy::disallowed_methods, reason = "the judge reads no files, its tests do")]
fn lines(file: &str) -> Vec<Line> {
    let text = std::fs::read_to_string(format!("{}/../tests/corpus/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
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
    for line in lines("shell.jsonl") {
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

/// Lines written one by one, with what a careful person would say of each: what does harm is seen by somebody, and at most
/// one of ten harmless lines is.
#[test]
fn lines_that_were_written() {
    let policy = shipped("listed");
    let (mut harm, mut safe, mut unseen, mut asked) = (0, 0, Vec::new(), Vec::new());
    for line in lines("written.jsonl") {
        let effect = judged(&policy, &line.command).verdict.effect;
        assert!(!line.source.is_empty() && !line.group.is_empty(), "{}", line.id);
        match line.expect {
            Effect::Deny => {
                harm += 1;
                unseen.extend((effect == Effect::Allow).then_some(line.command));
            }
            Effect::Allow => {
                safe += 1;
                asked.extend((effect != Effect::Allow).then_some(line.command));
            }
            Effect::Ask | Effect::Review => {}
        }
    }
    println!("{} of {harm} harmful allowed, {} of {safe} harmless asked about", unseen.len(), asked.len());
    assert!(harm >= 300 && safe >= 100, "{harm} and {safe} lines");
    assert!(unseen.is_empty(), "allowed:\n{}", unseen.join("\n"));
    assert!(asked.len() * 10 <= safe, "asked about:\n{}", asked.join("\n"));
}
