//! The command line: what can be said. Help, completions and man pages come from these definitions.

mod approvals;
mod hook;
mod ledger;
mod policy;
mod run;
mod web;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use approvals::{Answer, Approvals, ApprovalsVerb, RuleEffect};
pub(crate) use hook::{Hook, HookVerb, Setup};
pub(crate) use ledger::{Ledger, LedgerVerb};
pub(crate) use policy::{Evidence, Import, ImportFrom, Replay, Suggest, Trust, Which};
use web::WEB;
pub(crate) use web::Web;

/// Run a coding agent, or any command, inside a boundary that the kernel holds
#[derive(Debug, Parser)]
#[command(
    name = "tollgate",
    version,
    term_width = 80,
    disable_help_subcommand = true,
    after_help = "Example:\n  tollgate run -- cargo test\n\nWhat a run asks, `tollgate approvals` answers from another terminal."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a command inside a boundary
    #[command(after_help = RUN)]
    Run(Run),
    /// Be the shell that a harness starts: judged, contained, recorded
    #[command(after_help = SHELL, override_usage = "tollgate shell [OPTIONS] [-c TEXT | FILE] [ARG]...")]
    Shell(Spoken),
    /// Be the first process of a container: reap, hand signals on, run a command
    #[command(after_help = ENTRYPOINT)]
    Entrypoint(Run),
    /// Write a policy for this repository
    #[command(after_help = "Example:\n  tollgate init --dry-run")]
    Init(Init),
    /// Answer an event of a coding agent's hook, or set its hooks up
    #[command(after_help = hook::HOOK)]
    Hook(Hook),
    /// Show what this kernel and machine can hold, layer by layer
    #[command(after_help = "Example:\n  tollgate doctor --json | jq '.layers[] | select(.enforced | not)'")]
    Doctor(Json),
    /// List and answer what runs ask
    #[command(after_help = "Example:\n  tollgate approvals list\n  tollgate approvals approve k3f9x2ab-1 --scope run")]
    Approvals(Approvals),
    /// Try the reviewer
    #[command(after_help = "Example:\n  tollgate reviewer test corpus.jsonl")]
    Reviewer(Reviewer),
    /// Ask a person, from inside a boundary, to let something be done
    #[command(after_help = REQUEST)]
    Request(Request),
    /// Check, try and explain policies
    #[command(after_help = "Example:\n  tollgate policy explain -- git push origin main")]
    Policy(Policy),
    /// Read and verify the ledger of decisions
    #[command(after_help = "Example:\n  tollgate ledger verify")]
    Ledger(Ledger),
    /// Show and answer the questions of all runs in this terminal
    #[command(after_help = "Example:\n  tollgate watch")]
    Watch,
    /// Show the questions, the runs and the report as a page on loopback
    #[command(after_help = WEB)]
    Web(Web),
    /// Print what the ledger proves of one run
    #[command(after_help = "Example:\n  tollgate evidence k3f9x2ab --json > evidence.json")]
    Evidence(Evidence),
    /// Report how many actions stayed inside, and who decided the rest
    #[command(after_help = "Example:\n  tollgate report --since 7d")]
    Report(Report),
    /// Print a shell's completions
    #[command(
        after_help = "Example:\n  tollgate completions bash > ~/.local/share/bash-completion/completions/tollgate"
    )]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the man page, or write all of them into a folder
    #[command(after_help = "Example:\n  tollgate man ~/.local/share/man/man1")]
    Man {
        /// Folder for one page a verb
        dir: Option<PathBuf>,
    },
}

const RUN: &str = "\
The command's own exit code passes through (128 + N after signal N). Codes of
Tollgate itself:
  120  a policy is invalid
  121  the boundary can't be enforced as required
  122  refused before it started
  123  stopped by a limit
  124  internal failure: nothing was run, or everything was stopped

Without --profile the profile `workspace` holds; with --ci, `ci`, and what is
typed at a terminal is not read. The project's .tollgate/policy.toml can tighten
what holds, never loosen it.

Example:
  tollgate run -- cargo test
  tollgate run --profile read-only -- grep -r TODO .";

const SHELL: &str = "\
Options come before the shell's own words; they are those of `tollgate run`, and
  --shell NAME   which real shell does the work: bash (the default), zsh, a path

