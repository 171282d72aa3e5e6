//! Command lines: judged as text, and run inside a boundary where the client takes another text than its own.

use std::path::Path;

use tollgate_hooks::{Call, Deed, Event, Rewritable};
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::shell::{Asking, From, Judged, Occasion, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_wire::neutral;

use super::foreseen::exec as foresee;
use super::scene::Scene;
use super::weigh::{Way, Weighed, is_question, reviewed, said};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::{resolved, shown};
use crate::verb::handed::is_name;

/// The shell that clients start.
const SHELL: &str = "/bin/bash";

/// Longest command line, in bytes and quoted twice (here, and by a client that hands it to a shell of its own): one argument
/// may have 131,072 (execve(2)), and more than the line is in it.
const LONGEST: usize = 120 << 10;

/// Judges a command line.
pub(super) fn weigh(scene: &Scene, event: &Event, call: &Call) -> Result<(Vec<Weighed>, Way), Failure> {
    let Deed::Shell { text, cwd, rewritable, .. } = &call.deed else { return Ok((Vec::new(), Way::Bare)) };
    let cwd = folder(scene, cwd.as_deref())?;
    let action = Action::Exec(as_exec(text, &cwd));
    if quoted_twice(text) > LONGEST {
        let because = "a shell can't be started with so long a text: write it to a file, and run that";
        return Ok((vec![Weighed { action, verdict: said(Effect::Deny, because), evidence: Vec::new() }], Way::Bare));
    }
    if is_wrapped(scene, text) {
        let verdict = said(Effect::Allow, "it runs inside a boundary already");
        return Ok((vec![Weighed { action, verdict, evidence: Vec::new() }], Way::AsItIs));
    }
    let rewritten = *rewritable == Rewritable::Yes && !is_question(event);
    let contained = if rewritten { Some(judge(scene, (text, &cwd), Stance::Contained)) } else { None };
    // The client's own prompt knows no boundary: after its yes the text runs as it is.
    let contained = contained.filter(|judged| !(scene.hand_over && asks(judged)));
    if let Some(judged) = contained.as_ref().filter(|judged| asks(judged)) {
        return Ok((foreseen(scene, text, judged, action), Way::Contained(text.clone())));
    }
    let is_contained = contained.is_some();
    let judged = contained.unwrap_or_else(|| judge(scene, (text, &cwd), Stance::Bare));
    let mut evidence = vec![Section::note("runs", runs(is_contained))];
    if let Some(span) = judged.span.filter(|span| span.start > 0 || span.end < text.len()) {
        evidence.push(Section::note("because of", neutral::short(span.of(text), 500)));
    }
    let verdict = reviewed(&scene.policy, judged.verdict);
    let way = if is_contained { Way::Contained(text.clone()) } else { Way::Bare };
    Ok((vec![Weighed { action, verdict, evidence }], way))
}

/// How long a text is at most when it was quoted twice: a quote becomes four bytes, three of them quotes.
fn quoted_twice(text: &str) -> usize {
    text.len() + 12 * text.bytes().filter(|byte| *byte == b'\'').count()
}

fn judge(scene: &Scene, (text, cwd): (&str, &AbsPath), stance: Stance) -> Judged {
    let from = From { cwd: Some(cwd.clone()), home: Some(scene.ground.home.clone()) };
    let (grants, now_ms) = (Grants::default(), crate::time::now());
    scene.policy.judge_text(text, &Occasion { subject: &scene.subject, grants: &grants, now_ms, from: &from, stance })
}

/// Whether a rule asks, and none forbids.
fn asks(judged: &Judged) -> bool {
    matches!(judged.verdict.effect, Effect::Review | Effect::Ask)
}

/// The commands that can be asked about before they are started; what can't be foreseen so exactly that an answer would
/// hold for it is asked about by the gate, once.
fn foreseen(scene: &Scene, text: &str, judged: &Judged, whole: Action) -> Vec<Weighed> {
    let one = |asking: &Asking| {
        let exec = foresee(asking)?;
        let verdict = reviewed(&scene.policy, asking.verdict.clone());
        let whole = Section::note("part of", neutral::short(text, 4000));
        let runs = match &verdict.profile {
            Some(profile) => format!("outside of its boundary, in that of the profile `{profile}`"),
            None => runs(true).to_owned(),
        };
        Some(Weighed { action: Action::Exec(exec), verdict, evidence: vec![Section::note("runs", runs), whole] })
    };
    let mut all: Vec<Weighed> = judged.asking.iter().filter_map(one).collect();
    if all.is_empty() {
        let verdict = said(Effect::Allow, "inside a boundary its gate asks when it comes to it");
        all.push(Weighed { action: whole, verdict, evidence: Vec::new() });
    }
    all
}

const fn runs(contained: bool) -> &'static str {
    if contained { "inside a boundary; its gate judges each program again" } else { "outside any boundary" }
}

