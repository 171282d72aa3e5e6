//! Before any page: is it called by its own name, does it come from its own pages, is the browser let in. And on every
//! answer: what the browser may do with it.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::listen::is_own;
use crate::session::Session;
use crate::shop::{Shop, now};
use crate::told;

/// What no answer goes without.
const HEADERS: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: with that a form's `Origin` would be `null`.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (HeaderName::from_static("x-robots-tag"), "noindex"),
];

/// Lets a request through, or not.
pub(crate) async fn guard(State(shop): State<Shop>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&shop, &request) {
        Ok(session) => {
            if let Some(session) = session {
                request.extensions_mut().insert(session);
            }
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// It called the page by a name that is not its own.
    Host,
    /// It comes from another page.
    Origin,
    /// Not a way of asking that the page knows.
    Method,
    /// The browser was not let in.
    Stranger,
}

fn admit(shop: &Shop, request: &Request) -> Result<Option<Session>, Refusal> {
    let headers = request.headers();
    let host = only(headers, &header::HOST).ok_or(Refusal::Host)?;
    let named = request.uri().authority().is_none_or(|authority| authority.as_str() == host);
    if !named || !is_own(host, shop.port, shop.reach) {
        return Err(Refusal::Host);
    }
    match *request.method() {
        Method::GET | Method::HEAD => from_elsewhere(headers)?,
        Method::POST => from_here(headers, host)?,
        _ => return Err(Refusal::Method),
    }
    let path = request.uri().path();
    let session = cookie(headers, &shop.cookie).and_then(|cookie| shop.keys.session(cookie, now()));
    let open = path == "/enter" || path.starts_with("/assets/");
    if session.is_none() && !open { Err(Refusal::Stranger) } else { Ok(session) }
}

/// A page of somebody else may lead here, by a link that a person follows; it may not load anything from here.
fn from_elsewhere(headers: &HeaderMap) -> Result<(), Refusal> {
    let site = only(headers, &HeaderName::from_static("sec-fetch-site"));
    let mode = only(headers, &HeaderName::from_static("sec-fetch-mode"));
    let foreign = matches!(site, Some("cross-site" | "same-site"));
    if foreign && mode != Some("navigate") { Err(Refusal::Origin) } else { Ok(()) }
}

/// What changes anything comes from one of our own pages, and the browser says so.
fn from_here(headers: &HeaderMap, host: &str) -> Result<(), Refusal> {
    let origin = only(headers, &header::ORIGIN).ok_or(Refusal::Origin)?;
    let site = only(headers, &HeaderName::from_static("sec-fetch-site"));
    let same = origin.strip_prefix("http://") == Some(host);
    if same && site.is_none_or(|site| site == "same-origin") { Ok(()) } else { Err(Refusal::Origin) }
}

/// The value of a header that stands there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    if all.next().is_some() { None } else { first.to_str().ok() }
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

impl Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Host => {
                (StatusCode::MISDIRECTED_REQUEST, "This page answers to its own address only.\n").into_response()
            }
            Self::Origin => (StatusCode::FORBIDDEN, "This came from another site, and was not done.\n").into_response(),
            Self::Method => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            Self::Stranger => told::stranger(),
        }
    }
}
