//! `tollgate policy suggest`: what history says of the policy here.

use std::collections::BTreeSet;

use serde_json::json;
use tollgate_policy::verdict::Effect;
use tollgate_report::{Direction, Suggestion, loosen, unused_approvals, used_rules};
use tollgate_wire::neutral;

use super::replay::told;
use super::{check_one, terms, used_here};
use crate::args;
use crate::failure::{Failure, Outcome};
use crate::ui;

/// Suggests.
pub(super) fn suggest(args: &args::Suggest) -> Outcome {
    let story = told(&args.which)?;
    let mut all = loosen(&story);
    all.extend(unused_approvals(&story));
    all.extend(unused_rules(&used_rules(&story))?);
    let decisions = story.past.len();
    if args.which.json.json {
        let one = |it: &Suggestion| {
            json!({
                "direction": direction(it.direction), "what": it.what, "why": it.why, "toml": it.toml,
                "changes": it.changes, "decisions": decisions,
            })
        };
        let all: Vec<_> = all.iter().map(one).collect();
        return ui::json(&json!({"decisions": decisions, "suggestions": all}));
    }
    for Suggestion { direction: towards, what, why, toml, changes } in &all {
        let toml: String = toml.lines().flat_map(|line| ["    ", line, "\n"]).collect();
        let effect = format!("changes {changes} of {decisions} decisions");
        ui::data(format!("{}: {what}\n  {why}; {effect}\n{toml}", direction(*towards)))?;
    }
    ui::data(format!("{decisions} decisions, {} suggestion{}\n", all.len(), if all.len() == 1 { "" } else { "s" }))
}

const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Tighten => "tighten",
        Direction::Loosen => "loosen",
    }
}

/// Rules of the policies here that allow, and by which nothing was ever allowed.
fn unused_rules(used: &BTreeSet<(String, u32)>) -> Result<Vec<Suggestion>, Failure> {
    let mut all = Vec::new();
    for file in used_here()? {
        let checked = check_one(&file)?;
        let Ok(document) = &checked.outcome else { continue };
        let unused = terms(document)
            .filter(|terms| terms.effect == Effect::Allow && !used.contains(&(checked.file.clone(), terms.spot.line)));
        all.extend(unused.map(|terms| Suggestion {
            direction: Direction::Tighten,
            what: format!("the rule at {}, line {}", checked.file, terms.spot.line),
            why: format!("it allows ({}), and nothing was allowed by it", neutral::short(&terms.because, 200)),
            toml: String::new(),
            changes: 0,
        }));
    }
    Ok(all)
}
