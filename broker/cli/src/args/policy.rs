//! What `policy trust`, `policy import` and `evidence` are told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Json;

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// The project, or its policy file; the working directory if none is named
    #[arg(value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Show what it grants, and trust nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Trust it no more
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) revoke: bool,
    /// List what is trusted, and whether it has changed since
    #[arg(long, conflicts_with_all = ["path", "dry_run", "revoke"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Judge by this policy file too, with your authority (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// Judge by this shipped profile instead of those that each run had (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Suggest {
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Which decisions.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Not older than this: 2h, 7d, or a time as 2030-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Of this run
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}

pub(super) const REPLAY: &str = "\
Each decision of the ledger is judged again by the policies that a run in its
workspace would have now. Nothing is run. Approvals are left out: what was asked
counts as asked, whatever the answer.

Example:
  tollgate policy replay --policy stricter.toml --since 7d";

pub(super) const SUGGEST: &str = "\
Looser: what people approved each time, three times or more. Tighter: what was
opened and never used. Each says how many decisions of the past it would change.
Nothing is changed; look at it, and try it with `tollgate policy replay`.

Example:
  tollgate policy suggest --since 30d";

/// A client whose rules are read.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ImportFrom {
    /// `permissions` in settings.json
    ClaudeCode,
    /// `prefix_rule` in *.rules
    Codex,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Whose rules
    pub(crate) client: ImportFrom,
    /// The file that holds them
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) json: Json,
}
