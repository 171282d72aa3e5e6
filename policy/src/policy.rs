//! The heart: checked rules of all layers, and their one verb [`Policy::judge`].

use serde::{Deserialize, Serialize};

use crate::action::{Action, Exec};
use crate::boundary::Boundary;
use crate::grant::{Grant, Grants};
use crate::path::AbsPath;
use crate::place::Place;
use crate::profile::{Document, Faults};
use crate::question::{Approval, Question};
use crate::subject::Subject;
use crate::verdict::{Effect, Reason, Verdict};

/// Where a document stands; earlier is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Shipped profiles that every run starts from.
    BuiltIn,
    /// `/etc/tollgate/policy.toml`
    System,
    /// The user's file, `--policy`, `--profile` and the flags of `run`.
    Person,
    /// The project's file.
    Project {
        /// Whether a person accepted this very file, by digest.
        trusted: bool,
    },
    /// The run's contract.
    Contract,
}

/// Documents of all layers, resolved and indexed.
#[derive(Debug)]
pub struct Policy {}

/// What the risk table makes of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// Never [`Effect::Review`].
    pub effect: Effect,
    /// The line of the table, or the verdict's own reason.
    pub reason: Reason,
}

#[allow(
    clippy::all,
    clippy::pedantic,
    missing_docs,
    unused_variables,
    reason = "signatures first; bodies follow"
)]
impl Policy {
    /// All layers in one. `lookup` gives shipped profiles by name, for `extends`.
    ///
    /// # Errors
    /// [`Faults`]: a profile that doesn't exist, a loop, a table that its layer may not have.
    pub fn assemble(
        layers: Vec<(Layer, Document)>,
        lookup: &dyn Fn(&str) -> Option<Document>,
        place: &Place,
    ) -> Result<Self, Faults> {
        Err(Faults(Vec::new()))
    }

    /// What policy concludes about one action. Total: any bytes get a verdict.
    #[must_use]
    pub fn judge(
        &self,
        subject: &Subject,
        action: &Action,
        grants: &Grants,
        now_ms: i64,
    ) -> Verdict {
        Verdict {
            effect: Effect::Deny,
            reason: Reason {
                file: "default".into(),
                line: 0,
                because: "not there yet".into(),
            },
            class: None,
            profile: None,
        }
    }

    /// `review` turned into allow, ask or deny by the risk table; other effects as they are.
    #[must_use]
    pub fn review(&self, verdict: &Verdict) -> Reviewed {
        Reviewed {
            effect: Effect::Ask,
            reason: verdict.reason.clone(),
        }
    }

    /// The grant that an approval of a question makes; none where it was refused.
    ///
    /// # Errors
    /// [`GrantFault`] where the answer is for another action, too late, or wider than it may be.
    pub fn grant(
        &self,
        question: &Question,
        approval: &Approval,
    ) -> Result<Option<Grant>, GrantFault> {
        Ok(None)
    }

    /// The static boundary.
    #[must_use]
    pub fn lower(&self) -> Boundary {
        Boundary::default()
    }

    /// Every rule that matches, and why it won or not.
    #[must_use]
    pub fn explain(&self, action: &Action) -> Explanation {
        Explanation {
            verdict: self.judge(&Subject::default(), action, &Grants::default(), 0),
            rules: Vec::new(),
        }
    }

    /// SHA-256 hex over all sources and their layers.
    #[must_use]
    pub fn digest(&self) -> String {
        String::new()
    }

    /// Seconds until silence refuses; the lowest of all layers, none where no layer says.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        None
    }

    /// Profiles in force, by name.
    #[must_use]
    pub fn profiles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether this executable is itself an agent (a harness), by any profile's `starters`.
    #[must_use]
    pub fn is_starter(&self, executable: &AbsPath) -> bool {
        false
    }

    /// Whether a rule that may concern this command asks for its executable's SHA-256.
    #[must_use]
    pub fn wants_digest(&self, exec: &Exec) -> bool {
        false
    }
}

/// Why an approval makes no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantFault {
    /// Another question, or another digest.
    OtherAction,
    /// After the deadline.
    Late,
    /// The scope ends before it begins.
    Over,
    /// A prefix that isn't the start of the question's argv, or is empty.
    OtherPrefix,
    /// A prefix for a shell, an interpreter, a runner, a wrapper, or an image that isn't plain.
    ExactOnly,
}

/// What `tollgate policy explain` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The verdict, without grants of approvals.
    pub verdict: Verdict,
    /// Rules that match, strictest first.
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
