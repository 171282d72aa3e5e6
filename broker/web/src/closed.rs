//! A question that is no longer open: how it ended, by whom, through what; told from the ledger.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_ledger::Filter;
use tollgate_ledger::record::{Decider, Decision, Event, Outcome};
use tollgate_policy::question::Question;
use tollgate_wire::neutral;

use crate::queue::Frame;
use crate::shop::{Shop, now};
use crate::told::{self, Told};
use crate::view::{View, time};

/// How often, and how long apart, one looks for a decision that is just being written.
const LOOKS: u32 = 8;
const BETWEEN: Duration = Duration::from_millis(100);

#[derive(Debug, Template)]
#[template(path = "closed.html")]
struct Page {
    frame: Frame,
    view: View,
    title: String,
    tone: &'static str,
    ends: Vec<String>,
}

/// What the ledger tells of a question.
#[derive(Debug, Default)]
struct Story {
    question: Option<Question>,
    /// Its decisions, the one that counts last, each with its time.
    decisions: Vec<(i64, Decision)>,
}

impl Story {
    fn of(shop: &Shop, id: &str) -> Self {
        let mut story = Self::default();
        let Some((ledger, (run, _))) = shop.ledger().zip(id.rsplit_once('-')) else { return story };
        let filter =
            |event: &str| Filter { run: Some(run.to_owned()), event: Some(event.to_owned()), ..Filter::default() };
        for entry in ledger.list(&filter("asked")).unwrap_or_default() {
            if let Event::Asked { question, .. } = entry.record.event
                && question.id == id
            {
                story.question = Some(question);
            }
        }
        for entry in ledger.list(&filter("decided")).unwrap_or_default() {
            if let Event::Decided { question, decision, .. } = entry.record.event
                && question == id
            {
                story.decisions.push((entry.record.at, decision));
            }
        }
        story
    }

    /// The same, once its end is written, if that comes soon.
    fn ended(shop: &Shop, id: &str) -> Self {
        for _ in 1..LOOKS {
            let story = Self::of(shop, id);
            if !story.decisions.is_empty() {
                return story;
            }
            std::thread::sleep(BETWEEN);
        }
        Self::of(shop, id)
    }

    fn ends(&self) -> Vec<String> {
        self.decisions.iter().map(|(at, decision)| how(*at, decision)).collect()
    }
}

/// `denied by ann (uid 1000) through cli, 2030-01-31 12:00:00 UTC: “open a pull request”`.
fn how(at: i64, decision: &Decision) -> String {
    let who = match decision.decider {
        Decider::Policy => "a rule".to_owned(),
        Decider::Grant => "an earlier approval".to_owned(),
        Decider::Reviewer => "the reviewer".to_owned(),
        Decider::Human => neutral::short(&decision.by, 60),
    };
    let part = |shown: bool, text: String| if shown { text } else { String::new() };
    let scoped = !decision.scope.is_empty() && decision.outcome == Outcome::Allowed;
    [
        word(decision.outcome).to_owned(),
        part(!who.is_empty(), format!(" by {who}")),
        part(!decision.channel.is_empty(), format!(" through {}", neutral::short(&decision.channel, 30))),
        part(scoped, format!(" ({})", neutral::short(&decision.scope, 120))),
        format!(", {}", time(at)),
        part(!decision.reason.is_empty(), format!(": {}", neutral::short(&decision.reason, 400))),
    ]
    .concat()
}

pub(crate) const fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allowed => "approved",
        Outcome::Denied => "denied",
        Outcome::Expired => "expired",
        Outcome::ReviewFailed => "review failed",
        Outcome::Aborted => "withdrawn",
    }
}

/// A question that is closed, as it was; none where there never was one.
pub(crate) fn question(shop: &Shop, id: &str) -> Option<Question> {
    Story::of(shop, id).question
}

/// The page of a closed question; also where there never was one.
pub(crate) fn page(shop: &Shop, frame: Frame, id: &str) -> Response {
    let story = Story::of(shop, id);
    let ends = story.ends();
    let Some(question) = story.question else {
        return Told::new("There is no such question")
            .line(neutral::short(id, 80))
            .link("/", "To the questions")
            .respond(StatusCode::NOT_FOUND);
    };
    let (title, tone) = match story.decisions.last().map(|(_, decision)| decision.outcome) {
        Some(Outcome::Allowed) => ("Approved", "good"),
        Some(Outcome::Denied) => ("Denied", "bad"),
        Some(Outcome::Expired) => ("Expired", "bad"),
        Some(Outcome::ReviewFailed) => ("Refused: the review failed", "bad"),
        Some(Outcome::Aborted) => ("Withdrawn", "plain"),
        None => ("No longer open", "plain"),
    };
    told::page(StatusCode::OK, &Page { frame, view: View::of(&question, now()), title: title.to_owned(), tone, ends })
}

/// For who answers what is closed by now: that the answer did not count, and whose did.
pub(crate) fn late(shop: &Shop, _frame: Frame, id: &str) -> Response {
    beaten(shop, id, "The question is no longer open.")
}

/// For whose answer the run did not take.
pub(crate) fn refused(shop: &Shop, _frame: Frame, (id, why): (&str, &str)) -> Response {
    beaten(shop, id, why)
}

fn beaten(shop: &Shop, id: &str, why: &str) -> Response {
    let told = Told::new("Your answer was not taken").tone("bad").line(neutral::short(why, 400));
    let told = Story::ended(shop, id).ends().into_iter().fold(told, |told, end| told.line(format!("It was {end}")));
    told.link(format!("/q/{}", neutral::short(id, 80)), "What came of it")
        .link("/", "To the questions")
        .respond(StatusCode::CONFLICT)
}
