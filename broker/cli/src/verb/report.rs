//! `tollgate report`: the numbers of the ledger.

use std::error::Error;
use std::path::Path;

use tollgate_ledger::Reader;
use tollgate_report::{Filter, Report, over, prometheus, render};
use tollgate_wire::neutral;

use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::place::shown;
use crate::{place, time, ui, whole};

/// Prints the report.
pub(crate) fn report(args: &args::Report) -> Outcome {
    let since = args.since.as_deref().map(time::since).transpose()?;
    let ledger = Reader::open(&place::places()?.state).map_err(|fault| super::ledger::unread(&fault))?;
    let report =
        over(&ledger, Filter { since, run: args.run.clone() }).map_err(|fault| Failure::of(Exit::Failed, &fault))?;
    if let Some(file) = &args.html {
        return write(&report, args, file);
    }
    match (args.json.json, args.prometheus) {
        (true, _) => ui::json(&report.to_json()),
        (_, true) => ui::data(prometheus(&report)),
        _ => ui::data(render(&report)),
    }
}

/// The page, as a file.
fn write(report: &Report, args: &args::Report, file: &Path) -> Outcome {
    let failed = |e: &dyn Error| Failure::new(Exit::Failed, format!("can't write {}", shown(file))).because(e);
    let run = args.run.as_ref().map_or_else(|| "All runs".to_owned(), |run| format!("Run {}", neutral::short(run, 80)));
    let since = args.since.as_ref().map_or_else(String::new, |since| format!(" since {}", neutral::short(since, 80)));
    let of = format!("{run}{since}, as of {}.", time::shown(time::now()));
    let page = tollgate_web::paper(&report.to_json(), &of).map_err(|e| failed(&e))?;
    whole::replace(file, page.as_bytes(), 0o644).map_err(|e| failed(&e))?;
    Ok(Exit::Done)
}
