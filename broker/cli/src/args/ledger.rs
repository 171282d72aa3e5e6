//! What the verbs of `tollgate ledger` are told.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Json;

#[derive(Debug, Args)]
pub(crate) struct Ledger {
    #[command(subcommand)]
    pub(crate) verb: LedgerVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerVerb {
    /// List records, the newest last
    #[command(after_help = "Example:\n  tollgate ledger list --event denied --since 1h")]
    List {
        /// Only this run
        #[arg(long)]
        run: Option<String>,
        /// Only this kind: step, asked, decided, denied, refused …
        #[arg(long)]
        event: Option<String>,
        /// Only since a duration ago (2h, 7d) or a time (2030-01-31T12:00:00Z)
        #[arg(long, value_name = "T")]
        since: Option<String>,
        /// At most so many, the newest
        #[arg(long, default_value_t = 50)]
        limit: usize,
        #[command(flatten)]
        json: Json,
    },
    /// Show one record with its proof
    #[command(after_help = "Example:\n  tollgate ledger show 42")]
    Show {
        /// The record's number
        seq: u64,
        #[command(flatten)]
        json: Json,
    },
    /// Recompute the whole ledger and say what is wrong
    #[command(
        after_help = "Example:\n  tollgate ledger verify --checkpoint kept-elsewhere.txt --key \"$(cat key.txt)\""
    )]
    Verify {
        /// A checkpoint that was kept elsewhere (from `ledger checkpoint`)
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The verifier key that was kept elsewhere (name+id+base64)
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Verify this export instead of the ledger here; `-` is stdin
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
        #[command(flatten)]
        json: Json,
    },
    /// Write the whole ledger as lines of JSON
    #[command(after_help = "Example:\n  tollgate ledger export > ledger.jsonl")]
    Export,
    /// Print the newest signed checkpoint, to be kept elsewhere
    #[command(after_help = "Example:\n  tollgate ledger checkpoint > kept-elsewhere.txt")]
    Checkpoint {
        /// Print the verifier key instead
        #[arg(long)]
        key: bool,
    },
}
