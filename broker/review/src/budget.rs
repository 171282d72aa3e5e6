//! What a reviewer may cost a run, and the breakers that stop asking it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tollgate_policy::profile::document::Reviewer as Settings;
use tollgate_policy::review::{Opinion, Review};
use tollgate_policy::verdict::Effect;

/// So many denials in a row, or of the last [`WINDOW`], open the breaker.
const ROW: usize = 3;
const OF_WINDOW: usize = 10;
const WINDOW: usize = 50;
/// So many failures in a row do, too.
const FAILURES: usize = 5;
/// Reviews a minute where no layer says.
const RATE: u64 = 30;
/// Tokens of a run where no layer says.
const TOKENS: u64 = 1_000_000;

/// The state of a run's breakers and budget.
#[derive(Debug)]
pub(crate) struct Budget {
    tokens: u64,
    /// Thousandths of a cent.
    cost: Option<u64>,
    prices: (u64, u64),
    rate: usize,
    stops: bool,
    spent: (u64, u64),
    lately: VecDeque<Instant>,
    denials: VecDeque<bool>,
    failures: usize,
    open: Option<String>,
    /// Whether breakers may open at all.
    breaks: bool,
}

impl Budget {
    pub(crate) fn of(settings: &Settings) -> Self {
        Self {
            tokens: settings.tokens.unwrap_or(TOKENS),
            cost: settings.budget.map(|cents| cents.saturating_mul(1000)),
            prices: (settings.price_in.unwrap_or(0), settings.price_out.unwrap_or(0)),
            rate: usize::try_from(settings.rate.unwrap_or(RATE)).unwrap_or(usize::MAX),
            stops: settings.breaker.as_deref() == Some("stop"),
            spent: (0, 0),
            lately: VecDeque::new(),
            denials: VecDeque::new(),
            failures: 0,
            open: None,
            breaks: true,
        }
    }

    /// What it may cost still holds; how often it is asked, and what it says, is what is tried.
    pub(crate) fn on_trial(&mut self) {
        (self.rate, self.breaks) = (usize::MAX, false);
    }

    /// Takes one review, or says why there is none.
    pub(crate) fn take(&mut self) -> Result<(), Opinion> {
        self.take_at(Instant::now())
    }

