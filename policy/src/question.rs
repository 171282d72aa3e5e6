//! What is put to an approver: self-contained, with a deadline, sealed by a digest.

use serde::{Deserialize, Serialize};

use crate::action::Action;
pub use crate::answer::{Answer, Approval, Scope, Seen};
use crate::digest::{digest_of, sealed, sha256_hex};
use crate::evidence::Section;
use crate::verdict::Verdict;

/// A question: self-contained, with a deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Short, unique over all runs: `RUN-N`.
    pub id: String,
    /// The run that asks.
    pub run: String,
    /// What is attempted.
    pub action: Action,
    /// What an answer is bound to: SHA-256 over [`Bound`], hex. Sealed by [`Question::seal`].
    pub digest: String,
    /// What the digest is made of.
    #[serde(default)]
    pub bound: Bound,
    /// What the judge said.
    pub verdict: Verdict,
    /// How bad it could be.
    #[serde(default)]
    pub risk: Risk,
    /// Whether it could be undone.
    #[serde(default)]
    pub reversible: Reversible,
    /// Whether the person or the contract asked for it.
    #[serde(default)]
    pub authorised: Authorised,
    /// Commands that led here, outermost first, each an argv shown as one line.
    pub lineage: Vec<String>,
    /// Facts that the broker collected itself; the agent's own words last.
    pub evidence: Vec<Section>,
    /// Unix time in milliseconds when it was asked.
    pub asked_at: i64,
    /// Unix time in milliseconds after which silence refuses.
    pub deadline: i64,
    /// Questions of the same key may be shown as one group, with a switch each; empty: never grouped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// How many identical attempts wait for this answer.
    #[serde(default = "one")]
    pub waiting: u32,
    /// Which answers are possible.
    #[serde(default)]
    pub offers: Offers,
    /// Who has to agree.
    #[serde(default)]
    pub approvers: Approvers,
    /// Of a hundred questions so many at most are tests of attention, as the policy announces; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tests: u64,
    /// A question that the approver's own attention is measured with (opt-in, announced). It can't take effect.
    #[serde(default, skip_serializing_if = "is_false")]
    pub canary: bool,
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What an answer is bound to: if one of them changes, it is asked anew.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// SHA-256 of the canonical action, hex.
    pub action: String,
    /// SHA-256 over the evidence that binds, hex.
    pub evidence: String,
    /// SHA-256 of each fact to which an approval for more than once is held, hex: later attempts may show fewer of them
    /// (what was pushed is not published again), and no other ones.
    #[serde(default)]
    pub lasting: Vec<String>,
    /// SHA-256 over the policy, hex.
    pub policy: String,
    /// What the gate itself holds the action to until it takes effect (files, references, environment of a command
    /// outside): a digest, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub held: String,
}

/// How bad it could be.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Little is lost if it goes wrong.
    Low,
    /// Something is lost, and noticed.
    #[default]
    Medium,
    /// It can't be made good, or reaches others.
    High,
}

/// Whether it could be undone.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reversible {
    /// Yes.
    Yes,
    /// With work, or in part.
    Partly,
    /// No, or nobody knows.
    #[default]
    No,
}

/// Whether the person or the contract asked for it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Authorised {
    /// The contract or the person speaks against it.
    Forbidden,
    /// Nothing says so.
    #[default]
    Unsaid,
    /// It serves what was asked for.
    Implied,
    /// It was asked for in so many words.
    Explicit,
}

/// Which answers are possible, besides once and no.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// Whether it may be approved for more than once (`run`, `until=`, `uses=`).
    pub lasting: bool,
    /// Prefixes that are possible, shortest last, each with what it would cover.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Offer>,
    /// Words to type before the irreversible is approved (the target's name); empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confirm: String,
    /// Milliseconds for which it should have been on screen before yes is possible; 0: none.
    #[serde(default)]
    pub pause: u64,
}

/// A prefix that is possible.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The words.
    pub words: Vec<String>,
    /// Commands of the ledger that it would cover, each as one line; three at most.
    pub covers: Vec<String>,
    /// Like commands of the ledger that it would not cover; three at most.
    pub spares: Vec<String>,
}

/// Who has to agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvers {
    /// How many different people.
    pub needed: u8,
    /// Who has said yes already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Given>,
}

/// One yes of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Who, as the channel proved it.
    pub by: String,
    /// Through which channel.
    pub channel: String,
    /// Unix milliseconds.
    pub at: i64,
}

impl Default for Approvers {
    fn default() -> Self {
        Self { needed: 1, given: Vec::new() }
    }
}

impl Question {
    /// A question of `action` with nothing collected yet, sealed without a policy.
    #[must_use]
    pub fn new(id: &str, run: &str, action: Action, verdict: Verdict) -> Self {
        let mut new = Self {
            id: id.to_owned(),
            run: run.to_owned(),
            action,
            digest: String::new(),
            bound: Bound::default(),
            verdict,
            risk: Risk::default(),
            reversible: Reversible::default(),
            authorised: Authorised::default(),
            lineage: Vec::new(),
            evidence: Vec::new(),
            asked_at: 0,
            deadline: 0,
            group: String::new(),
            waiting: 1,
            offers: Offers::default(),
            approvers: Approvers::default(),
            tests: 0,
            canary: false,
        };
        new.seal("");
        new
    }

    /// Binds it to its action, its evidence as it is now, and the policy (a digest of it).
    pub fn seal(&mut self, policy: &str) {
        let binding: Vec<&Section> = self.evidence.iter().filter(|section| section.binds()).collect();
        // approved for longer, a path may be written with any content
        let of_path = matches!(self.action, Action::Path(_));
        let lasts = |section: &&&Section| section.lasts() && !(of_path && matches!(section, Section::Diff(_)));
        let lasting = binding.iter().filter(lasts).map(sealed).collect();
        self.bound = Bound {
            action: digest_of(&self.action),
            evidence: sealed(&binding),
            lasting,
            policy: policy.to_owned(),
            held: std::mem::take(&mut self.bound.held),
        };
        self.digest = self.bound.digest();
    }

    /// Whether the digest is that of what it says.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        let mut same = self.clone();
        same.seal(&self.bound.policy);
        same.digest == self.digest
    }
}

impl Bound {
    /// SHA-256 over all of them.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self { action, evidence, policy, held, lasting: _ } = self;
        sha256_hex(format!("tollgate question\n{action}\n{evidence}\n{policy}\n{held}\n").as_bytes())
    }
}
