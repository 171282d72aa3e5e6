//! One question: what is wanted, why it is asked, what was found about it, and the answers that are possible.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_policy::question::Question;

use crate::closed;
use crate::queue::Frame;
use crate::session::{Form, Session};
use crate::shop::{Shop, aside, now};
use crate::told;
use crate::view::View;

#[derive(Debug, Template)]
#[template(path = "question.html")]
struct Page {
    frame: Frame,
    view: View,
    seal: String,
    /// Why the last answer was not taken; empty for none.
    notice: String,
}

pub(crate) async fn question(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    aside(move || {
        let look = shop.goods.desk.look();
        let frame = Frame::of((&shop, &session), "queue", look.questions.len());
        match look.questions.into_iter().find(|question| question.id == id) {
            Some(question) => {
                // That it was opened is for the numbers on approvers; the page is shown all the same.
                shop.goods.desk.open(&question.run, &question.id);
                show((&shop, &session), frame, (&question, ""))
            }
            None => closed::page(&shop, frame, &id),
        }
    })
    .await
}

/// The page of an open question, with a fresh seal.
pub(crate) fn show(
    (shop, session): (&Shop, &Session),
    frame: Frame,
    (question, notice): (&Question, &str),
) -> Response {
    let now = now();
    let seal = shop.keys.seal(session, Form { name: "answer", about: &about(&question.id, &question.digest) }, now);
    let page = Page { frame, view: View::of(question, now), seal, notice: notice.to_owned() };
    told::page(if notice.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }, &page)
}

/// What the seal of an answer is about.
pub(crate) fn about(id: &str, digest: &str) -> String {
    crate::queue::about(std::iter::once((id, digest)))
}
