//! What an automatic reviewer says of a question, and what follows: the strictest of table and reviewer.

use serde::{Deserialize, Serialize};

use crate::question::{Authorised, Risk};
use crate::verdict::Effect;

/// What came of one review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who reviewed: the command's name, or the model's.
    pub by: String,
    /// What it says.
    pub opinion: Opinion,
    /// How bad it takes it to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Whether it takes it to be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorised: Option<Authorised>,
    /// Short codes of what it saw.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
    /// Which pieces of evidence it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// Why. Written by a model that read hostile text: a claim.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rationale: String,
    /// Tokens sent and received, all attempts together.
    pub tokens: (u64, u64),
    /// Thousandths of a cent.
    pub cost: u64,
    /// How often it was tried.
    pub attempts: u32,
    /// Milliseconds.
    pub took: u64,
    /// Whether it is the verdict of an earlier, identical question.
    #[serde(default)]
    pub reused: bool,
}

/// What a reviewer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// Its verdict: allow, ask or deny.
    Verdict(Effect),
    /// It failed: why (late, crashed, no answer, an answer to something else).
    Failed(String),
    /// It was not asked: a breaker is open, or the budget is spent.
    Open(String),
    /// The same, and the profile says that the run is stopped.
    Stop(String),
}

impl Review {
    /// A review that did not come to a verdict.
    #[must_use]
    pub fn without(by: &str, opinion: Opinion) -> Self {
        Self {
            by: by.to_owned(),
            opinion,
            risk: None,
            authorised: None,
            codes: Vec::new(),
            references: Vec::new(),
            rationale: String::new(),
            tokens: (0, 0),
            cost: 0,
            attempts: 0,
            took: 0,
            reused: false,
        }
    }

    /// What follows from table and reviewer: the stricter of both. A reviewer that came to no verdict leaves it to a
    /// person; one that names what is forbidden, or a high risk where it says allow, contradicts itself.
    #[must_use]
    pub fn effective(&self, table: Effect) -> Effect {
        let opinion = match &self.opinion {
            Opinion::Verdict(effect) => *effect,
            Opinion::Failed(_) | Opinion::Open(_) => Effect::Ask,
            Opinion::Stop(_) => Effect::Deny,
        };
        let doubt = if self.authorised == Some(Authorised::Forbidden) || self.risk == Some(Risk::High) {
            Effect::Ask
        } else {
            Effect::Allow
        };
        // review is no end
        let closed = |effect| if effect == Effect::Review { Effect::Ask } else { effect };
        closed(table).max(closed(opinion)).max(doubt)
    }
}
