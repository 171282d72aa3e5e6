//! `tollgate policy replay`: which decisions of the ledger would be others now.

use tollgate_ledger::Reader;
use tollgate_ledger::record::RunStarted;
use tollgate_policy::Place;
use tollgate_report::{Change, Filter, Story, differ, meaning, story};
use tollgate_wire::neutral;

use crate::args::{self, Which};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{Layers, Wanted};
use crate::place::{Ground, places};
use crate::{shipped, time, ui};

/// Judges again.
pub(super) fn replay(args: &args::Replay) -> Outcome {
    let story = told(&args.which)?;
    let wanted = || Wanted { profiles: args.profile.clone(), policies: args.policy.clone(), ..Wanted::default() };
    let now = |started: &RunStarted| layers(wanted(), started).and_then(|(layers, place)| layers.assemble(&place));
    let (changes, judged) = differ(&story, (None, &now), time::now())?;
    show(&changes, judged, args.which.json.json)
}

/// What the ledger tells.
pub(super) fn told(which: &Which) -> Result<Story, Failure> {
    let since = which.since.as_deref().map(time::since).transpose()?;
    let ledger = Reader::open(&places()?.state).map_err(|fault| crate::verb::ledger::unread(&fault))?;
    story(&ledger, &Filter { since, run: which.run.clone() }).map_err(|fault| Failure::of(Exit::Failed, &fault))
}

/// All that the ledger tells.
pub(crate) fn all() -> Result<Story, Failure> {
    let which = Which { since: None, run: None, json: args::Json { json: false } };
    told(&which)
}

/// What would count for such a run now, besides what is wanted.
pub(crate) fn layers(mut wanted: Wanted, started: &RunStarted) -> Result<(Layers, Place), Failure> {
    let home = Ground::anywhere(&places()?)?;
    let ground = Ground { workspace: started.workspace.clone(), cwd: started.cwd.clone(), ..home };
    if wanted.profiles.is_empty() {
        wanted.profiles = started.profiles.iter().filter(|name| shipped::ready(name).is_some()).cloned().collect();
    }
    let place = ground.place(&std::env::temp_dir().join("tollgate-replay"))?;
    Ok((Layers::gather(&wanted, ground.workspace.as_path())?, place))
}

fn show(changes: &[Change], judged: usize, json: bool) -> Outcome {
    if json {
        return ui::json(&meaning::as_json(changes, judged));
    }
    for Change { before, after, what, reason, count, .. } in changes {
        let (file, because) = (neutral::short(&reason.file, 200), neutral::short(&reason.because, 200));
        let line = if reason.line == 0 { String::new() } else { format!(":{}", reason.line) };
        ui::data(format!("{before} -> {after}  {count} x  {what}\n    {because} ({file}{line})\n"))?;
    }
    let (stricter, looser) = meaning::sums(changes);
    ui::data(format!("{judged} decisions: {stricter} would be stricter, {looser} looser\n"))
}
