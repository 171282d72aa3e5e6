//! What is reported, and its JSON: the names are a promise.

use serde_json::{Value, json};

use crate::action::{Action, Path};
use crate::decide;
use crate::health::Approver;
use crate::pace::Pace;
use crate::rate::Rate;
use crate::reviews::Reviews;

/// Metrics 1 and 2 over one ledger.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Runs that had at least one action counted here.
    pub runs: u64,
    /// All actions by path.
    pub actions: Counts,
    /// The same without read-only actions.
    pub without_reads: Counts,
    /// The shares over all actions.
    pub shares: Shares,
    /// The shares without read-only actions.
    pub shares_without_reads: Shares,
    /// Who decided the questions.
    pub deciders: Deciders,
    /// Approved without a person, of all that was decided without a person.
    pub auto_approved: Rate,
    /// Actions for which a person was asked, of all.
    pub human_stop: Rate,
    /// What it cost people.
    pub human: Human,
    /// Where reviewer and person both spoke.
    pub agreement: Agreement,
    /// Records that name an action whose start is not in the ledger; they are counted nowhere else.
    pub unattributed: u64,
    /// How approvers fare.
    pub approvers: Vec<Approver>,
    /// What the automatic reviewer did.
    pub reviews: Reviews,
    /// How far agents get by themselves.
    pub pace: Pace,
}

/// Actions by path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of `Path`, which says what they mean")]
pub struct Counts {
    pub total: u64,
    pub sandbox_ok: u64,
    pub sandbox_refused: u64,
    pub escalated_allowed: u64,
    pub escalated_denied: u64,
    pub policy_denied: u64,
    pub unsandboxed: u64,
}

/// The shares of metric 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// `sandbox_ok / total`.
    pub sandbox: Rate,
    /// `(escalated_allowed + escalated_denied) / total`.
    pub escalated: Rate,
}

/// Questions by who decided last, and those that nobody decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Deciders {
    /// By a rule or the risk table.
    pub policy: Split,
    /// By an earlier approval.
    pub grant: Split,
    /// By the reviewer agent.
    pub reviewer: Split,
    /// By a person.
    pub human: Split,
    /// Nobody answered in time.
    pub expired: u64,
    /// The reviewer failed and nobody else could be asked.
    pub review_failed: u64,
    /// The process or the run ended before an answer.
    pub aborted: u64,
    /// No end is recorded: still waiting, or the run was killed.
    pub open: u64,
}

/// Approvals and denials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Split {
    /// Approvals.
    pub allowed: u64,
    /// Denials.
    pub denied: u64,
}

/// What it cost people.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Human {
    /// Questions that were put to a person.
    pub asked: u64,
    /// Actions with such a question.
    pub actions: u64,
    /// Questions that a person answered.
    pub answered: u64,
    /// The median time from such a question to its answer, in seconds.
    pub median_seconds: Option<f64>,
}

/// Where reviewer and person both spoke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Questions that both decided.
    pub n: u64,
    /// Of these, with the same outcome.
    pub agreed: u64,
}

impl Report {
    /// Over these actions.
    #[must_use]
    pub fn of(actions: &[Action]) -> Self {
        let counts = Counts::of(actions.iter());
        let without_reads = Counts::of(actions.iter().filter(|a| !a.read_only));
        let deciders = decide::deciders(actions);
        Self {
            runs: 0,
            actions: counts,
            without_reads,
            shares: Shares::of(&counts),
            shares_without_reads: Shares::of(&without_reads),
            deciders,
            auto_approved: decide::auto_approved(&deciders),
            human_stop: decide::human_stop(actions),
            human: decide::human(actions),
            agreement: decide::agreement(actions),
            unattributed: 0,
            approvers: Vec::new(),
            reviews: Reviews::default(),
            pace: Pace::default(),
        }
    }

    /// The JSON of `tollgate report --json`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "runs": self.runs,
            "actions": self.actions.to_json(),
            "actions_without_reads": self.without_reads.to_json(),
            "share": {
                "sandbox": self.shares.sandbox,
                "escalated": self.shares.escalated,
                "sandbox_without_reads": self.shares_without_reads.sandbox,
                "escalated_without_reads": self.shares_without_reads.escalated,
            },
            "deciders": self.deciders.to_json(),
            "deciders_detail": self.deciders.detail(),
            "human": {
                "asked": self.human.asked,
                "actions": self.human.actions,
                "answered": self.human.answered,
                "median_seconds": self.human.median_seconds,
            },
            "metrics": self.metrics(),
            "approver_health": self.approvers.iter().map(Approver::to_json).collect::<Vec<_>>(),
            "reviewer": self.reviews,
            "unattributed": self.unattributed,
        })
    }

    /// The metrics by name.
    fn metrics(&self) -> Value {
        let shares = [
            ("share_in_sandbox", self.shares.sandbox),
            ("share_in_sandbox_without_reads", self.shares_without_reads.sandbox),
            ("share_escalated", self.shares.escalated),
            ("share_escalated_without_reads", self.shares_without_reads.escalated),
            ("auto_approved", self.auto_approved),
            ("human_stop", self.human_stop),
            ("reviewer_agreement", Rate::of(self.agreement.agreed, self.agreement.n)),
        ];
        let shares = shares.into_iter().map(|(name, rate)| (name, json!(rate)));
        shares.chain(self.pace.metrics()).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Counts {
    fn of<'a>(actions: impl Iterator<Item = &'a Action>) -> Self {
        let mut counts = Self::default();
        for action in actions {
            counts.total += 1;
            *match action.path {
                Path::SandboxOk => &mut counts.sandbox_ok,
                Path::SandboxRefused => &mut counts.sandbox_refused,
                Path::EscalatedAllowed => &mut counts.escalated_allowed,
                Path::EscalatedDenied => &mut counts.escalated_denied,
                Path::PolicyDenied => &mut counts.policy_denied,
                Path::Unsandboxed => &mut counts.unsandboxed,
            } += 1;
        }
        counts
    }

    fn to_json(self) -> Value {
        json!({
            "total": self.total,
            "sandbox_ok": self.sandbox_ok,
            "sandbox_refused": self.sandbox_refused,
            "escalated_allowed": self.escalated_allowed,
            "escalated_denied": self.escalated_denied,
            "policy_denied": self.policy_denied,
            "unsandboxed": self.unsandboxed,
        })
    }
}

impl Shares {
    fn of(counts: &Counts) -> Self {
        Self {
            sandbox: Rate::of(counts.sandbox_ok, counts.total),
            escalated: Rate::of(counts.escalated_allowed + counts.escalated_denied, counts.total),
        }
    }
}

impl Split {
    /// Approvals and denials.
    #[must_use]
    pub const fn all(&self) -> u64 {
        self.allowed + self.denied
    }
}

impl Deciders {
    /// Plain numbers: how many each decided.
    fn to_json(self) -> Value {
        json!({
            "policy": self.policy.all(),
            "grant": self.grant.all(),
            "reviewer": self.reviewer.all(),
            "human": self.human.all(),
            "expired": self.expired,
            "review_failed": self.review_failed,
            "aborted": self.aborted,
            "open": self.open,
        })
    }

    fn detail(self) -> Value {
        let split = |s: Split| json!({"allowed": s.allowed, "denied": s.denied});
        json!({
            "policy": split(self.policy),
            "grant": split(self.grant),
            "reviewer": split(self.reviewer),
            "human": split(self.human),
        })
    }
}
