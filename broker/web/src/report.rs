//! The report: how much stayed in the sandbox, who decided the rest, what it cost people. As a page, and as a file that
//! can be sent around.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;
use tollgate_wire::neutral;

use crate::queue::Frame;
use crate::session::Session;
use crate::shop::{Shop, aside};
use crate::told;

#[derive(Debug, Template)]
#[template(path = "report.html")]
struct Report {
    frame: Frame,
    fault: String,
    numbers: Numbers,
}

#[derive(Debug, Template)]
#[template(path = "paper.html")]
struct Paper<'a> {
    style: &'static str,
    of: &'a str,
    numbers: Numbers,
}

#[derive(Debug)]
struct Numbers {
    shares: Vec<Share>,
    paths: Vec<(&'static str, u64, u32)>,
    deciders: Vec<(&'static str, u64, u64)>,
    asked: u64,
    answered: u64,
    median: String,
    undecided: Vec<(&'static str, u64)>,
    /// How far agents get by themselves, in sentences.
    alone: Vec<String>,
    approvers: Vec<Approver>,
}

/// How one approver fares.
#[derive(Debug)]
struct Approver {
    by: String,
    shares: Vec<Share>,
    streak: u64,
    noise: Vec<Noise>,
}

/// What was always approved, and the rule that would have spared the asking.
#[derive(Debug)]
struct Noise {
    what: String,
    times: u64,
    rule: String,
}

/// A share with its interval, in thousandths for the drawing.
#[derive(Debug)]
struct Share {
    label: &'static str,
    value: String,
    interval: String,
    n: u64,
    at: u32,
    low: u32,
    wide: u32,
}

pub(crate) async fn report(State(shop): State<Shop>, Extension(session): Extension<Session>) -> Response {
    aside(move || {
        let frame = Frame::of((&shop, &session), "report", shop.goods.desk.look().questions.len());
        let (value, fault) = match shop.goods.backdrop.report() {
            Ok(value) => (value, String::new()),
            Err(why) => (Value::Null, neutral::short(&why, 300)),
        };
        told::page(StatusCode::OK, &Report { frame, fault, numbers: numbers(&value) })
    })
    .await
}

/// The same as one file of HTML that needs no other: `value` is what `tollgate report --json` prints, `of` says of what
/// and when.
///
/// # Errors
/// [`askama::Error`], which no value leads to.
pub fn paper(value: &Value, of: &str) -> Result<String, askama::Error> {
    Paper { style: include_str!("../assets/style.css"), of, numbers: numbers(value) }.render()
}

fn numbers(value: &Value) -> Numbers {
    let count = |pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let total = count("/actions/total");
    let paths = [
        ("In the sandbox", "/actions/sandbox_ok"),
        ("In the sandbox, partly refused", "/actions/sandbox_refused"),
        ("Escalated, allowed", "/actions/escalated_allowed"),
        ("Escalated, not allowed", "/actions/escalated_denied"),
        ("Denied by a rule", "/actions/policy_denied"),
        ("Unsandboxed by configuration", "/actions/unsandboxed"),
    ];
    let shares = [
        ("In the sandbox", "/share/sandbox"),
        ("Escalated", "/share/escalated"),
        ("Approved without a person", "/metrics/auto_approved"),
        ("Stopped for a person", "/metrics/human_stop"),
    ];
    let deciders =
        [("Policy", "policy"), ("Earlier approvals", "grant"), ("Reviewer", "reviewer"), ("People", "human")];
    let split = |name: &str, end: &str| count(&format!("/deciders_detail/{name}/{end}"));
    let median = value.pointer("/human/median_seconds").and_then(Value::as_f64);
    Numbers {
        shares: shares.iter().filter_map(|(label, at)| share(label, value.pointer(at)?)).collect(),
        paths: paths.map(|(label, at)| (label, count(at), thousandths(count(at), total))).to_vec(),
        deciders: deciders.map(|(label, name)| (label, split(name, "allowed"), split(name, "denied"))).to_vec(),
        asked: count("/human/asked"),
        answered: count("/human/answered"),
        median: median.map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
        undecided: vec![
            ("expired", count("/deciders/expired")),
            ("review failed", count("/deciders/review_failed")),
            ("aborted", count("/deciders/aborted")),
        ],
        alone: alone(value),
        approvers: list(value, "approver_health").iter().map(approver).collect(),
    }
}

fn alone(value: &Value) -> Vec<String> {
    let number = |at: &str| value.pointer(&format!("/metrics/{at}")).and_then(Value::as_f64);
    let mut lines = Vec::new();
    if let Some(seconds) = number("mean_time_between_interventions/active_seconds").filter(|seconds| *seconds >= 60.0) {
        let times = number("mean_time_between_interventions/n").unwrap_or(0.0);
        let mean = number("mean_time_between_interventions/value");
        let mean = mean.map_or_else(String::new, |mean| format!(", once in {:.1} minutes", mean / 60.0));
        lines.push(format!("They worked {:.1} minutes; people stepped in {times} times{mean}.", seconds / 60.0));
    }
    if let (Some(actions), Some(n)) = (number("actions_per_instruction/value"), number("actions_per_instruction/n")) {
        lines.push(format!("{n} instructions, {actions:.1} actions each."));
    }
    lines
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn approver(value: &Value) -> Approver {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
    let rates = [
        ("Approved", "approved"),
        ("Faster than they can be read", "too_quick"),
        ("High risk, evidence unopened", "high_risk_unopened"),
        ("Tests of attention, missed", "canaries_missed"),
        ("Approved, denied later", "regretted"),
    ];
    let noise = list(value, "always_approved").iter();
    Approver {
        by: neutral::short(&text(value, "by"), 80),
        shares: rates.iter().filter_map(|(label, name)| share(label, value.get(name)?)).collect(),
        streak: number(value, "longest_streak"),
        noise: noise
            .map(|one| Noise { what: text(one, "what"), times: number(one, "times"), rule: text(one, "rule") })
            .collect(),
    }
}

fn thousandths(part: u64, whole: u64) -> u32 {
    let share = part.saturating_mul(1000).checked_div(whole).unwrap_or(0);
    u32::try_from(share).unwrap_or(1000).min(1000)
}

fn share(label: &'static str, rate: &Value) -> Option<Share> {
    let number = |name: &str| rate.get(name).and_then(Value::as_f64);
    let (value, low, high) = (number("value")?, number("low")?, number("high")?);
    let at = |share: f64| (0..=1000_u32).find(|n| f64::from(*n) >= share * 1000.0).unwrap_or(1000);
    Some(Share {
        label,
        value: format!("{:.1} %", value * 100.0),
        interval: format!("{:.1} to {:.1} %", low * 100.0, high * 100.0),
        n: rate.get("n").and_then(Value::as_u64).unwrap_or(0),
        at: at(value),
        low: at(low),
        wide: at(high).saturating_sub(at(low)).max(4),
    })
}
