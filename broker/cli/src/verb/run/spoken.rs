//! The text of a shell's call, judged before anything starts: what a rule surely forbids is refused at once, with the place in
//! the text. All else runs contained, and is judged again at each exec.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use tollgate_ledger::record::{Event, Record, Recorder as _, Unwritten};
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::boundary::Enforced;
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::shell::{From, Judged, Occasion, Span, Stance};
use tollgate_policy::subject::Subject;
use tollgate_policy::verdict::{Effect, Reason};
use tollgate_wire::neutral;

use super::{Settled, ending, ground};
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::ui;

/// What an agent is told to do.
const NEXT: &str = "nothing of the command was started. This is policy, not a fault: don't retry it or look for another way to the \
     same effect; go on without it, or tell the person what you need and why (they can see the rule with `tollgate policy explain`)";

/// The judgement of the call's text, where it is a refusal.
pub(super) fn refused(settled: &Settled) -> Option<Judged> {
    let text = settled.call.as_ref()?.text.as_ref()?.to_str()?;
    let from = From { cwd: Some(settled.ground.cwd.clone()), home: Some(settled.ground.home.clone()) };
    let subject = Subject { run: settled.id.clone(), agent: settled.agent(), ..Subject::default() };
    let (grants, now_ms) = (Grants::default(), crate::time::now());
    let occasion = Occasion { subject: &subject, grants: &grants, now_ms, from: &from, stance: Stance::Contained };
    let judged = settled.policy.judge_text(text, &occasion);
    match judged.verdict.effect {
        Effect::Deny => Some(judged),
        // asked when it comes to it, at the gate: the real program and its words are known then
        Effect::Allow | Effect::Review | Effect::Ask => None,
    }
}

/// Says why, on the call's own stderr, once it is written down.
pub(super) fn refuse(settled: &Settled, judged: &Judged) -> Outcome {
    let text = settled.call.as_ref().and_then(|call| call.text.as_ref()?.to_str()).unwrap_or_default();
    let part = judged.span.map_or(text, |span| span.of(text));
    record(settled, judged, part).map_err(|unwritten| {
        Failure::of(Exit::Internal, &unwritten).hint("nothing was run, and that could not be written down")
    })?;
    ui::aside(block(judged, (text, part)));
    Ok(Exit::Refused)
}

fn block(judged: &Judged, (text, part): (&str, &str)) -> String {
    let Reason { because, file, line } = &judged.verdict.reason;
    let rule =
        if *line == 0 { neutral::short(file, 200) } else { format!("rule {}, line {line}", neutral::short(file, 200)) };
    let place = judged.span.filter(|_| part != text).map(|span| place(text, span)).unwrap_or_default();
    format!(
        "tollgate: refused to run {}{place}\n  why: {} ({rule})\n  next: {NEXT}",
        neutral::short_quoted(part, 200),
        neutral::short(because, 500),
    )
}

/// Where it stands, as people count: lines and characters from 1.
fn place(text: &str, span: Span) -> String {
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(", at line {line}, column {column} of the command")
}

/// The story of a run that never began: all of it on the disk before anybody is told.
fn record(settled: &Settled, judged: &Judged, part: &str) -> Result<(), Unwritten> {
    let writer =
        tollgate_ledger::Writer::open_with(settled.ground.state.as_path(), ground::redactor(&settled.command.env));
    writer.ready().map_err(|fault| Unwritten(ending::chain(&fault)))?;
    let argv = || settled.command.argv.iter().map(|word: &OsString| Raw::from(word.clone())).collect::<Vec<_>>();
    let cwd = settled.ground.cwd.clone();
    let exec = Exec {
        given: Raw(settled.command.program.as_os_str().as_bytes().to_vec()),
        image: Image {
            executable: AbsPath::new(settled.command.program.clone()).ok(),
            form: Form::Native,
            writable: false,
            sha256: None,
        },
        argv: argv(),
        cwd: cwd.clone(),
    };
    let told = |event| Record {
        at: crate::time::now(),
        mono: u64::try_from(settled.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        run: settled.id.clone(),
        lineage: Vec::new(),
        event,
    };
    let reason = format!("refused before it started: {}", neutral::short(part, 200));
    writer.group(told(Event::RunStarted(settled.record(&Enforced::default()))))?;
    writer.group(told(Event::ActionStarted { action: 1, argv: argv(), cwd, read_only: false }))?;
    let pid = std::process::id();
    writer.durable(told(Event::Denied {
        action: 1,
        pid,
        what: Action::Exec(exec),
        verdict: judged.verdict.clone(),
    }))?;
    writer.group(told(Event::RunEnded { status: i32::from(Exit::Refused.code()), waited: 0, reason }))?;
    writer.finish().map_err(|fault| Unwritten(ending::chain(&fault)))
}
