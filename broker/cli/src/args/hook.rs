//! `tollgate hook`, as it can be said.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, FromArgMatches as _, Subcommand};
use tollgate_hooks::Client;

use super::Json;

pub(super) const HOOK: &str = "\
One event is read from stdin; the answer is the client's own: its words on stdout,
its exit code. Whatever goes wrong is a refusal. A shell call that may run is
rewritten to run under `tollgate shell`, where the client can do that; what is
asked waits in `tollgate approvals`. Clients: claude-code, codex, gemini-cli,
qwen-code, copilot, opencode, cursor, generic.

Example:
  tollgate hook claude-code < event.json";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Hook {
    #[command(subcommand)]
    pub(crate) verb: Option<HookVerb>,
    /// The client whose event it is
    #[arg(value_parser = client)]
    pub(crate) client: Option<Client>,
    /// The event's name, where the client's own words leave it out
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// Wait so many seconds for an answer to a question
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub(crate) wait: Option<u64>,
    /// Leave questions to the client's own prompt, where it has one for this
    #[arg(long)]
    pub(crate) prompt: bool,
    /// Ask nobody: what would be asked is refused at once
    #[arg(long)]
    pub(crate) ci: bool,
    /// Use this shipped profile instead of `shell` (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
    /// Add this policy file, with your authority (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookVerb {
    /// Set up a client's hooks
    #[command(after_help = INSTALL)]
    Install(Setup),
    /// Take a client's hooks out again, and give back the file as it was
    #[command(after_help = "Example:\n  tollgate hook uninstall codex --user")]
    Uninstall(Setup),
    /// Say what is set up for a client, and try it
    #[command(after_help = "Example:\n  tollgate hook status claude-code")]
    Status {
        /// The client
        #[arg(value_parser = client)]
        client: Client,
        #[command(flatten)]
        json: Json,
    },
}

const INSTALL: &str = "\
Without --user or --project the managed place is used, which neither a repository
nor the agent can change; without the right to write there, the user's. What a
place leaves open is said. Other settings and comments in the file stay.

Example:
  sudo tollgate hook install claude-code
  tollgate hook install codex --user --dry-run";

#[allow(clippy::struct_excessive_bools, reason = "flags of a command line")]
#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// The client
    #[arg(value_parser = client)]
    pub(crate) client: Client,
    /// For you alone
    #[arg(long, conflicts_with = "project")]
    pub(crate) user: bool,
    /// For this project alone
    #[arg(long)]
    pub(crate) project: bool,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Let the hooks leave questions to the client's own prompt
    #[arg(long)]
    pub(crate) prompt: bool,
    /// Let the hooks use this shipped profile instead of `shell` (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
}

impl Hook {
    /// Reads `hook` and what follows, where that is no verb of its own.
    pub(crate) fn alone<'a>(words: impl Iterator<Item = &'a OsString>) -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::augment_args(clap::Command::new("hook")).try_get_matches_from(words)?)
    }
}

fn client(name: &str) -> Result<Client, String> {
    Client::named(name)
        .ok_or_else(|| format!("there is no adapter for it; there are: {}", Client::ALL.map(Client::name).join(", ")))
}
