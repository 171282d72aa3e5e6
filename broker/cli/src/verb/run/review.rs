//! The reviewer that a profile names, for a run.

use std::sync::Arc;

use tollgate_policy::Policy;
use tollgate_policy::profile::document::Reviewer as Settings;
use tollgate_policy::question::Question;
use tollgate_policy::review::{Opinion, Review};
use tollgate_review::{Context, Reviewer};
use tollgate_wire::ask::Reviews;

/// The reviewer; one that can't be used fails each review, and says why.
pub(crate) fn of(settings: &Settings, policy: &Policy) -> Arc<dyn Reviews> {
    let context = Context { policy: policy.digest(), ..Context::default() };
    match Reviewer::new(settings, context, |name| std::env::var(name).ok()) {
        Ok(reviewer) => Arc::new(reviewer),
        Err(why) => Arc::new(Broken(why)),
    }
}

/// A reviewer that can't be asked.
struct Broken(String);

impl Reviews for Broken {
    fn review(&self, _: &Question) -> Review {
        Review::without("reviewer", Opinion::Failed(self.0.clone()))
    }
}