/// Where the call would run.
fn folder(scene: &Scene, named: Option<&str>) -> Result<AbsPath, Failure> {
    match named.filter(|named| !named.is_empty()) {
        None => Ok(scene.ground.cwd.clone()),
        Some(named) => resolved(&scene.ground.cwd.as_path().join(named)),
    }
}

/// What the client would start.
fn as_exec(text: &str, cwd: &AbsPath) -> Exec {
    let real = Path::new(SHELL).canonicalize().ok().and_then(|real| AbsPath::new(real).ok());
    Exec {
        given: Raw::from(SHELL),
        image: Image { executable: real, form: Form::Native, writable: false, sha256: None },
        argv: ["bash", "-c", text].map(Raw::from).to_vec(),
        cwd: cwd.clone(),
    }
}

/// The same command line, inside; with the name of what was approved for it. A directory that it begins by changing to
/// is changed to outside, since clients that keep the directory between calls look there; that does nothing else.
pub(super) fn wrapped(scene: &Scene, text: &str, handed: Option<&str>) -> Result<String, Failure> {
    let (before, rest) = first_steps(text);
    let mut words = program()?;
    words.push("--workspace".to_owned());
    words.push(text_of(scene.ground.workspace.as_path())?);
    for profile in &scene.wanted.profiles {
        words.extend(["--profile".to_owned(), profile.clone()]);
    }
    for policy in &scene.wanted.policies {
        words.extend(["--policy".to_owned(), text_of(policy)?]);
    }
    if scene.wanted.unattended {
        words.push("--ci".to_owned());
    }
    if let Some(handed) = handed {
        words.extend(["--handed".to_owned(), handed.to_owned()]);
    }
    words.extend(["-c".to_owned(), rest.to_owned()]);
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    Ok(format!("{before}{}", words.join(" ")))
}

/// `tollgate shell`, by the file that this process runs.
fn program() -> Result<Vec<String>, Failure> {
    let own = std::env::current_exe().map_err(|e| internal("this program can't be found").because(&e))?;
    Ok(vec![text_of(&own)?, "shell".to_owned()])
}

fn text_of(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| internal(format!("the path {} is not UTF-8", shown(path))))
}

fn internal(text: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, text)
}

/// One word for a shell, in single quotes: nothing in it means anything.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Whether a text is what this hook makes of another: then it was judged before.
fn is_wrapped(scene: &Scene, text: &str) -> bool {
    let (_, rest) = first_steps(text);
    let Some(words) = shlex::split(rest) else { return false };
    let handed = words.iter().position(|word| word == "--handed").and_then(|at| words.get(at + 1));
    let handed = handed.filter(|name| is_name(name)).map(String::as_str);
    // The text itself is the last word.
    words.last().is_some_and(|inner| {
        let again = wrapped(scene, inner, handed);
        again.is_ok_and(|again| again == rest) && first_steps(inner).0.is_empty()
    })
}

/// What of a text runs inside.
pub(super) fn within(text: &str) -> &str {
    first_steps(text).1
}

/// `cd DIR && ` as often as a text begins with it, where DIR is a plain word; and the rest.
fn first_steps(text: &str) -> (&str, &str) {
    let mut at = 0;
    while let Some(step) = text.get(at..).and_then(step) {
        at += step;
    }
    text.split_at(at)
}

/// Bytes of one such step. What follows has to be a command: `cd a && cd b` is one step and a rest.
fn step(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("cd ")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%=:,".contains(c);
    let end = rest.find(|c| !plain(c))?;
    let (folder, rest) = rest.split_at(end);
    let behind = rest.strip_prefix(" && ")?;
    let named = !folder.is_empty() && !folder.starts_with('-');
    (named && !behind.trim().is_empty()).then_some(text.len() - behind.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_steps_are_plain() {
        let table = [
            ("cd sub && make", "cd sub && "),
            ("cd a && cd ../b && make && cd c", "cd a && cd ../b && "),
            ("cd sub", ""),
            ("cd sub && ", ""),
            ("cd - && make", ""),
            ("cd $(x) && make", ""),
            ("cd a b && make", ""),
            ("cd 'a b' && make", ""),
            ("cd ~ && make", ""),
            ("cd sub&& make", ""),
            ("cd sub &&\nmake", ""),
            ("make", ""),
        ];
        for (text, before) in table {
            assert_eq!(first_steps(text), (before, text.strip_prefix(before).unwrap_or_default()), "{text}");
        }
    }

    #[test]
    fn quoting_leaves_one_word() {
        for word in ["", "a", "a b", "it's", "''", "$(x)`y`\\", "\n", "-c"] {
            assert_eq!(shlex::split(&quoted(word)), Some(vec![word.to_owned()]), "{word}");
        }
    }
}
