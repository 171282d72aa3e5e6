//! `tollgate policy check --shell-lines`: what the text alone of command lines gets, in a place that is the same everywhere.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::json;
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::shell::{From, Judged, Occasion, Span, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_policy::{Layer, Place, Policy, Subject};
use tollgate_wire::neutral;

use crate::args::Json;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{self, source};
use crate::place::shown;
use crate::{shipped, ui};

/// The profile where no policy is named.
const PROFILE: &str = "listed";
/// Bytes of one line beyond which it is not looked at: far more than any text that is read.
const LINE: u64 = 1 << 20;

/// A command line; other keys are somebody else's.
#[derive(Debug, Deserialize)]
struct Line {
    id: serde_json::Value,
    command: String,
}

/// Judges each line.
pub(super) fn judge(path: &Path, policies: &[PathBuf], json: Json) -> Outcome {
    let place = place()?;
    let policy = policy(policies, &place)?;
    let from = From { cwd: Some(place.workspace.clone()), home: Some(place.home.clone()) };
    let (subject, grants) = (Subject::default(), Grants::default());
    let occasion = Occasion { subject: &subject, grants: &grants, now_ms: 0, from: &from, stance: Stance::Bare };
    let mut lines = open(path)?;
    for number in 1_usize.. {
        let Some(line) = next(&mut lines, path, number)? else { break };
        if line.trim().is_empty() {
            continue;
        }
        let answer = match serde_json::from_str::<Line>(&line) {
            Ok(line) => answer(&line, &policy.judge_text(&line.command, &occasion)),
            // No answer would be read as a yes.
            Err(fault) => json!({
                "id": serde_json::Value::Null, "verdict": Effect::Ask, "opaque": true,
                "reason": format!("line {number} is no `{{\"id\", \"command\"}}`: {fault}"),
            }),
        };
        if json.json {
            ui::data(format!("{answer}\n"))?;
        } else {
            let text = |key: &str| {
                answer
                    .get(key)
                    .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                    .unwrap_or_default()
            };
            ui::data(format!(
                "{}: {}: {}\n",
                neutral::short(&text("id"), 60),
                text("verdict"),
                neutral::short(&text("reason"), 300)
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn answer(line: &Line, judged: &Judged) -> serde_json::Value {
    let reason = &judged.verdict.reason;
    let rule = if reason.line == 0 { String::new() } else { format!(" ({}, line {})", reason.file, reason.line) };
    let span = judged.span.filter(|span| span.end > span.start);
    json!({
        "id": line.id,
        "verdict": judged.verdict.effect,
        "opaque": judged.is_opaque(),
        "reason": format!("{}{rule}", reason.because),
        "span": span.map(|Span { start, end }| [start, end]),
    })
}

/// A place that hangs on nothing of this machine.
fn place() -> Result<Place, Failure> {
    let at = |path: &str| AbsPath::new(path).map_err(|e| Failure::of(Exit::Internal, &e));
    Ok(Place {
        home: at("/home/user")?,
        workspace: at("/home/user/workspace")?,
        temp: at("/tmp/tollgate")?,
        state: at("/home/user/.local/state/tollgate")?,
        variables: BTreeMap::new(),
    })
}

fn policy(policies: &[PathBuf], place: &Place) -> Result<Policy, Failure> {
    let missing = || Failure::new(Exit::Internal, format!("the profile `{PROFILE}` is missing"));
    let mut layers = Vec::new();
    let mut texts = Vec::new();
    if policies.is_empty() {
        layers.push((Layer::BuiltIn, shipped::lookup(PROFILE).ok_or_else(missing)?));
    } else {
        // The table of wrappers is no policy: without it fewer would be seen through.
        layers.push((Layer::BuiltIn, shipped::lookup("programs").ok_or_else(missing)?));
    }
    for path in policies {
        let text = layers::read(path).map_err(|unread| unread.failure(path))?;
        let file = shown(path);
        texts.push((file.clone(), text.clone()));
        let document = tollgate_policy::parse(&file, &text).map_err(|faults| invalid(&faults, &texts))?;
        layers.push((Layer::Person, document));
    }
    Policy::assemble(layers, &shipped::lookup, place).map_err(|faults| invalid(&faults, &texts))
}

fn invalid(faults: &tollgate_policy::Faults, texts: &[(String, String)]) -> Failure {
    Failure::new(Exit::Policy, ui::faults(faults, &|name| source(name, texts)).trim_end())
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file =
        File::open(path).map_err(|e| Failure::new(Exit::Failed, format!("can't read {}", shown(path))).because(&e))?;
    Ok(Box::new(BufReader::new(file)))
}

/// The next line; none at the end.
fn next(lines: &mut impl BufRead, path: &Path, number: usize) -> Result<Option<String>, Failure> {
    let unread =
        |e: io::Error| Failure::new(Exit::Failed, format!("can't read line {number} of {}", shown(path))).because(&e);
    let mut bytes = Vec::new();
    let read = lines.by_ref().take(LINE).read_until(b'\n', &mut bytes).map_err(unread)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.len() as u64 == LINE {
        return Err(Failure::new(
            Exit::Failed,
            format!("line {number} of {} is longer than {LINE} bytes", shown(path)),
        ));
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}
