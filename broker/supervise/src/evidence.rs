//! Facts for a question that the gate has at hand: never the agent's own words. What takes longer is collected by others.

use std::os::unix::fs::MetadataExt as _;

use crate::hold::Held;
use tollgate_policy::action::{Action, Exec, Form, PathAccess};
use tollgate_policy::evidence::{Executable, File, Opens, Section};

/// What a person needs to see of a call that waits.
pub(crate) fn of(held: &Held) -> Vec<Section> {
    let mut facts = of_action(&held.what);
    if let Some(outside) = held.outside() {
        facts.retain(|fact| !matches!(fact, Section::Opens(_)));
        facts.extend(outside.facts.iter().map(|(label, text)| Section::note(label, text.clone())));
    }
    facts
}

pub(crate) fn of_action(action: &Action) -> Vec<Section> {
    match action {
        Action::Exec(exec) => of_exec(exec),
        Action::Connect(_) => vec![opens("this one connection")],
        Action::Path(path) => of_path(path),
        Action::Call(_) | Action::Tool(_) => Vec::new(),
    }
}

fn opens(what: &str) -> Section {
    Section::Opens(Opens { what: what.to_owned(), ..Opens::default() })
}

/// What stands at a path now; what is to be written there isn't known before it is.
fn of_path(access: &PathAccess) -> Vec<Section> {
    let path = access.path.as_path();
    let file = File { path: path.to_string_lossy().into_owned(), now: standing(path), ..File::default() };
    vec![Section::File(file), opens("writing to this one path")]
}

/// Says what the call would do to the path.
pub(crate) fn says(facts: &mut [Section], would: &str) {
    for fact in facts {
        if let Section::File(file) = fact {
            would.clone_into(&mut file.would);
        }
    }
}

/// What stands at a path, in words.
pub(crate) fn standing(path: &std::path::Path) -> String {
    match std::fs::symlink_metadata(path) {
        Err(_) => "nothing: it would be created".to_owned(),
        Ok(meta) => {
            let kind = match meta.file_type() {
                kind if kind.is_dir() => "a directory",
                kind if kind.is_symlink() => "a symlink",
                kind if kind.is_file() => "a file",
                _ => "a device, pipe or socket",
            };
            let (owner, mode, size) = (meta.uid(), meta.mode() & 0o7777, meta.len());
            let changed = meta.modified().map_or_else(|_| String::new(), |at| format!(", changed {}", moment(at)));
            format!("{kind}, {size} bytes{changed}, uid {owner}, mode {mode:o}")
        }
    }
}

/// Seconds since 1970: the same each time it is looked at.
fn moment(at: std::time::SystemTime) -> String {
    at.duration_since(std::time::UNIX_EPOCH).map_or_else(|_| "before 1970".to_owned(), |d| format!("@{}", d.as_secs()))
}

fn of_exec(exec: &Exec) -> Vec<Section> {
    let shown = |path: &tollgate_policy::path::AbsPath| path.as_path().to_string_lossy().into_owned();
    let mut it = Executable {
        path: exec.image.executable.as_ref().map(shown).unwrap_or_default(),
        sha256: exec.image.sha256.clone().unwrap_or_default(),
        changeable: exec.image.writable,
        ..Executable::default()
    };
    if let Some(meta) = exec.image.executable.as_ref().and_then(|path| std::fs::metadata(path.as_path()).ok()) {
        (it.uid, it.gid, it.mode) = (meta.uid(), meta.gid(), meta.mode() & 0o7777);
    }
    match &exec.image.form {
        Form::Native => {}
        Form::Script { script: Some(script) } => it.script = shown(script),
        Form::Script { script: None } => it.script = "(without a name)".into(),
        Form::Loader { loader } => it.loader = shown(loader),
    }
    vec![Section::Executable(it), opens("this command, inside the same boundary")]
}
