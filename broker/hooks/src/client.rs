//! The clients, and what each adapter can do.

use std::time::Duration;

use crate::{
    Event, Misread, Reply, Ruling, claude::Claude, codex::Codex, copilot::Copilot, cursor::Cursor, gemini::Gemini,
    generic::Generic, opencode::Opencode, qwen::Qwen,
};

/// A coding agent whose hook format is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// Claude Code.
    ClaudeCode,
    /// Codex CLI.
    Codex,
    /// Gemini CLI.
    GeminiCli,
    /// Qwen Code.
    QwenCode,
    /// GitHub Copilot CLI.
    Copilot,
    /// opencode, through a plugin of ours.
    Opencode,
    /// Cursor.
    Cursor,
    /// Anything that speaks the documented dialect.
    Generic,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClaudeCode,
        Self::Codex,
        Self::GeminiCli,
        Self::QwenCode,
        Self::Copilot,
        Self::Opencode,
        Self::Cursor,
        Self::Generic,
    ];

    /// Its name on the command line and in the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude-code",
            Self::Codex => "codex",
            Self::GeminiCli => "gemini-cli",
            Self::QwenCode => "qwen-code",
            Self::Copilot => "copilot",
            Self::Opencode => "opencode",
            Self::Cursor => "cursor",
            Self::Generic => "generic",
        }
    }

    /// The client of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.name() == name)
    }

    /// Its adapter.
    #[must_use]
    pub const fn adapter(self) -> &'static dyn Adapter {
        match self {
            Self::ClaudeCode => &Claude,
            Self::Codex => &Codex,
            Self::GeminiCli => &Gemini,
            Self::QwenCode => &Qwen,
            Self::Copilot => &Copilot,
            Self::Opencode => &Opencode,
            Self::Cursor => &Cursor,
            Self::Generic => &Generic,
        }
    }
}

/// How long a client waits for a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Where nothing is configured.
    pub usual: Duration,
    /// Units a second in its configuration (1 or 1000); 0 where it can't be set.
    pub units: u32,
}

/// What a client makes of a hook that says nothing: crashes, hangs, or prints what it can't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The call goes on.
    Yes,
    /// The call is refused, but for a hook that takes too long: then it goes on.
    NoButForTime,
    /// The call is refused.
    No,
}

/// One client's dialect.
pub trait Adapter: Sync {
    /// What a payload says. `event` is the event's name where the command line told it: some clients leave it out.
    ///
    /// # Errors
    /// [`Misread`]: to be answered with [`Reply::no`].
    fn read(&self, payload: &[u8], event: Option<&str>) -> Result<Event, Misread>;

    /// The answer to an event. For what is only told it is empty, whatever the ruling.
    fn answer(&self, event: &Event, ruling: &Ruling) -> Reply;

    /// How long the client waits.
    fn limit(&self) -> Limit;

    /// What it makes of silence.
    fn silence(&self) -> Silence;

    /// Whether its answer can hand a question to the client's own prompt.
    fn hands_over(&self) -> bool;
}
