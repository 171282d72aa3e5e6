//! What earlier answers opened: listed, and taken back.

use serde_json::json;
use tollgate_policy::grant::{Covers, Grant};
use tollgate_wire::{neutral, pile};

use super::{card, each_run, past};
use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::{time, ui};

/// Lists what stands in all runs.
pub(super) fn list(json: args::Json) -> Outcome {
    let mut all: Vec<Grant> = Vec::new();
    for client in each_run()? {
        // A run that ended meanwhile has no grants.
        all.extend(client.grants().unwrap_or_default());
    }
    if json.json {
        let with_words = |grant: &Grant| {
            let mut shown = serde_json::to_value(grant).unwrap_or_default();
            if let (Some(fields), Some(what)) = (shown.as_object_mut(), asked(grant)) {
                fields.insert("what".to_owned(), what.into());
            }
            shown
        };
        return ui::json(&all.iter().map(with_words).collect::<Vec<_>>());
    }
    if all.is_empty() {
        ui::note("no grants stand");
        return Ok(Exit::Done);
    }
    let now = time::now();
    ui::data(all.iter().map(|grant| line(grant, now)).collect::<String>())
}

/// Takes one back.
pub(super) fn revoke(id: &str, json: args::Json) -> Outcome {
    let shown = neutral::short(id, 60);
    for client in each_run()? {
        if client.grants().unwrap_or_default().iter().any(|grant| grant.question == id) {
            client.revoke(id).map_err(|fault| {
                Failure::new(Exit::Failed, format!("the grant of `{shown}` was not taken back")).because(&fault)
            })?;
            return if json.json {
                ui::json(&json!({"revoked": id}))
            } else {
                ui::data(format!("{shown}: taken back\n"))
            };
        }
    }
    Err(Failure::new(Exit::Failed, format!("no grant of `{shown}` stands"))
        .hint("`tollgate approvals grants` lists those that do"))
}

/// What was asked when it was given, as the ledger tells.
fn asked(grant: &Grant) -> Option<String> {
    past::of(&grant.question).map(|past| card::what(&past.question.action))
}

fn line(grant: &Grant, now: i64) -> String {
    let exactly = |lead: &str| match asked(grant) {
        Some(what) => format!("{lead}`{what}`"),
        None => format!("{lead}what was asked"),
    };
    let covers = match &grant.covers {
        Covers::Once(_) | Covers::Ahead(_) => exactly("once: exactly "),
        Covers::Digest(_) => exactly("exactly "),
        Covers::Prefix(words) => {
            format!("commands that begin with `{}`", neutral::short_command(words.iter().map(String::as_bytes), 100))
        }
    };
    let until = grant.until.map_or_else(String::new, |at| format!(", {} left", pile::left(at, now)));
    let uses = grant.uses.map_or_else(String::new, |uses| format!(", {uses} more times"));
    let by = if grant.by.is_empty() { String::new() } else { format!(", by {}", neutral::short(&grant.by, 60)) };
    format!("{}  {covers}{until}{uses}{by}\n", neutral::short(&grant.question, 60))
}
