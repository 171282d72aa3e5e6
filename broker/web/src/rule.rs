//! The rule that would spare a question: what would be added to the person's policy, and what that would have changed. It is
//! read here, and added by hand: a rule is not one key's work.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use tollgate_wire::neutral;

use crate::closed;
use crate::queue::Frame;
use crate::session::Session;
use crate::shop::{Shop, aside};
use crate::told::{self, Told};

#[derive(Debug, Template)]
#[template(path = "rule.html")]
struct Page {
    frame: Frame,
    id: String,
    what: String,
    lines: Vec<(&'static str, String)>,
}

pub(crate) async fn rule(
    State(shop): State<Shop>,
    Extension(session): Extension<Session>,
    Path(id): Path<String>,
) -> Response {
    aside(move || {
        let look = shop.goods.desk.look();
        let frame = Frame::of((&shop, &session), "queue", look.questions.len());
        let open = look.questions.into_iter().find(|question| question.id == id);
        let Some(question) = open.or_else(|| closed::question(&shop, &id)) else {
            return Told::new("There is no such question").link("/", "To the questions").respond(StatusCode::NOT_FOUND);
        };
        match shop.goods.backdrop.rule(&question) {
            Ok(text) => {
                let tone = |line: &str| if line == "+" || line.starts_with("+ ") { "added" } else { "plain" };
                let lines = text.lines().map(|line| (tone(line), neutral::short(line, 400))).collect();
                let what = tollgate_wire::card::what(&question.action);
                told::page(StatusCode::OK, &Page { frame, id: neutral::short(&id, 80), what, lines })
            }
            Err(why) => Told::new("There is no rule for it")
                .line(neutral::short(&why, 400))
                .link(format!("/q/{}", neutral::short(&id, 80)), "To the question")
                .respond(StatusCode::OK),
        }
    })
    .await
}
