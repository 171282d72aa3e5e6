//! The queue, and a pile of like questions with a switch each. Pages are bounded, however much waits.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::question::Question;
use tollgate_wire::inbox::Look;
use tollgate_wire::neutral;
use tollgate_wire::pile::{Pile, piles};

use crate::form::Fields;
use crate::session::{Form, Session};
use crate::shop::{Shop, aside, now};
use crate::told::{self, Told};
use crate::view::Brief;

/// Rows of a page.
const ROWS: usize = 40;

/// Questions of a pile on one page, each with a switch.
pub(crate) const SWITCHES: usize = 100;

/// What stands around every page: where one is, how much waits, the way out.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) here: &'static str,
    pub(crate) open: usize,
    pub(crate) leave: String,
}

impl Frame {
    pub(crate) fn of((shop, session): (&Shop, &Session), here: &'static str, open: usize) -> Self {
        Self { here, open, leave: shop.keys.seal(session, Form { name: "leave", about: "" }, now()) }
    }
}

#[derive(Debug, Template)]
#[template(path = "queue.html")]
struct Queue {
    frame: Frame,
    rows: Vec<Row>,
    faults: Vec<String>,
    pages: Pages,
}

/// A question, or a pile.
#[derive(Debug)]
struct Row {
    brief: Brief,
    /// How many lie here.
    count: usize,
    /// Of the pile; empty for a single question.
    key: String,
}

/// Where one is among pages.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) this: usize,
    pub(crate) all: usize,
    pub(crate) before: Option<usize>,
    pub(crate) after: Option<usize>,
}

impl Pages {
    /// The page that was asked for, of so many rows; and the rows to pass over.
    pub(crate) fn of(asked: &str, rows: usize, size: usize) -> (Self, usize) {
        let all = rows.div_ceil(size).max(1);
        let this = asked.parse().unwrap_or(1).clamp(1, all);
        let pages = Self { this, all, before: (this > 1).then(|| this - 1), after: (this < all).then(|| this + 1) };
        (pages, (this - 1) * size)
    }
}

pub(crate) async fn queue(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    aside(move || {
        let look = shop.goods.desk.look();
        let frame = Frame::of((&shop, &session), "queue", look.questions.len());
        told::page(StatusCode::OK, &list(&look, frame, fields.one("page")))
    })
    .await
}

fn list(look: &Look, frame: Frame, page: &str) -> Queue {
    let now = now();
    let piles = piles(&look.questions);
    let (pages, skip) = Pages::of(page, piles.len(), ROWS);
    let rows = piles.iter().skip(skip).take(ROWS).filter_map(|pile| row(pile, now)).collect();
    let faults = look.faults.iter().take(5).map(|fault| neutral::short(fault, 300)).collect();
    Queue { frame, rows, faults, pages }
}

fn row(pile: &Pile<'_>, now: i64) -> Option<Row> {
    let soonest = pile.questions.iter().min_by_key(|question| question.deadline)?;
    let first = pile.questions.first()?;
    let brief = Brief {
        deadline: soonest.deadline,
        left: tollgate_wire::pile::left(soonest.deadline, now),
        ..Brief::of(first, now)
    };
    Some(Row { brief, count: pile.questions.len(), key: pile.key.clone() })
}

#[derive(Debug, Template)]
#[template(path = "group.html")]
struct Group {
    frame: Frame,
    key: String,
    rows: Vec<Brief>,
    count: usize,
    /// The first one, for what they have in common.
    first: Brief,
    rule: String,
    seal: String,
}

pub(crate) async fn group(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(key): Path<String>,
) -> Response {
    aside(move || {
        let look = shop.goods.desk.look();
        let piles = piles(&look.questions);
        let pile = piles.iter().find(|pile| !key.is_empty() && pile.key == key);
        let Some((pile, first)) = pile.and_then(|pile| Some((pile, pile.questions.first()?))) else {
            return gone().respond(StatusCode::NOT_FOUND);
        };
        let now = now();
        let shown: Vec<&Question> = pile.questions.iter().copied().take(SWITCHES).collect();
        let about = about(shown.iter().map(|question| (question.id.as_str(), question.digest.as_str())));
        let group = Group {
            frame: Frame::of((&shop, &session), "queue", look.questions.len()),
            key: pile.key.clone(),
            rows: shown.iter().map(|question| Brief::of(question, now)).collect(),
            count: pile.questions.len(),
            first: Brief::of(first, now),
            rule: tollgate_wire::card::rule(&first.verdict.reason),
            seal: shop.keys.seal(&session, Form { name: "group", about: &about }, now),
        };
        told::page(StatusCode::OK, &group)
    })
    .await
}

/// What a seal for several questions is about: all that were shown, each with its digest.
pub(crate) fn about<'a>(shown: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let parts = shown.map(|(id, digest)| format!("{}:{id}{}:{digest}", id.len(), digest.len()));
    sha256_hex(parts.collect::<String>().as_bytes())
}

/// There is no such pile any more.
fn gone() -> Told {
    Told::new("These are no longer waiting")
        .line("They were answered, have expired, or were taken back; or only one of them is left.")
        .link("/", "To the questions")
}
