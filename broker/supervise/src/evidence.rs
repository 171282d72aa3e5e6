//! Facts for a question, collected here and now: never the agent's own words.

use std::os::unix::fs::MetadataExt as _;

use crate::hold::Held;
use tollgate_policy::action::{Action, Exec, Form, PathAccess};

/// What a person needs to see of a call that waits.
pub(crate) fn of(held: &Held) -> Vec<(String, String)> {
    let mut facts = of_action(&held.what);
    if let Some(outside) = held.outside() {
        facts.retain(|(label, _)| label != "opens");
        facts.extend(outside.facts.iter().cloned());
    }
    facts
}

fn of_action(action: &Action) -> Vec<(String, String)> {
    match action {
        Action::Exec(exec) => of_exec(exec),
        Action::Connect(_) => vec![("opens".into(), "this one connection".into())],
        Action::Path(path) => of_path(path),
        Action::Call(_) | Action::Tool(_) => Vec::new(),
    }
}

/// What stands at a path now; what is to be written there isn't known before it is.
fn of_path(access: &PathAccess) -> Vec<(String, String)> {
    let path = access.path.as_path();
    let now = match std::fs::symlink_metadata(path) {
        Err(_) => "nothing: it would be created".to_owned(),
        Ok(meta) => {
            let kind = match meta.file_type() {
                kind if kind.is_dir() => "a directory",
                kind if kind.is_symlink() => "a symlink",
                kind if kind.is_file() => "a file",
                _ => "a device, pipe or socket",
            };
            let age = meta.modified().ok().and_then(|at| at.elapsed().ok()).map_or(0, |age| age.as_secs());
            let (owner, mode, size) = (meta.uid(), meta.mode() & 0o7777, meta.len());
            format!("{kind}, {size} bytes, changed {age} seconds ago, uid {owner}, mode {mode:o}")
        }
    };
    vec![("there now".into(), now), ("opens".into(), "writing to this one path".into())]
}

fn of_exec(exec: &Exec) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |label: &str, text: String| facts.push((label.to_owned(), text));
    match &exec.image.executable {
        Some(path) => fact("executable", format!("{path:?}")),
        None => fact("executable", "none: an image without a name".into()),
    }
    if let Some(meta) = exec.image.executable.as_ref().and_then(|path| std::fs::metadata(path.as_path()).ok()) {
        fact("owner", format!("uid {}, gid {}, mode {:o}", meta.uid(), meta.gid(), meta.mode() & 0o7777));
    }
    if let Some(digest) = &exec.image.sha256 {
        let of = if matches!(exec.image.form, Form::Script { .. }) { "script's sha256" } else { "sha256" };
        fact(of, digest.clone());
    }
    match &exec.image.form {
        Form::Native => {}
        Form::Script { script: Some(script) } => fact("script", format!("{script:?}")),
        Form::Script { script: None } => fact("script", "without a name".into()),
        Form::Loader { loader } => fact("loader", format!("{loader:?}")),
    }
    if exec.image.writable {
        fact("changeable", "the program can be changed from inside the sandbox".into());
    }
    fact("directory", format!("{:?}", exec.cwd));
    fact("opens", "this command, inside the same boundary".into());
    facts
}