Without --profile the profile `shell` holds. The workspace is the nearest folder
with .git or .tollgate at or above the working directory, but not the home; else
the working directory. What runs in the background ends with the call. Started
under a shell's name (a link called bash, zsh or sh, or with bash or zsh in it),
all words are the shell's. Inside a boundary it is just the real shell.

Exit codes are those of `tollgate run`.

Example:
  ln -s \"$(command -v tollgate)\" ~/.local/share/tollgate-bash
  CLAUDE_CODE_SHELL=~/.local/share/tollgate-bash claude
  tollgate shell -c 'make test'";

const ENTRYPOINT: &str = "\
All is as with `tollgate run`, but that the profile is `container` where none is
named, orphans are reaped, and signals to this process reach the command.

Example:
  ENTRYPOINT [\"tollgate\", \"entrypoint\", \"--\"]
  CMD [\"claude\"]";

#[derive(Debug, Args)]
pub(crate) struct Spoken {
    /// The shell's words: `-c TEXT`, `-lc TEXT`, a script and its arguments; none for commands from stdin
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORD")]
    pub(crate) words: Vec<OsString>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Run {
    /// Use this shipped profile (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
    /// Add this policy file, with your authority (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// Make this folder the workspace instead of the working directory
    #[arg(long, value_name = "DIR")]
    pub(crate) workspace: Option<PathBuf>,
    /// Let this folder be written too (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Vec<PathBuf>,
    /// Let this folder be read too (may be repeated)
    #[arg(long, value_name = "DIR")]
    pub(crate) read: Vec<PathBuf>,
    /// Let this name or address be connected to; the port is 443 if none is given (may be repeated). A name does not open private addresses that it leads to: name these too, as 10.0.0.0/8:5432
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) net: Vec<String>,
    /// Limit what the run may have: `processes`, `memory`, `memory_per_process`, `disk`, `fsize`, `nofile` … as in a policy's `[limits]` (may be repeated)
    #[arg(long, value_name = "NAME=AMOUNT")]
    pub(crate) limit: Vec<String>,
    /// Start only if the kernel holds this feature, named as in `tollgate doctor` (may be repeated)
    #[arg(long, value_name = "FEATURE")]
    pub(crate) require: Vec<String>,
    /// Ask nobody: what would be asked is refused at once
    #[arg(long)]
    pub(crate) ci: bool,
    /// Name the run, for the ledger and the report
    #[arg(long, value_name = "LABEL")]
    pub(crate) name: Option<String>,
    /// Say on stderr what holds, and sum up at the end
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// A yes that waits for this very call; `tollgate hook` puts it here
    #[arg(long, value_name = "TOKEN", hide = true)]
    pub(crate) handed: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
    /// What the run is part of, where `tollgate shell` started it.
    #[arg(skip)]
    pub(crate) call: Option<crate::verb::shell::Call>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Look at this folder instead of the working directory
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace a policy that is already there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Json {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Reviewer {
    #[command(subcommand)]
    pub(crate) verb: ReviewerVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReviewerVerb {
    /// Run the reviewer over labelled command lines, and over the same lines with lies added
    #[command(
        after_help = "FILE has a JSON object a line: id, command, label (allow, ask, deny).\nWithout a reviewer in the policy, rules alone are tried. The profile `listed` is for lines\nthat nothing contains: only what is known to be harmless passes.\n\nExample:\n  tollgate reviewer test corpus.jsonl"
    )]
    Test {
        /// Labelled lines
        file: PathBuf,
        /// Use this profile
        #[arg(long, value_name = "NAME", default_value = "listed")]
        profile: Vec<String>,
        /// Also use this policy file
        #[arg(long, value_name = "FILE")]
        policy: Vec<PathBuf>,
        /// Only the lines as they are, without the mutations
        #[arg(long)]
        plain: bool,
        #[command(flatten)]
        json: Json,
    },
}

const REQUEST: &str = "\
It waits for the answer. A yes covers the attempt that follows; a no, or no answer,
is a refusal. Nothing inside a boundary can answer.

Example:
  tollgate request path ../notes.md --reason 'the task says to update it'
  tollgate request host example.com:443
  tollgate request command -- git push origin main";

#[derive(Debug, Args)]
pub(crate) struct Request {
    #[command(subcommand)]
    pub(crate) what: RequestVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RequestVerb {
    /// Ask to write a path
    #[command(after_help = "Example:\n  tollgate request path ../notes.md")]
    Path {
        /// The path
        path: PathBuf,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Ask to connect to a host
    #[command(after_help = "Example:\n  tollgate request host example.com:443")]
    Host {
        /// The host, and its port (443 if none is given)
        host: String,
        /// Why
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        json: Json,
    },
    /// Run a command: the question is raised when it starts
    #[command(after_help = "Example:\n  tollgate request command -- git push origin main")]
    Command {
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) verb: PolicyVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Check policy files: syntax, keys, types, globs and the rules' examples; or what policy says about shell text
    #[command(after_help = CHECK)]
    Check {
        /// Files to check
        files: Vec<PathBuf>,
        /// Judge command lines instead, as text that would run outside of any boundary: one `{"id": …, "command": …}` a line of FILE, or of stdin for `-`
        #[arg(long, value_name = "FILE", conflicts_with = "files")]
        shell_lines: Option<PathBuf>,
        /// With --shell-lines: judge by this policy file instead of the profile `listed` (may be repeated)
        #[arg(long, value_name = "FILE", requires = "shell_lines")]
        policy: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Run the examples of every rule, those of shipped profiles too
    #[command(after_help = "Example:\n  tollgate policy test .tollgate/policy.toml")]
    Test {
        /// Files to test besides the shipped profiles
        files: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Explain what policy says about a command, a path or a connection here
    #[command(
        after_help = "Example:\n  tollgate policy explain -- git push origin main\n  tollgate policy explain --path ~/.ssh/id_ed25519 --profile read-only"
    )]
    Explain(Explain),
    /// Say what is valid and still unwise, or without effect
    #[command(
        after_help = "Without FILE, the files that a run here would use. Exits with 1 where there is\nsomething to say.\n\nExample:\n  tollgate policy lint .tollgate/policy.toml"
    )]
    Lint {
        /// Files to look at
        files: Vec<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Let what a project's policy grants count, as it is now
    #[command(
        after_help = "A project's policy can only tighten what holds, until a person trusts it. What it\ngrants then counts within everything above it; when the file changes, it counts\nno more.\n\nExample:\n  tollgate policy trust --dry-run\n  tollgate policy trust"
    )]
    Trust(Trust),
    /// Print a client's own rules as a policy
    #[command(
        after_help = "Example:\n  tollgate policy import claude-code .claude/settings.json > imported.toml\n  tollgate policy import codex ~/.codex/rules/default.rules"
    )]
    Import(Import),
    /// Judge what the ledger tells of again, and say what would be decided otherwise
    #[command(after_help = policy::REPLAY)]
    Replay(Replay),
    /// Say what history shows of a policy: what could be looser, what tighter
    #[command(after_help = policy::SUGGEST)]
    Suggest(Suggest),
    /// Print the JSON schema of policy files
    #[command(after_help = "Example:\n  tollgate policy schema > policy.schema.json")]
    Schema,
}

