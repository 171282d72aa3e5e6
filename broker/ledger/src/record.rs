//! What is written: one record an event, typed; the chain and the store know nothing of its meaning.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tollgate_policy::action::{Action, Connect, Exec};
use tollgate_policy::boundary::Enforced;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::{Question, Seen};
use tollgate_policy::raw::Raw;
use tollgate_policy::review::Review;
use tollgate_policy::verdict::Verdict;

/// One event of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Wall clock, Unix milliseconds, UTC. May step back; `mono` doesn't.
    pub at: i64,
    /// Milliseconds since the run began, monotonic.
    pub mono: u64,
    /// The run's id.
    pub run: String,
    /// Of a refusal: the commands from the run's command down to the one that was refused, each as one line. (A
    /// question has them in itself.)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lineage: Vec<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "made one at a time, and written at once")]
pub enum Event {
    /// A run began; written before the command runs its first instruction.
    RunStarted(RunStarted),
    /// An action began: the run's command itself, or, where that is a harness or a script, a command that it
    /// started at the top of its own process tree.
    ActionStarted {
        /// Its number in the run, from 1.
        action: u64,
        /// The command.
        argv: Vec<Raw>,
        /// Where.
        cwd: AbsPath,
        /// Whether a rule of class `read` says that it only reads.
        read_only: bool,
    },
    /// An exec that was allowed inside the boundary.
    Step {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// What was run.
        exec: Exec,
        /// Why it may.
        verdict: Verdict,
    },
    /// A connection that was allowed: to a name, an address or a service outside. Written once for each process and
    /// goal; what passes is not looked at for it.
    Reached {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// Where to.
        connect: Connect,
        /// Why it may.
        verdict: Verdict,
    },
    /// The judge said review or ask: a crossing. Durable before anything follows from it.
    Asked {
        /// The action it belongs to.
        action: u64,
        /// The question, with its verdict.
        question: Question,
    },
    /// The automatic reviewer looked at a question. Durable before anything follows from it.
    Reviewed {
        /// The action it belongs to.
        action: u64,
        /// The question's id.
        question: String,
        /// What it said, or why it said nothing.
        review: Review,
    },
    /// One more attempt, identical to an open question's, waits for the same answer.
    Joined {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// The question's id.
        question: String,
    },
    /// What an answer had opened was taken back.
    Revoked {
        /// The question whose answer it was.
        question: String,
        /// Who took it back.
        by: String,
    },
    /// The question's end. Durable before it takes effect.
    Decided {
        /// The action it belongs to.
        action: u64,
        /// The question's id.
        question: String,
        /// The closed decision.
        decision: Decision,
    },
    /// A rule said deny. Durable before the refusal is given.
    Denied {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// What was attempted.
        what: Action,
        /// The rule.
        verdict: Verdict,
    },
    /// The boundary (a filter entry, a root, a failed check at the gate) refused; no rule of policy did.
    Refused {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// What was attempted.
        what: Action,
        /// Which wall, and the errno's name that the program got.
        wall: String,
    },
    /// A process changed what had been judged, and was killed for it.
    Tampered {
        /// The action it belongs to.
        action: u64,
        /// Process id, as the supervisor sees it.
        pid: u32,
        /// What was judged when the call was notified.
        judged: Exec,
        /// What was found at the exec stop.
        found: Option<Exec>,
        /// What differs.
        detail: String,
    },
    /// An approved command runs outside this boundary, under the wider profile of its rule. Durable before it does.
    Escalated {
        /// The action it belongs to.
        action: u64,
        /// The question that was answered with yes.
        question: String,
        /// What is run, with the arguments that it gets out there.
        exec: Exec,
        /// The wider profile.
        profile: String,
        /// SHA-256 over the policy that holds out there, hex.
        policy: String,
        /// What the kernel holds around it.
        enforced: Enforced,
    },
    /// That command ended; the process inside that stands for it leaves as it did.
    EscalationEnded {
        /// The action it belongs to.
        action: u64,
        /// The question.
        question: String,
        /// Exit code, 128 + signal, or -1 where it never ran.
        status: i32,
        /// Why, where it did not end by itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// A client's hook told something, or was asked about a call of one of the client's own tools.
    Hook {
        /// The client, by its name on the command line.
        client: String,
        /// The subagent that it is about; empty for the session's own agent.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        subagent: String,
        /// What it told.
        told: Told,
    },
    /// An action's top process ended.
    ActionEnded {
        /// Its number.
        action: u64,
        /// Exit code, or 128 + signal.
        status: i32,
    },
    /// The run ended.
    RunEnded {
        /// The command's exit code, 128 + signal, or Tollgate's own code.
        status: i32,
        /// Milliseconds in which at least one human was being waited for.
        waited: u64,
        /// Why, where it did not end by itself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
}

/// How a run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStarted {
    /// `--name`; empty if none.
    pub name: String,
    /// The command.
    pub argv: Vec<Raw>,
    /// Where it starts.
    pub cwd: AbsPath,
    /// The workspace.
    pub workspace: AbsPath,
    /// Who started it.
    pub uid: u32,
    /// Profiles by name, in order.
    pub profiles: Vec<String>,
    /// SHA-256 over all policy sources, hex.
    pub policy: String,
    /// Whether the command is itself the agent (a harness, a script): then what it starts are the actions.
    pub agent: bool,
    /// Whether nobody can be asked.
    pub unattended: bool,
    /// What the kernel holds.
    pub enforced: Enforced,
    /// Tollgate's version.
    pub version: String,
    /// The action of a client's session that this run is, where it was asked about there: both are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
}

/// An action of another run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Of {
    /// The run.
    pub run: String,
    /// Its action.
    pub action: u64,
}

