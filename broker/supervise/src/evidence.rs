//! Facts for a question, collected here and now: never the agent's own words.

use std::os::unix::fs::MetadataExt as _;

use tollgate_policy::action::{Action, Exec, Form};

/// What a person needs to see of an action.
pub(crate) fn of(action: &Action) -> Vec<(String, String)> {
    match action {
        Action::Exec(exec) => of_exec(exec),
        Action::Connect(_) => vec![("opens".into(), "this one connection".into())],
        Action::Path(_) | Action::Call(_) | Action::Tool(_) => Vec::new(),
    }
}

fn of_exec(exec: &Exec) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |label: &str, text: String| facts.push((label.to_owned(), text));
    match &exec.image.executable {
        Some(path) => fact("executable", format!("{path:?}")),
        None => fact("executable", "none: an image without a name".into()),
    }
    if let Some(meta) = exec
        .image
        .executable
        .as_ref()
        .and_then(|path| std::fs::metadata(path.as_path()).ok())
    {
        fact(
            "owner",
            format!(
                "uid {}, gid {}, mode {:o}",
                meta.uid(),
                meta.gid(),
                meta.mode() & 0o7777
            ),
        );
    }
    if let Some(digest) = &exec.image.sha256 {
        fact("sha256", digest.clone());
    }
    match &exec.image.form {
        Form::Native => {}
        Form::Script {
            script: Some(script),
        } => fact("script", format!("{script:?}")),
        Form::Script { script: None } => fact("script", "without a name".into()),
        Form::Loader { loader } => fact("loader", format!("{loader:?}")),
    }
    if exec.image.writable {
        fact(
            "changeable",
            "the program can be changed from inside the sandbox".into(),
        );
    }
    fact("directory", format!("{:?}", exec.cwd));
    fact("opens", "this command, inside the same boundary".into());
    facts
}
