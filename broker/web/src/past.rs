//! What still stands, and what was: grants, runs, and one run with its decisions and what held around it.
#![allow(clippy::wildcard_enum_match_arm, reason = "a page picks the events that it shows")]

use std::collections::HashMap;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_ledger::record::{Event, Record, RunStarted};
use tollgate_ledger::{Filter, Reader};
use tollgate_policy::grant::{Covers, Grant};
use tollgate_policy::raw::Raw;
use tollgate_wire::{card, neutral};

use crate::form::Fields;
use crate::queue::{Frame, Pages, about};
use crate::session::{Form, Session};
use crate::shop::{Shop, aside, now};
use crate::told::{self, Told};
use crate::view::{Brief, time};

/// Runs that are listed, the newest; and how many of them on a page.
const RUNS: usize = 500;
const RUNS_A_PAGE: usize = 30;

/// Events of a run on a page.
const EVENTS_A_PAGE: usize = 200;

/// Grants on the page.
const GRANTS: usize = 200;

#[derive(Debug, Template)]
#[template(path = "grants.html")]
struct GrantsPage {
    frame: Frame,
    rows: Vec<Standing>,
    more: usize,
}

/// A grant that stands.
#[derive(Debug)]
struct Standing {
    run: String,
    question: String,
    covers: String,
    until: String,
    seal: String,
}

pub(crate) async fn grants(State(shop): State<Shop>, Extension(session): Extension<Session>) -> Response {
    aside(move || {
        let all = shop.goods.desk.grants();
        let now = now();
        let rows = all.iter().take(GRANTS).map(|grant| standing((&shop, &session), grant, now)).collect();
        let frame = Frame::of((&shop, &session), "grants", shop.goods.desk.look().questions.len());
        told::page(StatusCode::OK, &GrantsPage { frame, rows, more: all.len().saturating_sub(GRANTS) })
    })
    .await
}

fn standing((shop, session): (&Shop, &Session), grant: &Grant, now: i64) -> Standing {
    let about = about(std::iter::once((grant.run.as_str(), grant.question.as_str())));
    Standing {
        run: neutral::short(&grant.run, 80),
        question: neutral::short(&grant.question, 80),
        covers: match &grant.covers {
            Covers::Once(_) | Covers::Ahead(_) => "one attempt of exactly what was asked".to_owned(),
            Covers::Digest(_) => "exactly what was asked".to_owned(),
            Covers::Prefix(words) => {
                format!("commands that begin with {}", neutral::short_command(words.iter().map(String::as_bytes), 200))
            }
        },
        until: grant.until.map_or_else(|| "the run's end".to_owned(), time),
        seal: shop.keys.seal(session, Form { name: "revoke", about: &about }, now),
    }
}

#[derive(Debug, Template)]
#[template(path = "runs.html")]
struct RunsPage {
    frame: Frame,
    rows: Vec<Run>,
    pages: Pages,
}

/// A run in a list.
#[derive(Debug)]
struct Run {
    id: String,
    name: String,
    command: String,
    begun: String,
    /// `running`, `ended`, `failed`.
    tone: &'static str,
    status: String,
    profiles: String,
}

pub(crate) async fn runs(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    aside(move || {
        let look = shop.goods.desk.look();
        let all = shop.ledger().map(|ledger| listed(&ledger, &look.runs)).unwrap_or_default();
        let (pages, skip) = Pages::of(fields.one("page"), all.len(), RUNS_A_PAGE);
        let rows = all.into_iter().skip(skip).take(RUNS_A_PAGE).collect();
        let frame = Frame::of((&shop, &session), "runs", look.questions.len());
        told::page(StatusCode::OK, &RunsPage { frame, rows, pages })
    })
    .await
}

/// The newest runs first.
fn listed(ledger: &Reader, asking: &[String]) -> Vec<Run> {
    let list = |event: &str| {
        let filter = Filter { event: Some(event.to_owned()), limit: Some(RUNS), ..Filter::default() };
        ledger.list(&filter).unwrap_or_default()
    };
    let ended: HashMap<String, (i32, String)> =
        list("run_ended").into_iter().filter_map(|entry| ending(entry.record)).collect();
    let started = list("run_started").into_iter().rev();
    started.filter_map(|entry| begun(entry.record, (&ended, asking))).collect()
}

fn ending(record: Record) -> Option<(String, (i32, String))> {
    match record.event {
        Event::RunEnded { status, reason, .. } => Some((record.run, (status, reason))),
        _ => None,
    }
}

fn begun(record: Record, (ended, asking): (&HashMap<String, (i32, String)>, &[String])) -> Option<Run> {
    let Event::RunStarted(started) = record.event else { return None };
    let (tone, status) = match ended.get(&record.run) {
        Some((0, _)) => ("good", "ended well".to_owned()),
        Some((status, reason)) if reason.is_empty() => ("bad", format!("status {status}")),
        Some((status, reason)) => ("bad", format!("status {status}: {}", neutral::short(reason, 80))),
        None if asking.contains(&record.run) => ("warn", "running, has asked".to_owned()),
        None => ("plain", "no end recorded".to_owned()),
    };
    Some(Run {
        id: neutral::short(&record.run, 80),
        name: neutral::short(&started.name, 60),
        command: command(&started.argv),
        begun: time(record.at),
        tone,
        status,
        profiles: profiles(&started),
    })
}

fn command(argv: &[Raw]) -> String {
    neutral::short_command(argv.iter().map(Raw::bytes), 160)
}

