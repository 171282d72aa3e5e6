//! Pages that say one thing: you are in, you are not, it was taken, it was not, there is nothing here.

use askama::{DynTemplate, Template};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};

use crate::form::Fields;
use crate::session::{Form, Session};
use crate::shop::{Shop, now};

/// One thing to be said.
#[derive(Debug, Default, Template)]
#[template(path = "told.html")]
pub(crate) struct Told {
    pub(crate) title: String,
    /// `good`, `bad`, or nothing.
    pub(crate) tone: &'static str,
    pub(crate) lines: Vec<String>,
    /// Where to go on: address, words.
    pub(crate) links: Vec<(String, String)>,
    /// Where the browser goes by itself.
    pub(crate) onward: &'static str,
    /// Whether the page's own places can be reached from here.
    pub(crate) inside: bool,
}

impl Told {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), inside: true, ..Self::default() }
    }

    pub(crate) fn tone(self, tone: &'static str) -> Self {
        Self { tone, ..self }
    }

    pub(crate) fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub(crate) fn link(mut self, to: impl Into<String>, words: impl Into<String>) -> Self {
        self.links.push((to.into(), words.into()));
        self
    }

    pub(crate) fn respond(&self, status: StatusCode) -> Response {
        page(status, self)
    }
}

/// A page of a template.
pub(crate) fn page(status: StatusCode, template: &dyn DynTemplate) -> Response {
    match template.dyn_render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Lets a browser in.
pub(crate) async fn enter(State(shop): State<Shop>, RawQuery(query): RawQuery) -> Response {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let Some(session) = shop.keys.enter(fields.one("link"), now()) else {
        return stranger();
    };
    // The page is left by itself: a cookie that is `SameSite=Strict` goes with a step that begins here, even where a
    // link in a mail or a chat led to this one.
    let told = Told { onward: "/", ..Told::new("You are in").tone("good") }.link("/", "Go on to the questions");
    let mut response = told.respond(StatusCode::OK);
    let cookie = format!("{}={}; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict", shop.cookie, session.cookie());
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// For who was not let in.
pub(crate) fn stranger() -> Response {
    Told { inside: false, ..Told::new("This page is private") }
        .line("Open it by the link that `tollgate web` printed. A link lets one browser in, once, within an hour.")
        .line("For a new link press Enter where `tollgate web` runs.")
        .respond(StatusCode::UNAUTHORIZED)
}

/// Ends the session.
pub(crate) async fn leave(State(shop): State<Shop>, Extension(session): Extension<Session>, body: Bytes) -> Response {
    let fields = Fields::read(&body);
    let form = Form { name: "leave", about: "" };
    if shop.keys.check(&session, form, fields.one("seal"), now()).is_err() {
        return nothing().await;
    }
    shop.keys.leave(&session);
    stranger()
}

/// There is no such page.
pub(crate) async fn nothing() -> Response {
    Told::new("There is nothing here").link("/", "To the questions").respond(StatusCode::NOT_FOUND)
}
