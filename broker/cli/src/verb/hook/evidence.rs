//! What people and agents read about a call: one line for each action, the change of a file, the rule.

use std::path::Path;

use tollgate_hooks::Touch;
use tollgate_policy::action::{Access, Action};
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::Reason;
use tollgate_wire::neutral;

use crate::verb::approvals;

/// Longest change that goes into a question, in bytes.
const CHANGE: usize = 16 << 10;

/// Longest file that a change is compared with, in bytes.
const COMPARED: u64 = 1 << 20;

/// An action as one line.
pub(super) fn brief(action: &Action) -> String {
    approvals::what(action)
}

/// A reason with its rule.
pub(super) fn why(reason: &Reason) -> String {
    let because = neutral::short(&reason.because, 500);
    let file = neutral::short(&reason.file, 200);
    if reason.line == 0 { format!("{because} ({file})") } else { format!("{because} ({file}:{})", reason.line) }
}

/// What would change, where it is a write: the client's own words on a part, or what differs from the file that is there.
pub(super) fn change(touch: &Touch, path: &AbsPath) -> Vec<(String, String)> {
    if touch.access == Access::Read {
        return Vec::new();
    }
    let whole = touch.change.lines().all(|line| line.starts_with('+'));
    let text = if whole { against(&touch.change, path.as_path()) } else { touch.change.clone() };
    let mut evidence = vec![("change".to_owned(), cut(&text))];
    if path.as_path().as_os_str() != touch.path.as_str() {
        evidence.push(("written as".to_owned(), neutral::short(&touch.path, 500)));
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
        kept.iter().map(|line| format!("{mark}{line}\n")).collect()
    };
    format!("@@ line {}\n{}{}", head + 1, shown('-', old_rest), shown('+', new_rest))
}

/// Lines made neutral, the last ones counted where there are too many.
fn cut(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.lines();
    for line in lines.by_ref() {
        if out.len() > CHANGE {
            out.push_str(&format!("… and {} lines", lines.count() + 1));
            break;
        }
        out.push_str(&neutral::short(line, 400));
        out.push('\n');
    }
    out
}