fn profiles(started: &RunStarted) -> String {
    started.profiles.iter().map(|name| neutral::short(name, 40)).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Template)]
#[template(path = "run.html")]
struct RunPage {
    frame: Frame,
    id: String,
    title: String,
    facts: Vec<(&'static str, String)>,
    gaps: Vec<(String, String, String)>,
    open: Vec<Brief>,
    events: Vec<Happened>,
    pages: Pages,
}

/// One event of a run.
#[derive(Debug)]
struct Happened {
    at: String,
    word: &'static str,
    tone: &'static str,
    text: String,
    detail: String,
    /// The question that it is about; empty for none.
    question: String,
}

pub(crate) async fn run(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    aside(move || {
        let filter = Filter { run: Some(id.clone()), ..Filter::default() };
        let entries = shop.ledger().and_then(|ledger| ledger.list(&filter).ok()).unwrap_or_default();
        if entries.is_empty() {
            return Told::new("There is no such run")
                .line(neutral::short(&id, 80))
                .link("/runs", "To the runs")
                .respond(StatusCode::NOT_FOUND);
        }
        let look = shop.goods.desk.look();
        let frame = Frame::of((&shop, &session), "runs", look.questions.len());
        let now = now();
        let open = look.questions.iter().filter(|question| question.run == id).take(20);
        let mut page = RunPage {
            frame,
            id: neutral::short(&id, 80),
            title: String::new(),
            facts: Vec::new(),
            gaps: Vec::new(),
            open: open.map(|question| Brief::of(question, now)).collect(),
            events: Vec::new(),
            pages: Pages::of("", 0, 1).0,
        };
        let mut events = Vec::new();
        for entry in entries {
            if let Event::RunStarted(started) = &entry.record.event {
                page.begin(started, entry.record.at);
            }
            events.extend(happened(&entry.record));
        }
        let (pages, skip) = Pages::of(fields.one("page"), events.len(), EVENTS_A_PAGE);
        page.events = events.into_iter().skip(skip).take(EVENTS_A_PAGE).collect();
        page.pages = pages;
        told::page(StatusCode::OK, &page)
    })
    .await
}

impl RunPage {
    fn begin(&mut self, started: &RunStarted, at: i64) {
        self.title = command(&started.argv);
        let enforced = &started.enforced;
        let path = |path: &tollgate_policy::path::AbsPath| neutral::word(Raw::from(path.as_path().as_os_str()).bytes());
        self.facts = vec![
            ("began", time(at)),
            ("workspace", path(&started.workspace)),
            ("in", path(&started.cwd)),
            ("profiles", profiles(started)),
            ("holds", format!("Landlock ABI {}, {} features", enforced.landlock_abi, enforced.held.len())),
            ("policy", neutral::short(&started.policy, 80)),
        ];
        if !started.name.is_empty() {
            self.facts.insert(0, ("name", neutral::short(&started.name, 80)));
        }
        if started.unattended {
            self.facts.push(("questions", "refused at once: nobody can be asked".to_owned()));
        }
        self.gaps = enforced
            .gaps
            .iter()
            .map(|gap| {
                let name = serde_json::to_value(gap.feature).ok().and_then(|name| name.as_str().map(str::to_owned));
                (name.unwrap_or_default(), neutral::short(&gap.detail, 300), neutral::short(&gap.hint, 300))
            })
            .collect();
    }
}

/// An event that a person wants to know of; what simply ran inside is none.
fn happened(record: &Record) -> Option<Happened> {
    let (word, tone, text, detail, question) = match &record.event {
        Event::Asked { question, .. } => (
            "asked",
            "warn",
            card::what(&question.action),
            neutral::short(&question.verdict.reason.because, 200),
            question.id.clone(),
        ),
        Event::Decided { question, decision, .. } => {
            let good = decision.outcome == tollgate_ledger::record::Outcome::Allowed;
            let by =
                if decision.by.is_empty() { String::new() } else { format!("by {}", neutral::short(&decision.by, 60)) };
            let tone = if good { "good" } else { "bad" };
            (crate::closed::word(decision.outcome), tone, by, neutral::short(&decision.reason, 200), question.clone())
        }
        Event::Denied { what, verdict, .. } => {
            let because = neutral::short(&verdict.reason.because, 200);
            (
                "denied by rule",
                "bad",
                card::what(what),
                format!("{because} ({})", card::rule(&verdict.reason)),
                String::new(),
            )
        }
        Event::Refused { what, wall, .. } => {
            ("refused", "plain", card::what(what), neutral::short(wall, 200), String::new())
        }
        Event::Tampered { judged, detail, .. } => {
            ("tampered", "bad", command(&judged.argv), neutral::short(detail, 200), String::new())
        }
        Event::Escalated { exec, profile, question, .. } => (
            "ran outside",
            "warn",
            command(&exec.argv),
            format!("under {}", neutral::short(profile, 60)),
            question.clone(),
        ),
        Event::EscalationEnded { status, reason, question, .. } => (
            "ended outside",
            if *status == 0 { "good" } else { "bad" },
            format!("status {status}"),
            neutral::short(reason, 200),
            question.clone(),
        ),
        Event::RunEnded { status, reason, .. } => (
            "run ended",
            if *status == 0 { "good" } else { "bad" },
            format!("status {status}"),
            neutral::short(reason, 200),
            String::new(),
        ),
        _ => return None,
    };
    let question = neutral::short(&question, 80);
    Some(Happened { at: time(record.at), word, tone, text, detail, question })
}
