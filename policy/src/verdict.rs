//! What the judge concludes. A verdict may still be open (review, ask); a decision never is.

use serde::{Deserialize, Serialize};

/// The lattice, loosest first: the strictest of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Allowed, inside the boundary.
    Allow,
    /// The risk table decides.
    Review,
    /// A person decides.
    Ask,
    /// Refused.
    Deny,
}

impl std::fmt::Display for Effect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Review => "review",
            Self::Ask => "ask",
            Self::Deny => "deny",
        })
    }
}

/// What the judge concludes about one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The conclusion.
    pub effect: Effect,
    /// Why: the rule or default that decided (of several equally strict ones, the first by layer, file, line).
    pub reason: Reason,
    /// The rule's class (`publish`, `destructive`, `credential`, `read` …), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The wider profile that an approved command gets, where the rule names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
}

/// What decided, so that a person can find it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// `policy.toml`'s path, a shipped profile (`profile:base`), or `default`.
    pub file: String,
    /// 1-based line of the rule; 0 for a default.
    pub line: u32,
    /// The rule's `because`, or the default's text.
    pub because: String,
}

impl Reason {
    /// Whether no rule spoke, and a default decided.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.line == 0 && self.file == "default"
    }
}
