//! Facts for a question that the gate has at hand: never the agent's own words. What takes longer is collected by others.

use std::os::unix::fs::MetadataExt as _;

use tollgate_hands::{Crossing, End, Stake, Stands};
use tollgate_policy::action::{Action, Exec, Form, PathAccess};
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::evidence::{Diff, Executable, File, Opens, Section};

use crate::hold::Held;

/// What a yes to a write opens. One that lasts is not held to the content that was shown: it is other content each time.
pub(crate) const WRITING: &str = "writing to this one path: what is shown, where it is for once; whatever is written there, where it is for longer or not shown";

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
    vec![Section::File(file), opens(WRITING)]
}

/// Says what the call would do to the path. But for an opening, whatever is written then, that is also what a yes opens:
/// who may change its times for the rest of the run may not remove it.
pub(crate) fn says(facts: &mut [Section], crossing: &Crossing) {
    let would = crossing.words();
    for fact in facts {
        if let Section::File(file) = fact {
            file.would.clone_from(&would);
        } else if let Section::Opens(opens) = fact
            && !crossing.opens()
        {
            opens.what = format!("at this one path: {would}");
        }
    }
}

/// What would be lost, and what comes in its place.
pub(crate) fn of_stake(stake: &Stake) -> Vec<Section> {
    match stake {
        Stake::Removed(gone) => {
            let mut facts: Vec<Section> = lost(gone).into_iter().collect();
            facts.extend(content(gone, None, "would be removed"));
            facts
        }
        Stake::Moved(from, to) => {
            let mut facts = vec![Section::note("from", end(from)), Section::note("to", end(to))];
            facts.extend(lost(to));
            facts.extend(content(to, Some(from), "would stand there"));
            facts
        }
        Stake::Exchanged(one, other) => {
            let mut facts = vec![Section::note("one", end(one)), Section::note("other", end(other))];
            facts.extend(content(other, Some(one), "would stand at the other"));
            facts
        }
    }
}

/// Whether what stands there can come back.
fn lost(gone: &End) -> Option<Section> {
    let text = match &gone.now {
        Stands::Nothing => return None,
        Stands::Directory => "an empty directory can be made again",
        Stands::Link(_) => "the link can be made again",
        Stands::File(_) | Stands::Unread(_) | Stands::Other => {
            "nothing here keeps what stands at the path: only version control or a backup can bring it back"
        }
    };
    Some(Section::note("undo", text))
}

fn end(of: &End) -> String {
    let stands = match &of.now {
        Stands::Nothing => "nothing there".to_owned(),
        Stands::File(content) => format!("a file, {} bytes, sha256 {}", content.len(), sha256_hex(content)),
        Stands::Unread(length) => format!("a file, {length} bytes"),
        Stands::Link(target) => format!("a symlink to \"{}\"", target.escape_ascii()),
        Stands::Directory => "a directory".to_owned(),
        Stands::Other => "a device, pipe or socket".to_owned(),
    };
    format!("{} ({stands})", of.path.display())
}

/// The difference that it makes at `at`, where files are concerned.
fn content(at: &End, comes: Option<&End>, title: &str) -> Option<Section> {
    let of = |stands: &Stands| match stands {
        Stands::File(content) => Some(content.clone()),
        Stands::Nothing => Some(Vec::new()),
        Stands::Unread(_) | Stands::Link(_) | Stands::Directory | Stands::Other => None,
    };
    let after = comes.map_or_else(|| Some(Vec::new()), |comes| of(&comes.now))?;
    let diff = tollgate_hands::diff::of(&at.path.to_string_lossy(), &of(&at.now)?, &after)?;
    Some(Section::Diff(Diff { title: title.to_owned(), ..diff }))
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

/// To the second, in UTC: the same each time it is looked at.
fn moment(at: std::time::SystemTime) -> String {
    let second = |at: jiff::Timestamp| jiff::Timestamp::from_second(at.as_second());
    let shown = jiff::Timestamp::try_from(at).and_then(second);
    shown.map_or_else(|_| "at a time that no calendar has".to_owned(), |at| at.to_string())
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
