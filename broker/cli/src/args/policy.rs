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
