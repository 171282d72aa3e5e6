//! What is said when a run begins or is over, and the exit code that it leaves with.

use std::error::Error;

use nix::errno::Errno;
use tollgate_launch::Command;
use tollgate_ledger::Fault;
use tollgate_ledger::record::Unwritten;
use tollgate_policy::boundary::{Enforced, Gap};
use tollgate_supervise::{Ending, GateError};
use tollgate_sys::news::News;
use tollgate_sys::wait::Change;

use crate::exit::Exit;
use crate::failure::{self, Failure, Outcome};
use crate::place::shown;
use crate::ui;

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    failure::chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Says what holds (`--verbose`).
pub(crate) fn holds(run: &str, enforced: &Enforced) {
    ui::note(format!("run {run}: landlock ABI {}, {} features hold", enforced.landlock_abi, enforced.held.len()));
    for gap in &enforced.gaps {
        ui::aside(format!("  gap: {}: {}", feature(gap), gap.detail));
        if !gap.hint.is_empty() {
            ui::aside(format!("  hint: {}", gap.hint));
        }
    }
}

/// The failure for what is required and doesn't hold.
pub(crate) fn lacking(gaps: &[Gap]) -> Failure {
    let names: Vec<String> = gaps.iter().map(feature).collect();
    let failure =
        Failure::new(Exit::Boundary, format!("the boundary can't be enforced as required: {}", names.join(", ")));
    let detail = gaps.iter().map(|gap| format!("  {}: {}\n", feature(gap), gap.detail)).collect::<Vec<_>>().concat();
    let hints: Vec<&str> = gaps.iter().map(|gap| gap.hint.as_str()).filter(|hint| !hint.is_empty()).collect();
    failure.hint(hints.join("; ")).detail(detail)
}

fn feature(gap: &Gap) -> String {
    serde_json::to_value(gap.feature).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A ledger that could not take the run's last records is a failure of the run, whatever became of the command.
pub(crate) fn with_last_words(
    ending: Result<Ending, GateError>,
    finished: Result<(), Fault>,
) -> Result<Ending, GateError> {
    let mut ending = ending?;
    if let (None, Err(fault)) = (&ending.unwritten, finished) {
        ending.unwritten = Some(Unwritten(chain(&fault)));
    }
    Ok(ending)
}

/// Sums up, and gives the exit code.
pub(crate) fn conclude(run: &str, command: &Command, ending: &Ending, verbose: bool) -> Outcome {
    if let Some(unwritten) = &ending.unwritten {
        return Err(Failure::new(Exit::Internal, unwritten).hint("nothing goes on that can't be written down"));
    }
    for refusal in &ending.untold {
        ui::aside(refusal.trim_end());
    }
    if verbose || ending.refusals > 0 || ending.questions > 0 {
        ui::note(format!(
            "run {run}: {}, {}; see `tollgate ledger list --run {run}`",
            count(ending.refusals, "refusal"),
            count(ending.questions, "question"),
        ));
    }
    for limit in &ending.limits {
        ui::aside(format!("  limit: {limit}"));
    }
    if let Some(limit) = &ending.stopped {
        ui::note(format!("run {run} was stopped: {limit}"));
        return Ok(Exit::Stopped);
    }
    if ending.refused.is_some() {
        // The reason was told on the command's own stderr.
        return Ok(Exit::Refused);
    }
    let program = shown(&command.program);
    match ending.news {
        Some(News::Failed(errno)) => {
            Err(Failure::new(Exit::Refused, format!("command {program} can't be run")).because(&Errno::from_raw(errno)))
        }
        Some(news) => Exit::of(news).ok_or_else(|| lost(&program, ending.guard)),
        None => Err(lost(&program, ending.guard)),
    }
}

fn lost(program: &str, guard: Option<Change>) -> Failure {
    let how = match guard {
        Some(Change::Signalled(signal)) => format!(": signal {signal} ended its guard"),
        Some(Change::Exited(code)) => format!(": its guard left with {code}"),
        _ => String::new(),
    };
    Failure::new(Exit::Internal, format!("the end of command {program} was not seen{how}"))
        .hint("everything that the run started was stopped")
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
