//! How long there may be too many processes, and how often: who passes the limit once has its doer stopped, who passes it
//! again and again, or stays above it whoever is stopped, is not held by stopping parts of the run.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What was longer ago is forgotten.
const LATELY: Duration = Duration::from_secs(10);
/// So long in all.
const LONG: Duration = Duration::from_millis(1500);
/// So often.
const OFTEN: usize = 4;

/// When a limit was passed lately.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    /// From and to.
    past: VecDeque<(Instant, Instant)>,
    since: Option<Instant>,
}

impl Patience {
    /// Whether it was passed at the last count.
    pub(crate) fn is_over(&self) -> bool {
        self.since.is_some()
    }

    /// A count that was below.
    pub(crate) fn is_below(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.past.push_back((since, now));
        }
    }

    /// A count that was above; whether patience is at its end.
    pub(crate) fn is_passed(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        self.past.retain(|(_, end)| now.saturating_duration_since(*end) < LATELY);
        let past: Duration = self.past.iter().map(|(since, end)| end.saturating_duration_since(*since)).sum();
        self.past.len() + 1 >= OFTEN || past + now.saturating_duration_since(since) >= LONG
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds, and whether there were too many then; whether the last of them was one too many.
    fn ends(counts: &[(u64, bool)]) -> bool {
        let (mut patience, begin) = (Patience::default(), Instant::now());
        let mut ended = false;
        for (at, over) in counts {
            assert!(!ended, "before {at}");
            let now = begin + Duration::from_millis(*at);
            if *over {
                ended = patience.is_passed(now);
            } else {
                patience.is_below(now);
            }
        }
        ended
    }

    #[test]
    fn patience_ends_by_time_and_by_number() {
        assert!(!ends(&[(0, true), (1000, true), (1200, false)]), "once");
        assert!(ends(&[(0, true), (1000, true), (1500, true)]), "for long");
        assert!(ends(&[(0, true), (900, false), (1000, true), (1600, true)]), "for long, with one look below");
        let pulse = |every: u64| -> Vec<(u64, bool)> {
            (0..4).flat_map(|n| [(n * every, true), (n * every + 20, false)]).take(7).collect()
        };
        assert!(ends(&pulse(400)), "often");
        assert!(!ends(&pulse(4000)), "seldom");
    }
}
