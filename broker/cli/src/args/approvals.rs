//! What `tollgate approvals` is told.

use clap::{Args, Subcommand, ValueEnum};

use super::Json;

/// What a rule would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleEffect {
    /// It is not asked any more.
    Allow,
    /// It is refused without asking.
    Deny,
}

#[derive(Debug, Args)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    pub(crate) verb: ApprovalsVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsVerb {
    /// List the open questions of all runs
    #[command(after_help = "Example:\n  tollgate approvals list")]
    List(Json),
    /// Send a test notice to all that `notify.toml` names
    #[command(after_help = "Example:\n  tollgate approvals notify")]
    Notify,
    /// Show all that is known about a question
    #[command(after_help = "Example:\n  tollgate approvals show k3f9x2ab-1")]
    Show {
        /// The question
        id: String,
        #[command(flatten)]
        json: Json,
    },
    /// Approve a question
    #[command(after_help = APPROVE)]
    Approve {
        /// The question
        id: String,
        /// How wide: once, run, until=30m, uses=3, prefix='git push'
        #[arg(long, default_value = "once")]
        scope: String,
        /// The name of what can't be undone, where the risk is high: as a terminal would have it typed
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        #[command(flatten)]
        answer: Answer,
    },
    /// Deny a question
    #[command(after_help = "Example:\n  tollgate approvals deny k3f9x2ab-1 --reason 'open a pull request instead'")]
    Deny {
        /// The question
        id: String,
        /// How wide: once, run (the same action for the rest of the run), stop (and the run is stopped)
        #[arg(long, default_value = "once")]
        scope: String,
        #[command(flatten)]
        answer: Answer,
    },
    /// Show the rule that would spare a question, and what it means
    #[command(
        after_help = "Nothing is written: a rule is added by hand.\n\nExample:\n  tollgate approvals rule k3f9x2ab-1"
    )]
    Rule {
        /// The question, open or closed
        id: String,
        /// What the rule would say
        #[arg(long, value_enum, default_value_t = RuleEffect::Allow)]
        effect: RuleEffect,
        #[command(flatten)]
        json: Json,
    },
    /// List what earlier answers opened and still stands
    #[command(after_help = "Example:\n  tollgate approvals grants")]
    Grants(Json),
    /// Take back what an answer opened
    #[command(after_help = "Example:\n  tollgate approvals revoke k3f9x2ab-1")]
    Revoke {
        /// The question that was answered
        id: String,
        #[command(flatten)]
        json: Json,
    },
}

const APPROVE: &str = "\
Scopes:
  once             this one attempt
  run              this exact command for the rest of the run
  until=30m        this exact command for half an hour of the run
  uses=3           this exact command, three times in all
  prefix='git push'  commands of the run that start with these words; never for
                   shells, interpreters, runners and wrappers

At a terminal a question of high risk is shown first, and approved by typing
its name. Without one, a script that names the question may say with --confirm
what it takes it for: another name than the question's is refused.

Example:
  tollgate approvals approve k3f9x2ab-1 --scope run";

#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// A word to the agent
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Answer only if the question still has this digest (from `list --json`)
    #[arg(long)]
    pub(crate) digest: Option<String>,
    #[command(flatten)]
    pub(crate) json: Json,
}
