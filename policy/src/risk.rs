//! The table behind `review`: class and reversibility to allow, ask or deny. The lines are data, in profiles.

use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::profile::document::RiskLine;
use crate::verdict::{Effect, Reason, Verdict};

/// What the risk table makes of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// Never [`Effect::Review`].
    pub effect: Effect,
    /// The line of the table, or the verdict's own reason.
    pub reason: Reason,
}

/// Classes whose effects stay. What has no class isn't known to be reversible either.
const LASTING: [&str; 3] = ["destructive", "publish", "credential"];

impl Policy {
    /// `review` turned into allow, ask or deny by the first line of the table that fits; ask where none does.
    /// Other effects stay as they are. Lines count from layers that may grant, those above first.
    #[must_use]
    pub fn review(&self, verdict: &Verdict) -> Reviewed {
        if verdict.effect != Effect::Review {
            return Reviewed { effect: verdict.effect, reason: verdict.reason.clone() };
        }
        let class = verdict.class.as_deref();
        let entitled = self.sources.iter().filter(|(layer, _)| layer.may_grant());
        let mut lines = entitled.flat_map(|(_, d)| d.risks.iter().map(move |line| (&*d.source, line)));
        let Some((file, line)) = lines.find(|(_, line)| fits(line, class)) else {
            let because = format!("no line of the risk table fits; {}", verdict.reason.because);
            return Reviewed { effect: Effect::Ask, reason: Reason { because, ..verdict.reason.clone() } };
        };
        let reason = Reason { file: file.to_owned(), line: line.spot.line, because: line.because.to_string() };
        Reviewed { effect: line.then, reason }
    }
}

fn fits(line: &RiskLine, class: Option<&str>) -> bool {
    let reversible = class.is_some_and(|class| !LASTING.contains(&class));
    line.class.as_deref().is_none_or(|wanted| Some(wanted) == class)
        && line.reversible.is_none_or(|wanted| wanted == reversible)
}
