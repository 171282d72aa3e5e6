//! What a change of a project's policy means that somebody inside would make, for who is asked about it.

use std::path::Path;

use tollgate_ledger::record::RunStarted;
use tollgate_report::{differ, meaning};

use super::replay;
use crate::failure::Failure;
use crate::layers::{PROJECT, Trusting, Wanted};
use crate::{args, time};

/// How far back decisions are looked at again.
const SINCE: &str = "30d";

/// Says what the second text means where there is the first: as it would count at once, and once a person trusts it.
pub(crate) fn means(path: &Path, texts: [&str; 2]) -> Result<[Vec<String>; 2], String> {
    worked_out(path, texts).map_err(|failure| failure.text)
}

fn worked_out(path: &Path, [before, after]: [&str; 2]) -> Result<[Vec<String>; 2], Failure> {
    let which = args::Which { since: Some(SINCE.to_owned()), run: None, json: args::Json { json: false } };
    let mut story = replay::told(&which)?;
    story.runs.retain(|_, started| started.workspace.as_path().join(PROJECT) == path);
    let made = |started: &RunStarted, text: &str, trust: Trusting| {
        let text = if text.trim().is_empty() { "version = 1\n" } else { text };
        let wanted = Wanted { trust, instead: Some((path.to_owned(), text.to_owned())), ..Wanted::default() };
        replay::layers(wanted, started).and_then(|(layers, place)| layers.assemble(&place))
    };
    let then = |started: &RunStarted| made(started, before, Trusting::AsSaid);
    let now = |started: &RunStarted| made(started, after, Trusting::AsSaid);
    let trusted = |started: &RunStarted| made(started, after, Trusting::If(path.to_owned()));
    let (changes, judged) = differ(&story, (Some(&then), &now), time::now())?;
    let mut flips = meaning::flips(&changes, judged);
    let (once, judged) = differ(&story, (Some(&then), &trusted), time::now())?;
    if once != changes {
        flips.push("once a person trusts it (`tollgate policy trust`):".to_owned());
        flips.extend(meaning::flips(&once, judged));
    }
    Ok([meaning::difference(before, after), flips])
}
