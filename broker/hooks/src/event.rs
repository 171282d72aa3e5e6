//! What a client tells: one event, and what it is about.

use serde_json::{Map, Value};
use tollgate_policy::action::Access;

/// One event of a client's hook.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The client's name for it (`PreToolUse`, `BeforeTool` …).
    pub name: String,
    /// The client's id of the session; empty if it gave none.
    pub session: String,
    /// The working directory that the client named; relative paths of its tools start there.
    pub cwd: Option<String>,
    /// The subagent that acts; none for the session's own agent.
    pub subagent: Option<String>,
    /// What it is about.
    pub moment: Moment,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    /// A tool is about to be used; the client waits for an answer.
    Before(Call),
    /// The client would put a question to its person, and takes an answer instead.
    Permission(Call),
    /// Something is told; nothing hangs on the answer.
    Told(Note),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The client's id of the call; empty if it gave none.
    pub id: String,
    /// The tool, as the client names it.
    pub tool: String,
    /// Its arguments as they came; a rewriting changes one of them and keeps the rest.
    pub input: Map<String, Value>,
    /// What it would do.
    pub deed: Deed,
}

/// What a call would do, as far as its arguments say.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// A command line for a shell.
    Shell {
        /// The text.
        text: String,
        /// Where, if the call says so.
        cwd: Option<String>,
        /// The argument that holds the text.
        key: &'static str,
        /// Whether the client takes another text instead.
        rewritable: Rewritable,
    },
    /// Files read or written by the client itself, outside any boundary.
    Files(Vec<Touch>),
    /// A page fetched by the client itself. Each is a URL as the call gives it.
    Fetch(Vec<String>),
    /// A tool of a server that speaks MCP, or one of the client's own (server `builtin`) that reaches out by itself. Each
    /// is server and tool: where the client writes them as one word, all the ways to take it apart.
    Tool(Vec<(String, String)>),
    /// A tool of the client's own that touches nothing by itself (a list of things to do, a subagent, a question).
    Own,
    /// A tool that this adapter does not know.
    Unknown,
}

/// Whether a client takes another command than the one that it asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritable {
    /// It runs the text that the answer names.
    Yes,
    /// It runs its own text, whatever the answer says.
    No,
}

/// One path that a tool of the client's would read or write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// The path as the call gives it; may be relative, may start with `~`.
    pub path: String,
    /// What is to be done.
    pub access: Access,
    /// What would change, as text for an approver; empty for reading.
    pub change: String,
}

/// What is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// A session began; from where (`startup`, `resume` …).
    Began(String),
    /// A session ended, and why.
    Ended(String),
    /// A person's instruction.
    Prompt(String),
    /// A call of a tool is over.
    Result {
        /// The client's id of the call.
        id: String,
        /// The tool.
        tool: String,
        /// Whether it says that it worked.
        worked: bool,
    },
    /// Tokens that a request to the model took.
    Tokens {
        /// Read by the model.
        input: u64,
        /// Written by it.
        output: u64,
    },
    /// A person stopped the agent.
    Interrupted,
    /// The conversation is, or was, compacted.
    Compacted,
    /// The agent's turn is over.
    Stopped,
    /// Anything else that is known to be harmless.
    Other,
}
