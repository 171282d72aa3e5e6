//! Command lines: judged as text, and run inside a boundary where the client takes another text than its own.

use std::path::Path;

use tollgate_hooks::{Call, Deed, Event, Rewritable};
use tollgate_policy::action::{Action, Exec, Form, Image};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::Grants;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_policy::shell::{From, Occasion, Stance};
use tollgate_policy::verdict::Effect;
use tollgate_wire::neutral;

use super::scene::Scene;
use super::weigh::{Way, Weighed, is_question, reviewed, said};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::{resolved, shown};

/// The shell that clients start.
const SHELL: &str = "/bin/bash";

/// Judges a command line.
pub(super) fn weigh(scene: &Scene, event: &Event, call: &Call) -> Result<(Vec<Weighed>, Way), Failure> {
    let Deed::Shell { text, cwd, rewritable, .. } = &call.deed else { return Ok((Vec::new(), Way::Bare)) };
    let cwd = folder(scene, cwd.as_deref())?;
    let action = Action::Exec(as_exec(text, &cwd));
    if is_wrapped(scene, text) {
        let verdict = said(Effect::Allow, "it runs inside a boundary already");
        return Ok((vec![Weighed { action, verdict, evidence: Vec::new() }], Way::AsItIs));
    }
    let contained = *rewritable == Rewritable::Yes && !is_question(event);
    let stance = if contained { Stance::Contained } else { Stance::Bare };
    let judged = scene.policy.judge_text(
        text,
        &Occasion {
            subject: &scene.subject,
            grants: &Grants::default(),
            now_ms: crate::time::now(),
            from: &From { cwd: Some(cwd.clone()), home: Some(scene.ground.home.clone()) },
            stance,
        },
    );
    let mut evidence = vec![Section::note("runs", runs(contained))];
    if let Some(span) = judged.span.filter(|span| span.start > 0 || span.end < text.len()) {
        evidence.push(Section::note("because of", neutral::short(span.of(text), 500)));
    }
    let verdict = reviewed(&scene.policy, judged.verdict);
    let way = if contained { Way::Contained(wrapped(scene, text)?) } else { Way::Bare };
    Ok((vec![Weighed { action, verdict, evidence }], way))
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

/// The same command line, inside. A directory that it begins by changing to is changed to outside, since clients that
/// keep the directory between calls look there; that does nothing else.
fn wrapped(scene: &Scene, text: &str) -> Result<String, Failure> {
    let (before, rest) = first_steps(text);
    let mut words = program()?;
    words.push("--workspace".to_owned());
    words.push(text_of(scene.ground.workspace.as_path())?);
    for profile in &scene.wanted.profiles {
        words.extend(["--profile".to_owned(), profile.clone()]);
    }
    for policy in &scene.wanted.policies {
        words.extend(["--policy".to_owned(), text_of(&absolute(policy)?)?]);
    }
    if scene.wanted.unattended {
        words.push("--ci".to_owned());
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

fn absolute(path: &Path) -> Result<std::path::PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| internal(format!("can't find {}", shown(path))).because(&e))
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
    // The text itself is the last word.
    words.last().is_some_and(|inner| {
        let again = wrapped(scene, inner);
        again.is_ok_and(|again| again == rest) && first_steps(inner).0.is_empty()
    })
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
