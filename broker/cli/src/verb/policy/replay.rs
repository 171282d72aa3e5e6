//! `tollgate policy replay`: which decisions of the ledger would be others now.

use std::collections::BTreeMap;

use serde_json::json;
use tollgate_ledger::Reader;
use tollgate_ledger::record::{Outcome as Ended, RunStarted};
use tollgate_policy::grant::Grants;
use tollgate_policy::subject::Subject;
use tollgate_policy::verdict::{Effect, Reason};
use tollgate_policy::{Policy, path::AbsPath};
use tollgate_report::{Filter, Past, Story, story};
use tollgate_wire::{card, neutral};

use crate::args::{self, Which};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places};
use crate::{shipped, time, ui};

/// Like changes, as one line.
#[derive(Debug)]
struct Change {
    before: Effect,
    after: Effect,
    what: String,
    reason: Reason,
    count: usize,
    /// How many were asked and approved.
    approved: usize,
    runs: Vec<String>,
}

/// Judges again.
pub(super) fn replay(args: &args::Replay) -> Outcome {
    let story = told(&args.which)?;
    let mut policies: BTreeMap<(AbsPath, Vec<String>), Policy> = BTreeMap::new();
    let mut changes: BTreeMap<(Effect, Effect, String), Change> = BTreeMap::new();
    let mut judged = 0_usize;
    for past in &story.past {
        let Some(started) = story.runs.get(&past.run) else { continue };
        let key = (started.workspace.clone(), started.profiles.clone());
        if !policies.contains_key(&key) {
            policies.insert(key.clone(), policy(args, started)?);
        }
        let Some(policy) = policies.get(&key) else { continue };
        judged += 1;
        let subject = Subject { run: past.run.clone(), ..Subject::default() };
        let now = policy.judge(&subject, &past.action, &Grants::default(), time::now());
        if now.effect != past.before.effect {
            note(&mut changes, past, (now.effect, now.reason));
        }
    }
    let mut changes: Vec<Change> = changes.into_values().collect();
    changes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
    show(&changes, judged, args.which.json.json)
}

/// What the ledger tells.
pub(super) fn told(which: &Which) -> Result<Story, Failure> {
    let since = which.since.as_deref().map(time::since).transpose()?;
    let ledger = Reader::open(&places()?.state).map_err(|fault| crate::verb::ledger::unread(&fault))?;
    story(&ledger, &Filter { since, run: which.run.clone() }).map_err(|fault| Failure::of(Exit::Failed, &fault))
}

/// The policy that a run there would have now.
fn policy(args: &args::Replay, started: &RunStarted) -> Result<Policy, Failure> {
    let home = Ground::anywhere(&places()?)?;
    let ground = Ground { workspace: started.workspace.clone(), cwd: started.cwd.clone(), ..home };
    let had = || started.profiles.iter().filter(|name| shipped::ready(name).is_some()).cloned().collect();
    let profiles = if args.profile.is_empty() { had() } else { args.profile.clone() };
    let wanted = Wanted { profiles, policies: args.policy.clone(), ..Wanted::default() };
    let place = ground.place(&std::env::temp_dir().join("tollgate-replay"))?;
    Layers::gather(&wanted, ground.workspace.as_path())?.assemble(&place)
}

fn note(changes: &mut BTreeMap<(Effect, Effect, String), Change>, past: &Past, (after, reason): (Effect, Reason)) {
    let (before, what) = (past.before.effect, card::what(&past.action));
    let change = changes.entry((before, after, what.clone())).or_insert_with(|| Change {
        before,
        after,
        what,
        reason,
        count: 0,
        approved: 0,
        runs: Vec::new(),
    });
    change.count += 1;
    change.approved += usize::from(past.decision.as_ref().is_some_and(|d| d.outcome == Ended::Allowed));
    if !change.runs.contains(&past.run) {
        change.runs.push(past.run.clone());
    }
}

fn show(changes: &[Change], judged: usize, json: bool) -> Outcome {
    let of = |tighter: bool| changes.iter().filter(move |c| (c.after > c.before) == tighter).map(|c| c.count).sum();
    let (stricter, looser): (usize, usize) = (of(true), of(false));
    if json {
        let one = |it: &Change| {
            json!({
                "before": it.before, "after": it.after, "what": it.what, "reason": it.reason, "count": it.count,
                "approved": it.approved, "runs": it.runs,
            })
        };
        let all: Vec<_> = changes.iter().map(one).collect();
        let whole = json!({
            "decisions": judged, "changed": stricter + looser, "stricter": stricter, "looser": looser, "changes": all,
        });
        return ui::json(&whole);
    }
    for Change { before, after, what, reason, count, .. } in changes {
        let (file, because) = (neutral::short(&reason.file, 200), neutral::short(&reason.because, 200));
        let line = if reason.line == 0 { String::new() } else { format!(":{}", reason.line) };
        ui::data(format!("{before} -> {after}  {count} x  {what}\n    {because} ({file}{line})\n"))?;
    }
    ui::data(format!("{judged} decisions: {stricter} would be stricter, {looser} looser\n"))
}
