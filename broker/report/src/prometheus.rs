//! The report in Prometheus' text exposition format 0.0.4, for a collector that reads files: what the ledger says now, so
//! that all of it is a gauge.

use std::fmt::Write as _;

use crate::report::{Report, Split};

/// One family of numbers.
struct Family {
    name: &'static str,
    help: &'static str,
    /// Labels as they are printed, and the value; none is left out.
    rows: Vec<(String, Option<f64>)>,
}

/// All that is counted, by name.
#[must_use]
pub fn prometheus(report: &Report) -> String {
    let mut out = String::new();
    for Family { name, help, rows } in
        [actions(report), shares(report), decisions(report)].into_iter().chain(rest(report))
    {
        // Writing to a text can't fail.
        let _written = writeln!(out, "# HELP tollgate_{name} {help}\n# TYPE tollgate_{name} gauge");
        for (labels, value) in rows.into_iter().filter_map(|(labels, value)| Some((labels, value?))) {
            let _written = writeln!(out, "tollgate_{name}{labels} {value}");
        }
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "the format has floating numbers only")]
fn number(count: u64) -> f64 {
    count as f64
}

fn actions(report: &Report) -> Family {
    let of = &report.actions;
    let rows = [
        ("sandbox_ok", of.sandbox_ok),
        ("sandbox_refused", of.sandbox_refused),
        ("escalated_allowed", of.escalated_allowed),
        ("escalated_denied", of.escalated_denied),
        ("policy_denied", of.policy_denied),
        ("unsandboxed", of.unsandboxed),
    ];
    let rows = rows.map(|(path, count)| (format!("{{path=\"{path}\"}}"), Some(number(count)))).to_vec();
    Family { name: "actions", help: "Actions by the path that they took.", rows }
}

fn shares(report: &Report) -> Family {
    let all = [
        ("sandbox", report.shares.sandbox),
        ("escalated", report.shares.escalated),
        ("auto_approved", report.auto_approved),
        ("human_stop", report.human_stop),
    ];
    let bounds = |(of, rate): (&str, crate::Rate)| {
        [("value", rate.value), ("low", rate.low), ("high", rate.high)]
            .map(|(bound, value)| (format!("{{of=\"{of}\",bound=\"{bound}\"}}"), value))
    };
    let help = "Shares, with the bounds of their Wilson 95 % interval.";
    Family { name: "share", help, rows: all.into_iter().flat_map(bounds).collect() }
}

fn decisions(report: &Report) -> Family {
    let who = &report.deciders;
    let split = |(decider, Split { allowed, denied }): (&str, Split)| {
        [("allowed", allowed), ("denied", denied)].map(|(outcome, count)| (decider.to_owned(), outcome, count))
    };
    let decided = [("policy", who.policy), ("grant", who.grant), ("reviewer", who.reviewer), ("human", who.human)];
    let open =
        [("expired", who.expired), ("review_failed", who.review_failed), ("aborted", who.aborted), ("open", who.open)];
    let open = open.map(|(outcome, count)| ("none".to_owned(), outcome, count));
    let rows = decided.into_iter().flat_map(split).chain(open);
    let rows = rows.map(|(decider, outcome, count)| {
        (format!("{{decider=\"{decider}\",outcome=\"{outcome}\"}}"), Some(number(count)))
    });
    Family { name: "decisions", help: "Questions by who decided them last, and how.", rows: rows.collect() }
}

/// Numbers without labels.
#[allow(clippy::cast_precision_loss, reason = "the format has floating numbers only")]
fn rest(report: &Report) -> [Family; 5] {
    let one = |name, help, value| Family { name, help, rows: vec![(String::new(), value)] };
    [
        one("human_asked", "Questions that were put to a person.", Some(number(report.human.asked))),
        one("human_answered", "Questions that a person answered.", Some(number(report.human.answered))),
        one("human_wait_seconds_median", "From such a question to its answer.", report.human.median_seconds),
        one("interventions", "Answers, interrupts and corrections by people.", Some(number(report.pace.interventions))),
        one(
            "active_seconds",
            "Time of agents in which nobody was waited for.",
            Some(report.pace.active as f64 / 1000.0),
        ),
    ]
}
