//! What all pages are made of: the questions, the ledger's folder, who is let in, and the bell.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;
use tollgate_ledger::Reader;
use tollgate_policy::question::Question;
use tollgate_wire::inbox::Desk;

use crate::listen::Reach;
use crate::session::Keys;

/// What other rooms know that the page shows.
pub trait Backdrop: Send + Sync {
    /// The report as its JSON (`tollgate report --json`).
    ///
    /// # Errors
    /// Why there is none, in words for people.
    fn report(&self) -> Result<serde_json::Value, String>;
    /// The rule that would spare a question, what it says, and what it would have changed: lines for people, neutral.
    ///
    /// # Errors
    /// Why there is none, in words for people.
    fn rule(&self, question: &Question) -> Result<String, String>;
}

/// What the page is given.
pub struct Goods {
    /// The open questions.
    pub desk: Arc<dyn Desk>,
    /// Folders in which the sockets of runs are: what happens there is news.
    pub sockets: Vec<PathBuf>,
    /// The state folder, with the ledger.
    pub state: PathBuf,
    /// What other rooms know.
    pub backdrop: Arc<dyn Backdrop>,
}

impl std::fmt::Debug for Goods {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Goods").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The same for every request.
#[derive(Clone)]
pub(crate) struct Shop(Arc<Stock>);

pub(crate) struct Stock {
    pub(crate) goods: Goods,
    pub(crate) keys: Arc<Keys>,
    pub(crate) port: u16,
    pub(crate) reach: Reach,
    /// The cookie's name; with the port, so that two pages on one host don't log each other out.
    pub(crate) cookie: String,
    /// Changes whenever there may be news.
    pub(crate) news: watch::Sender<u64>,
}

impl Shop {
    pub(crate) fn open(goods: Goods, keys: Arc<Keys>, (port, reach): (u16, Reach)) -> Self {
        let cookie = format!("tollgate_{port}");
        Self(Arc::new(Stock { goods, keys, port, reach, cookie, news: watch::Sender::new(0) }))
    }

    /// The ledger; none where nothing was ever run, or it can't be read.
    pub(crate) fn ledger(&self) -> Option<Reader> {
        Reader::open(&self.goods.state).ok()
    }
}

impl Deref for Shop {
    type Target = Stock;
    fn deref(&self) -> &Stock {
        &self.0
    }
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").field("port", &self.port).finish_non_exhaustive()
    }
}

/// Makes a page where it may wait for the disk or a run.
pub(crate) async fn aside(page: impl FnOnce() -> Response + Send + 'static) -> Response {
    let made = tokio::task::spawn_blocking(page).await;
    made.unwrap_or_else(|_| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Now, in Unix milliseconds.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
