//! Questions that are closed, from this person's ledger.

use std::time::Duration;

use tollgate_ledger::Reader;
use tollgate_report::{Closed, closed};

use crate::{place, time};

/// How often, and how long between, an answer that was just given is waited for: it is written before it counts.
const LOOKS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(50);

/// The same, once its end is written, if that comes soon.
pub(super) fn ended(id: &str) -> Option<Closed> {
    for _ in 1..LOOKS {
        let past = of(id)?;
        if past.decision.is_some() {
            return Some(past);
        }
        std::thread::sleep(BETWEEN);
    }
    of(id)
}

/// The question of this name; none where the ledger knows of none.
pub(super) fn of(id: &str) -> Option<Closed> {
    closed(&Reader::open(&place::places().ok()?.state).ok()?, id)
}

/// How it ended, in words; none while that is not written.
pub(super) fn end(past: &Closed) -> Option<String> {
    past.end(time::shown)
}
