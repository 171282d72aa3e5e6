//! Why a verdict is what it is: every rule that matches, and why it won or not.

use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::hear::{Firm, Heard, Opens, Voice};
use crate::layer::Layer;
use crate::policy::Policy;
use crate::verdict::{Effect, Reason, Verdict};

/// What `tollgate policy explain` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The verdict, without grants of approvals.
    pub verdict: Verdict,
    /// What would hold if no rule spoke.
    pub default: Effect,
    /// Rules, roots and network grants that match, strictest first.
    pub rules: Vec<Explained>,
}

/// One rule that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Its effect.
    pub effect: Effect,
    /// Its layer.
    pub layer: Layer,
    /// File, line, because.
    pub reason: Reason,
    /// Whether it decided.
    pub won: bool,
    /// Why it won or not.
    pub why: String,
}

impl Policy {
    /// Every rule that matches, and why it won or not.
    #[must_use]
    pub fn explain(&self, action: &Action) -> Explanation {
        let heard = self.hear(action);
        let winner = heard.winner();
        let rules = heard.voices.iter().map(|voice| {
            let won = winner.is_some_and(|winner| std::ptr::eq(winner, voice));
            Explained {
                effect: voice.effect,
                layer: voice.layer,
                reason: voice.reason(),
                won,
                why: why(voice, winner, &heard).to_owned(),
            }
        });
        Explanation { verdict: heard.verdict(), default: heard.ground.effect, rules: rules.collect() }
    }
}

fn why(voice: &Voice<'_>, winner: Option<&Voice<'_>>, heard: &Heard<'_>) -> &'static str {
    match winner {
        Some(winner) if std::ptr::eq(winner, voice) && voice.effect == Effect::Allow => {
            "it grants, and no floor speaks"
        }
        Some(winner) if std::ptr::eq(winner, voice) => "it is the strictest floor",
        _ if voice.effect == Effect::Allow && voice.opens != Opens::Yes => match voice.opens {
            Opens::Layer => "its layer may grant nothing",
            Opens::Envelope => "it lies outside an envelope above it",
            Opens::Doubt | Opens::Yes => "it fits a name or words that the caller chose, not surely what will run",
        },
        Some(winner) if winner.effect > voice.effect => "a stricter rule won",
        Some(_) => "an equal rule of a layer above, or an earlier one, won",
        None if heard.ground.firm == Firm::Yes => "nothing lifts this refusal",
        None => "the default is stricter, and this rule lifts no default",
    }
}
