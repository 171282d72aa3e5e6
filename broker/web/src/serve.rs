//! Serves the page: one thread for all connections, others for what may wait.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::listen::Reach;
use crate::session::Keys;
use crate::shop::{Goods, Shop, now};
use crate::{answer, guard, live, past, question, queue, report, rule, told};

/// Longest form in bytes: a page of a group, and a word to the agent.
const FORM_LIMIT: usize = 1 << 20;

/// Threads for what may wait: a page reads sockets and the ledger.
const HANDS: usize = 8;

/// The page can't be served.
#[derive(Debug)]
pub struct Unserved(io::Error);

impl fmt::Display for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page can't be served")
    }
}

impl std::error::Error for Unserved {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Makes the links that let browsers in.
#[derive(Debug, Clone)]
pub struct Door {
    keys: Arc<Keys>,
    address: SocketAddr,
}

impl Door {
    /// A new door for a page at this address.
    ///
    /// # Errors
    /// [`Unserved`] where there are no random numbers.
    pub fn new(address: SocketAddr) -> Result<Self, Unserved> {
        Ok(Self { keys: Arc::new(Keys::fresh().map_err(Unserved)?), address })
    }

    /// The page's address, without a secret.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// A link that lets one browser in, once, within an hour.
    ///
    /// # Errors
    /// [`Unserved`] where there are no random numbers.
    pub fn link(&self) -> Result<String, Unserved> {
        let link = self.keys.link(now()).map_err(Unserved)?;
        Ok(format!("http://{}/enter?link={link}", self.address))
    }
}

/// Serves until the program ends.
///
/// # Errors
/// [`Unserved`] where the system refuses threads or the listener.
pub fn serve(listener: TcpListener, goods: Goods, (door, reach): (&Door, Reach)) -> Result<(), Unserved> {
    let shop = Shop::open(goods, Arc::clone(&door.keys), (door.address.port(), reach));
    let bell = shop.clone();
    std::thread::Builder::new().name("bell".to_owned()).spawn(move || live::listen(&bell)).map_err(Unserved)?;
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_io().enable_time().max_blocking_threads(HANDS).build().map_err(Unserved)?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Unserved)?;
        axum::serve(listener, router(shop)).await.map_err(Unserved)
    })
}

fn router(shop: Shop) -> Router {
    Router::new()
        .route("/", get(queue::queue))
        .route("/live", get(live::live))
        .route("/enter", get(told::enter))
        .route("/leave", post(told::leave))
        .route("/q/{id}", get(question::question).post(answer::answer))
        .route("/q/{id}/rule", get(rule::rule))
        .route("/g/{key}", get(queue::group).post(answer::group))
        .route("/grants", get(past::grants).post(answer::revoke))
        .route("/runs", get(past::runs))
        .route("/runs/{run}", get(past::run))
        .route("/report", get(report::report))
        .route("/assets/style.css", get(style))
        .route("/assets/live.js", get(script))
        .route("/assets/mark.svg", get(mark))
        .fallback(told::nothing)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn_with_state(shop.clone(), guard::guard))
        .with_state(shop)
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/style.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../assets/live.js"))
}

async fn mark() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../assets/mark.svg"))
}
