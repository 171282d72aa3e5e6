//! The report as plain text of at most 80 columns.

use crate::rate::Rate;
use crate::report::{Counts, Report, Split};

/// The report for people.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    paths(&mut out, report);
    shares(&mut out, report);
    deciders(&mut out, report);
    reviewer(&mut out, report);
    human(&mut out, report);
    pace(&mut out, report);
    approvers(&mut out, report);
    out
}

macro_rules! line {
    ($out:expr, $($text:tt)*) => {{ $out.push_str(&format!($($text)*)); $out.push('\n'); }};
}

/// One of the counts.
type Count = fn(&Counts) -> u64;

fn paths(out: &mut String, report: &Report) {
    line!(out, "{:<34}{:>10}{:>20}", "Actions", "all", "without read-only");
    let rows: [(&str, Count); 7] = [
        ("  in the sandbox", |c| c.sandbox_ok),
        ("  in the sandbox, partly refused", |c| c.sandbox_refused),
        ("  escalated, allowed", |c| c.escalated_allowed),
        ("  escalated, not allowed", |c| c.escalated_denied),
        ("  denied by a rule", |c| c.policy_denied),
        ("  unsandboxed by configuration", |c| c.unsandboxed),
        ("  total", |c| c.total),
    ];
    for (label, count) in rows {
        line!(out, "{label:<34}{:>10}{:>20}", count(&report.actions), count(&report.without_reads));
    }
}

fn shares(out: &mut String, report: &Report) {
    line!(out, "\n{:<34}{:>10}{:>20}{:>10}", "Shares", "", "95 % interval", "n");
    for (label, rate) in [
        ("  in the sandbox", report.shares.sandbox),
        ("    without read-only", report.shares_without_reads.sandbox),
        ("  escalated", report.shares.escalated),
        ("    without read-only", report.shares_without_reads.escalated),
        ("  approved without a person", report.auto_approved),
        ("  stopped for a person", report.human_stop),
    ] {
        line!(out, "{label:<34}{}", share(&rate));
    }
}

fn deciders(out: &mut String, report: &Report) {
    let who = &report.deciders;
    line!(out, "\n{:<34}{:>10}{:>20}", "Questions decided by", "allowed", "denied");
    for (label, Split { allowed, denied }) in
        [("policy", who.policy), ("grant", who.grant), ("reviewer", who.reviewer), ("human", who.human)]
    {
        line!(out, "  {label:<32}{allowed:>10}{denied:>20}");
    }
    line!(
        out,
        "  not decided: {} expired, {} review failed, {} aborted, {} open",
        who.expired,
        who.review_failed,
        who.aborted,
        who.open
    );
}

fn human(out: &mut String, report: &Report) {
    let human = &report.human;
    line!(out, "\nPeople were asked {} times and answered {}.", human.asked, human.answered);
    if let Some(seconds) = human.median_seconds {
        line!(out, "The median wait for an answer was {seconds:.1} s.");
    }
    if report.unattributed > 0 {
        line!(
            out,
            "{} records name an action or question that never began; they are not counted.",
            report.unattributed
        );
    }
}

/// How far agents get by themselves; nothing where that was less than a minute.
#[allow(clippy::cast_precision_loss, reason = "minutes and counts far below 2^53")]
fn pace(out: &mut String, report: &Report) {
    let pace = &report.pace;
    if pace.active < 60_000 {
        return;
    }
    let minutes = pace.active as f64 / 60_000.0;
    match pace.interventions {
        0 => line!(out, "\nAgents worked {minutes:.1} min; nobody stepped in."),
        n => line!(
            out,
            "\nAgents worked {minutes:.1} min; people stepped in {n} times, once in {:.1} min.",
            minutes / n as f64
        ),
    }
    if !pace.stretches.is_empty() {
        let (actions, n) = (pace.stretches.iter().sum::<u64>(), pace.stretches.len());
        line!(out, "{n} instructions, {:.1} actions each; {} interrupts.", actions as f64 / n as f64, pace.interrupts);
    }
}

/// What the automatic reviewer did and cost; nothing where there is none.
fn reviewer(out: &mut String, report: &Report) {
    let it = &report.reviews;
    if !it.is_any() {
        return;
    }
    line!(
        out,
        "\nThe reviewer was asked {} times: {} allowed, {} left to people, {} denied, {} failed.",
        it.asked,
        it.allowed,
        it.left_to_people,
        it.denied,
        it.failed
    );
    line!(
        out,
        "{} retries, {} verdicts used again, {} times not asked (breaker or budget).",
        it.retries,
        it.reused,
        it.not_asked
    );
    line!(
        out,
        "{} tokens in, {} out, {}.{:03} cents.",
        it.tokens_in,
        it.tokens_out,
        it.cost_millicents / 1000,
        it.cost_millicents % 1000
    );
}

/// How approvers fare: what the load does to them, and what would lighten it.
fn approvers(out: &mut String, report: &Report) {
    for one in &report.approvers {
        line!(out, "\n{:<34}{:>10}{:>20}{:>10}", format!("Answers of {}", one.by), "", "95 % interval", "n");
        for (label, rate) in [
            ("  approved", one.approved),
            ("  faster than they can be read", one.too_quick),
            ("  high risk, evidence unopened", one.unopened),
            ("  tests of attention, missed", one.canaries_missed),
            ("  approved, denied later", one.regretted),
        ] {
            if rate.n > 0 {
                line!(out, "{label:<34}{}", share(&rate));
            }
        }
        line!(out, "  longest row of approvals {:>19}", one.streak);
        for noise in &one.noise {
            line!(out, "  {} times asked, always approved: {}", noise.times, noise.what);
            line!(out, "  would have spared it:");
            for rule in noise.rule.lines() {
                line!(out, "    {rule}");
            }
        }
    }
}

fn share(rate: &Rate) -> String {
    match (rate.value, rate.low, rate.high) {
        (Some(value), Some(low), Some(high)) => {
            let interval = format!("{:.1} to {:.1} %", low * 100.0, high * 100.0);
            format!("{:>8.1} %{interval:>20}{:>10}", value * 100.0, rate.n)
        }
        _ => format!("{:>10}{:>20}{:>10}", "none", "", rate.n),
    }
}