    fn take_at(&mut self, now: Instant) -> Result<(), Opinion> {
        if let Some(why) = self.open.as_ref().filter(|_| self.breaks) {
            return Err(self.opened(why));
        }
        if self.spent.0 >= self.tokens {
            return Err(self.opened(&format!("its budget of {} tokens is spent", self.tokens)));
        }
        if let Some(cost) = self.cost.filter(|cost| self.spent.1 >= *cost) {
            return Err(self.opened(&format!("its budget of {} cents is spent", cost / 1000)));
        }
        while self.lately.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_mins(1)) {
            self.lately.pop_front();
        }
        if self.lately.len() >= self.rate {
            return Err(self.opened(&format!("{} reviews a minute are enough", self.rate)));
        }
        self.lately.push_back(now);
        Ok(())
    }

    fn opened(&self, why: &str) -> Opinion {
        if self.stops { Opinion::Stop(why.to_owned()) } else { Opinion::Open(why.to_owned()) }
    }

    /// Notes what a review came to; its cost in thousandths of a cent.
    pub(crate) fn spend(&mut self, review: &Review) -> u64 {
        let (sent, received) = review.tokens;
        let cost = sent.saturating_mul(self.prices.0).saturating_add(received.saturating_mul(self.prices.1)) / 1000;
        self.spent.0 = self.spent.0.saturating_add(sent).saturating_add(received);
        self.spent.1 = self.spent.1.saturating_add(cost);
        match &review.opinion {
            Opinion::Verdict(effect) => {
                self.failures = 0;
                self.deny(*effect == Effect::Deny);
            }
            Opinion::Failed(why) => {
                self.failures += 1;
                if self.failures >= FAILURES {
                    self.open = Some(format!("it failed {FAILURES} times in a row: {why}"));
                }
            }
            Opinion::Open(_) | Opinion::Stop(_) => {}
        }
        cost
    }

    fn deny(&mut self, denied: bool) {
        if self.denials.len() == WINDOW {
            self.denials.pop_front();
        }
        self.denials.push_back(denied);
        let in_a_row = self.denials.iter().rev().take_while(|denied| **denied).count();
        let of_all = self.denials.iter().filter(|denied| **denied).count();
        if in_a_row >= ROW {
            self.open = Some(format!("it denied {ROW} times in a row"));
        } else if of_all >= OF_WINDOW {
            self.open = Some(format!("it denied {OF_WINDOW} of the last {WINDOW}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(opinion: Opinion, tokens: (u64, u64)) -> Review {
        Review { tokens, ..Review::without("x", opinion) }
    }

    fn verdict(effect: Effect) -> Review {
        review(Opinion::Verdict(effect), (0, 0))
    }

    #[test]
    fn three_denials_in_a_row_open_it() {
        let mut budget = Budget::of(&Settings::default());
        for effect in [Effect::Deny, Effect::Deny, Effect::Allow, Effect::Deny, Effect::Deny] {
            budget.spend(&verdict(effect));
            assert_eq!(budget.take(), Ok(()));
        }
        budget.spend(&verdict(Effect::Deny));
        assert_eq!(budget.take(), Err(Opinion::Open("it denied 3 times in a row".into())));
    }

    #[test]
    fn ten_denials_of_fifty_open_it() {
        let mut budget = Budget::of(&Settings { rate: Some(1000), ..Settings::default() });
        for round in 0..10 {
            assert_eq!(budget.take(), Ok(()), "{round}");
            budget.spend(&verdict(Effect::Allow));
            budget.spend(&verdict(Effect::Deny));
        }
        assert_eq!(budget.take(), Err(Opinion::Open("it denied 10 of the last 50".into())));
    }

    #[test]
    fn a_trial_breaks_nothing_but_its_budget() {
        let mut budget = Budget::of(&Settings { tokens: Some(100), ..Settings::default() });
        budget.on_trial();
        for _ in 0..100 {
            assert_eq!(budget.take(), Ok(()));
            budget.spend(&verdict(Effect::Deny));
            budget.spend(&review(Opinion::Failed("x".into()), (0, 0)));
        }
        budget.spend(&review(Opinion::Verdict(Effect::Deny), (60, 40)));
        assert_eq!(budget.take(), Err(Opinion::Open("its budget of 100 tokens is spent".into())));
    }

    #[test]
    fn budgets_end() {
        let mut budget = Budget::of(&Settings { tokens: Some(100), ..Settings::default() });
        budget.spend(&review(Opinion::Verdict(Effect::Allow), (60, 40)));
        assert_eq!(budget.take(), Err(Opinion::Open("its budget of 100 tokens is spent".into())));
        let priced = Settings { budget: Some(1), price_in: Some(300), price_out: Some(1500), ..Settings::default() };
        let mut budget = Budget::of(&priced);
        assert_eq!(budget.spend(&review(Opinion::Verdict(Effect::Allow), (1000, 400))), 900);
        assert_eq!(budget.take(), Ok(()));
        budget.spend(&review(Opinion::Verdict(Effect::Allow), (1000, 400)));
        assert_eq!(budget.take(), Err(Opinion::Open("its budget of 1 cents is spent".into())));
    }

    #[test]
    fn so_many_a_minute() {
        let stops = Settings { rate: Some(2), breaker: Some("stop".into()), ..Settings::default() };
        let (mut budget, start) = (Budget::of(&stops), Instant::now());
        assert_eq!(budget.take_at(start), Ok(()));
        assert_eq!(budget.take_at(start), Ok(()));
        assert_eq!(budget.take_at(start), Err(Opinion::Stop("2 reviews a minute are enough".into())));
        assert_eq!(budget.take_at(start + Duration::from_mins(1)), Ok(()));
    }
}