/// What a client's hook told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Told {
    /// A call of a tool was let through.
    Called {
        /// The action that it is in this run; 0 where it becomes an action of a run of its own.
        action: u64,
        /// The client's id of the call; may be empty.
        call: String,
        /// The tool, as the client names it.
        tool: String,
        /// Whether it goes on inside a boundary, where the gate judges again; else it is the client's own process that
        /// does it.
        contained: bool,
        /// What it does, as one line.
        text: String,
        /// Why it may.
        verdict: Verdict,
    },
    /// A session began.
    Began {
        /// How: `startup`, `resume` …
        source: String,
    },
    /// A session ended.
    Ended {
        /// Why.
        reason: String,
    },
    /// A person's instruction.
    Prompt {
        /// Its text.
        text: String,
    },
    /// A call of a tool is over.
    Result {
        /// The client's id of the call; may be empty.
        call: String,
        /// The tool.
        tool: String,
        /// Whether the client says that it worked.
        worked: bool,
    },
    /// Tokens that one request to the model took.
    Tokens {
        /// Read by the model.
        input: u64,
        /// Written by it.
        output: u64,
    },
    /// A person stopped the agent.
    Interrupted,
    /// The conversation was compacted.
    Compacted,
    /// The agent's turn was over.
    Stopped,
}

/// A closed decision: never "ask".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// How it ended.
    pub outcome: Outcome,
    /// Who decided.
    pub decider: Decider,
    /// The person or program, as the channel proved it; empty for policy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The channel; empty for policy.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// The scope of an approval, as text: `once`, `run`, `until=…`, `prefix=…`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The approver's word, or why it was closed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Milliseconds from question to answer.
    pub waited: u64,
    /// What a person saw who answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It may go on.
    Allowed,
    /// Somebody or something said no.
    Denied,
    /// Nobody answered in time; refused.
    Expired,
    /// The reviewer failed and nobody else could be asked; refused.
    ReviewFailed,
    /// The process or the run ended before an answer.
    Aborted,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decider {
    /// A rule or the risk table.
    Policy,
    /// An earlier approval that covers it.
    Grant,
    /// The reviewer agent.
    Reviewer,
    /// A person.
    Human,
}

/// Where the gate writes. `group` may be lost by a crash of the machine; `durable` returns after the disk has it.
pub trait Recorder {
    /// Adds a record to the group that is written soon, and at the latest when the run ends.
    ///
    /// # Errors
    /// [`Unwritten`] once the ledger can't be written: the gate then refuses all that follows.
    fn group(&self, record: Record) -> Result<(), Unwritten>;
    /// Writes all that was grouped and this, and returns when it is on the disk.
    ///
    /// # Errors
    /// [`Unwritten`] where it is not on the disk: what it was for must not happen.
    fn durable(&self, record: Record) -> Result<(), Unwritten>;
    /// For the gate's loop, before it sleeps: writes the group that has waited long enough, and says how long one
    /// that has not may still wait. A failure is told by the next record.
    fn tick(&self) -> Option<Duration> {
        None
    }
}

/// The ledger did not take a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwritten(pub String);

impl std::fmt::Display for Unwritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the ledger can't be written: {}", self.0)
    }
}

impl std::error::Error for Unwritten {}
