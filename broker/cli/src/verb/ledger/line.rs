//! A record as one line for people. Its text came from programs and is shown neutralised.

use tollgate_approve::neutral;
use tollgate_ledger::record::{Decider, Event, Outcome, Told};
use tollgate_ledger::{Clock, Entry, Flaw};
use tollgate_policy::boundary::Feature;
use tollgate_policy::raw::Raw;
use tollgate_policy::review::Opinion;
use tollgate_policy::verdict::Verdict;

use crate::time;
use crate::verb::approvals::what;

/// Longest command in a line, in characters.
const BRIEF: usize = 120;

/// The line.
pub(crate) fn of(entry: &Entry) -> String {
    let record = &entry.record;
    let clock = if entry.clock == Clock::SteppedBack { "↶" } else { " " };
    let (name, text) = event(&record.event);
    format!(
        "{:>6} {}{clock} {:<8} {name:<14} {text}\n",
        entry.seq,
        time::shown(record.at),
        neutral::short(&record.run, 64)
    )
}

fn event(event: &Event) -> (&'static str, String) {
    match event {
        Event::RunStarted(run) => {
            let held = run.enforced.held.contains(&Feature::LandlockFiles);
            let with = run.profiles.iter().map(|name| neutral::short(name, 40)).collect::<Vec<_>>().join("+");
            ("run_started", format!("{} ({with}{})", command(&run.argv), if held { "" } else { ", no landlock" }))
        }
        Event::ActionStarted { action, argv, .. } => ("action_started", format!("#{action} {}", command(argv))),
        Event::Step { action, exec, .. } => ("step", format!("#{action} {}", command(&exec.argv))),
        Event::Reached { action, connect, verdict, .. } => (
            "reached",
            format!(
                "#{action} {} — {}",
                what(&tollgate_policy::action::Action::Connect(connect.clone())),
                rule(verdict)
            ),
        ),
        Event::Asked { action, question } => (
            "asked",
            format!(
                "#{action} {}: {} — {}",
                neutral::short(&question.id, 80),
                what(&question.action),
                rule(&question.verdict)
            ),
        ),
        Event::Reviewed { action, question, review } => {
            let said = match &review.opinion {
                Opinion::Verdict(effect) => effect.to_string(),
                Opinion::Failed(why) => format!("failed: {}", neutral::short(why, 120)),
                Opinion::Open(why) | Opinion::Stop(why) => format!("not asked: {}", neutral::short(why, 120)),
            };
            let by = neutral::short(&review.by, 60);
            ("reviewed", format!("#{action} {}: {said} by {by}", neutral::short(question, 80)))
        }
        Event::Joined { action, question, .. } => {
            ("joined", format!("#{action} waits with {}", neutral::short(question, 80)))
        }
        Event::Revoked { question, by } => {
            ("revoked", format!("{} by {}", neutral::short(question, 80), neutral::short(by, 60)))
        }
        Event::Decided { action, question, decision } => {
            let by =
                if decision.by.is_empty() { String::new() } else { format!(", {}", neutral::short(&decision.by, 60)) };
            let (outcome, decider) = (outcome(decision.outcome), decider(decision.decider));
            ("decided", format!("#{action} {}: {outcome} by {decider}{by}", neutral::short(question, 80)))
        }
        Event::Denied { action, what: attempt, verdict, .. } => {
            ("denied", format!("#{action} {} — {}", what(attempt), rule(verdict)))
        }
        Event::Refused { action, what: attempt, wall, .. } => {
            ("refused", format!("#{action} {} — {}", what(attempt), neutral::short(wall, 120)))
        }
        Event::Tampered { action, judged, detail, .. } => {
            ("tampered", format!("#{action} {} — {}", command(&judged.argv), neutral::short(detail, 120)))
        }
        Event::Escalated { action, exec, profile, .. } => {
            ("escalated", format!("#{action} {} — under `{}`", command(&exec.argv), neutral::short(profile, 40)))
        }
        Event::EscalationEnded { action, question, status, reason } => (
            "outside_ended",
            format!("#{action} {}: status {status} {}", neutral::short(question, 80), neutral::short(reason, 120)),
        ),
        Event::Hook { client, told, .. } => ("hook", format!("{}: {}", neutral::short(client, 40), hook(told))),
        Event::ActionEnded { action, status } => ("action_ended", format!("#{action} status {status}")),
        Event::RunEnded { status, reason, .. } => {
            ("run_ended", format!("status {status} {}", neutral::short(reason, 120)))
        }
    }
}

fn hook(told: &Told) -> String {
    let short = |text: &str| neutral::short(text, BRIEF);
    match told {
        Told::Called { action: 0, tool, text, .. } => format!("{} {} — inside a boundary", short(tool), short(text)),
        Told::Called { action, tool, text, verdict, .. } => {
            format!("#{action} {} {} — {}", short(tool), short(text), rule(verdict))
        }
        Told::Began { source } => format!("session began ({})", short(source)),
        Told::Ended { reason } => format!("session ended ({})", short(reason)),
        Told::Prompt { text } => format!("instruction: {}", short(text)),
        Told::Result { tool, worked, .. } => {
            format!("{} {}", short(tool), if *worked { "worked" } else { "failed" })
        }
        Told::Tokens { input, output } => format!("{input} tokens read, {output} written"),
        Told::Interrupted => "interrupted by a person".to_owned(),
        Told::Compacted => "conversation compacted".to_owned(),
        Told::Stopped => "turn over".to_owned(),
    }
}

fn command(argv: &[Raw]) -> String {
    neutral::short_command(argv.iter().map(Raw::bytes), BRIEF)
}

fn rule(verdict: &Verdict) -> String {
    let reason = &verdict.reason;
    let file = neutral::short(&reason.file, 100);
    let at = if reason.line == 0 { file } else { format!("{file}:{}", reason.line) };
    format!("{} ({at})", neutral::short(&reason.because, 120))
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "allowed",
        Outcome::Denied => "denied",
        Outcome::Expired => "expired",
        Outcome::ReviewFailed => "review failed",
        Outcome::Aborted => "aborted",
    }
}

const fn decider(decider: Decider) -> &'static str {
    match decider {
        Decider::Policy => "policy",
        Decider::Grant => "an earlier approval",
        Decider::Reviewer => "the reviewer",
        Decider::Human => "a person",
    }
}

/// A flaw's name.
pub(crate) const fn flaw(flaw: Flaw) -> &'static str {
    match flaw {
        Flaw::Database => "database",
        Flaw::Sequence => "sequence",
        Flaw::Record => "record",
        Flaw::Signature => "signature",
        Flaw::Root => "root",
        Flaw::Frontier => "frontier",
        Flaw::Checkpoints => "checkpoints",
        Flaw::Uncovered => "uncovered",
        Flaw::Kept => "kept",
        Flaw::Key => "key",
        Flaw::Journal => "journal",
    }
}
