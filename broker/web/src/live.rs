//! News for open pages, as server-sent events: they say that something changed, never what.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use futures_util::stream::unfold;
use tollgate_wire::bell::Bell;

use crate::shop::Shop;

/// How long nobody looks where no bell rings: deadlines pass silently.
const PATIENCE: Duration = Duration::from_secs(1);

/// A burst of news is one.
const BREATH: Duration = Duration::from_millis(15);

/// One browser's stream.
pub(crate) async fn live(State(shop): State<Shop>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut news = shop.news.subscribe();
    // Something may have changed since the page was made: it looks once more as soon as it listens.
    news.mark_changed();
    let stream = unfold(news, |mut news| async move {
        news.changed().await.ok()?;
        let number = *news.borrow_and_update();
        Some((Ok(Event::default().event("news").data(number.to_string())), news))
    });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(20)))
}

/// Listens to the bell for as long as the program runs, and tells the streams. While no page is open it only waits.
pub(crate) fn listen(shop: &Shop) {
    let bell = Bell::hang(&shop.goods.sockets);
    let mut known = Vec::new();
    loop {
        bell.wait(PATIENCE);
        if shop.news.receiver_count() == 0 {
            known.clear();
            continue;
        }
        let open: Vec<(String, String)> =
            shop.goods.desk.look().questions.into_iter().map(|question| (question.id, question.digest)).collect();
        if open != known {
            known = open;
            shop.news.send_modify(|number| *number += 1);
            std::thread::sleep(BREATH);
        }
    }
}