const CHECK: &str = "\
Without FILE, the files that a run here would use.

With --shell-lines each line gets what its text alone gets, wherever it is run:
home is /home/user, the working directory and workspace /home/user/workspace.
Answers are {\"id\", \"verdict\", \"opaque\", \"reason\"}, one a line.

Example:
  tollgate policy check .tollgate/policy.toml
  tollgate policy check --shell-lines lines.jsonl --json";

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Explain the reading (or, with --write, the writing) of this path
    #[arg(long, value_name = "PATH", conflicts_with_all = ["net", "command"])]
    pub(crate) path: Option<PathBuf>,
    /// Take the path as one to be written
    #[arg(long, requires = "path")]
    pub(crate) write: bool,
    /// Explain a connection to this name or address
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "command")]
    pub(crate) net: Option<String>,
    /// Use this shipped profile (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
    /// Add this policy file (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) json: Json,
    /// Explain this command
    #[arg(trailing_var_arg = true, value_name = "CMD", required_unless_present_any = ["path", "net"])]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Only since a duration ago (2h, 7d) or a time (2030-01-31T12:00:00Z)
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only this run
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// Write it to this file, as one page of HTML that needs no other
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "prometheus"])]
    pub(crate) html: Option<PathBuf>,
    /// Print it for Prometheus, in its text format
    #[arg(long, conflicts_with = "json")]
    pub(crate) prometheus: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[cfg(test)]
mod tests;
