//! `tollgate report`: the numbers of the ledger.

use tollgate_ledger::Reader;
use tollgate_report::{Filter, over, render};

use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::{place, time, ui};

/// Prints the report.
pub(crate) fn report(args: &args::Report) -> Outcome {
    let since = args.since.as_deref().map(time::since).transpose()?;
    let ledger = Reader::open(&place::places()?.state).map_err(|fault| super::ledger::unread(&fault))?;
    let report =
        over(&ledger, Filter { since, run: args.run.clone() }).map_err(|fault| Failure::of(Exit::Failed, &fault))?;
    if args.json.json { ui::json(&report.to_json()) } else { ui::data(render(&report)) }
}
