//! What people and agents read about a call: one line for each action, the change of a file, the rule.

use std::path::Path;

use tollgate_hooks::Touch;
use tollgate_policy::action::{Access, Action};
use tollgate_policy::evidence::{Changed, Diff, Section};
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::Reason;
use tollgate_wire::{card, neutral};

/// Longest change that goes into a question, in bytes.
const CHANGE: usize = 16 << 10;

/// Longest file that a change is compared with, in bytes.
const COMPARED: u64 = 1 << 20;

/// An action as one line.
pub(super) fn brief(action: &Action) -> String {
    card::what(action)
}

/// An action as it stands behind `refused`.
pub(super) fn attempt(action: &Action) -> String {
    match action {
        Action::Exec(_) => format!("to run `{}`", brief(action)),
        Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => format!("to {}", brief(action)),
    }
}

/// A reason with its rule.
pub(super) fn why(reason: &Reason) -> String {
    let because = neutral::short(&reason.because, 500);
    let file = neutral::short(&reason.file, 200);
    if reason.line == 0 { format!("{because} ({file})") } else { format!("{because} ({file}:{})", reason.line) }
}

/// What would change, where it is a write: the client's own words on a part, or what differs from the file that is there.
pub(super) fn change(touch: &Touch, path: &AbsPath) -> Vec<Section> {
    if touch.access == Access::Read {
        return Vec::new();
    }
    let whole = touch.change.lines().all(|line| line.starts_with('+'));
    let text = if whole { against(&touch.change, path.as_path()) } else { touch.change.clone() };
    let count = |mark| u64::try_from(text.lines().filter(|line| line.starts_with(mark)).count()).ok();
    let name = path.as_path().to_string_lossy().into_owned();
    let changed = Changed { path: name, added: count('+'), removed: count('-'), marks: Vec::new() };
    let (text, left_out) = cut(&text);
    let title = "the client would write".to_owned();
    let mut evidence = vec![Section::Diff(Diff { title, files: vec![changed], text, left_out, more: 0 })];
    if path.as_path().as_os_str() != touch.path.as_str() {
        evidence.push(Section::note("written as", neutral::short(&touch.path, 500)));
    }
    evidence
}

/// A whole new content against the old: what is the same at both ends is left out.
fn against(new: &str, path: &Path) -> String {
    let fits = path.metadata().is_ok_and(|meta| meta.is_file() && meta.len() <= COMPARED);
    let Some(old) = fits.then(|| std::fs::read_to_string(path).ok()).flatten() else { return new.to_owned() };
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().map(|line| line.strip_prefix('+').unwrap_or(line)).collect();
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(a, b)| a == b).count();
    let shown = |mark: char, lines: &[&str]| -> String {
        let kept = lines.get(..lines.len() - tail.min(lines.len())).unwrap_or_default();
        kept.iter().flat_map(|line| [mark.to_string(), (*line).to_owned(), "\n".to_owned()]).collect()
    };
    format!("@@ line {}\n{}{}", head + 1, shown('-', old_rest), shown('+', new_rest))
}

/// As many lines as fit, and how many do not.
fn cut(text: &str) -> (String, u64) {
    let mut kept = String::new();
    let mut left = 0;
    for line in text.lines() {
        if left > 0 || kept.len() + line.len() > CHANGE {
            left += 1;
        } else {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    (kept, left)
}
