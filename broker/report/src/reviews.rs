//! What the automatic reviewer was asked, what it said, and what that cost.

use serde::Serialize;
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;

/// All reviews of the runs that are reported on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reviews {
    /// How many questions it was asked about.
    pub asked: u64,
    /// It said allow.
    pub allowed: u64,
    /// It said ask.
    pub left_to_people: u64,
    /// It said deny.
    pub denied: u64,
    /// It failed: late, crashed, no answer, an answer to something else.
    pub failed: u64,
    /// It was not asked: a breaker was open, or its budget spent.
    pub not_asked: u64,
    /// A verdict that it had given before was used again.
    pub reused: u64,
    /// Tries beyond the first.
    pub retries: u64,
    /// Tokens sent.
    pub tokens_in: u64,
    /// Tokens received.
    pub tokens_out: u64,
    /// Thousandths of a cent.
    pub cost_millicents: u64,
    /// The middle of how long one took, in milliseconds; none where it was never asked.
    pub median_ms: Option<u64>,
    #[serde(skip)]
    took: Vec<u64>,
}

impl Reviews {
    pub(crate) fn take(&mut self, review: &Review) {
        let count = match &review.opinion {
            Opinion::Verdict(Effect::Allow) => &mut self.allowed,
            Opinion::Verdict(Effect::Review | Effect::Ask) => &mut self.left_to_people,
            Opinion::Verdict(Effect::Deny) => &mut self.denied,
            Opinion::Failed(_) => &mut self.failed,
            Opinion::Open(_) | Opinion::Stop(_) => &mut self.not_asked,
        };
        *count += 1;
        if review.attempts > 0 {
            self.asked += 1;
            self.took.push(review.took);
        }
        self.reused += u64::from(review.reused);
        self.retries += u64::from(review.attempts.saturating_sub(1));
        self.tokens_in = self.tokens_in.saturating_add(review.tokens.0);
        self.tokens_out = self.tokens_out.saturating_add(review.tokens.1);
        self.cost_millicents = self.cost_millicents.saturating_add(review.cost);
    }

    pub(crate) fn finish(mut self) -> Self {
        self.took.sort_unstable();
        self.median_ms = self.took.get(self.took.len() / 2).copied();
        Self { took: Vec::new(), ..self }
    }

    /// Whether there was a reviewer at all.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.asked + self.not_asked + self.reused > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_are_counted_by_what_came_of_them() {
        let one = |opinion, attempts, took| Review {
            attempts,
            took,
            tokens: (100, 20),
            cost: 60,
            ..Review::without("m", opinion)
        };
        let mut all = Reviews::default();
        for review in [
            one(Opinion::Verdict(Effect::Allow), 1, 10),
            one(Opinion::Verdict(Effect::Deny), 2, 30),
            one(Opinion::Failed("x".into()), 3, 20),
            Review::without("m", Opinion::Open("x".into())),
            Review { reused: true, ..Review::without("m", Opinion::Verdict(Effect::Ask)) },
        ] {
            all.take(&review);
        }
        let all = all.finish();
        assert_eq!((all.asked, all.allowed, all.denied, all.failed, all.not_asked), (3, 1, 1, 1, 1));
        assert_eq!((all.reused, all.retries, all.tokens_in, all.tokens_out), (1, 3, 300, 60));
        assert_eq!((all.cost_millicents, all.median_ms), (180, Some(20)));
        assert!(all.is_any() && !Reviews::default().is_any());
    }
}
