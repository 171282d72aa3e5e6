//! Words of a command that name paths: by what the table says of the program, else by how they look.

use super::reading::{Cwd, Place, Simple, Span, Value, Word};
use super::table::Table;
use crate::action::Access;
use crate::path::AbsPath;
use crate::profile::document::{Runs, Words};

/// A word, or the part of one, that names a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand<'a> {
    pub(super) path: &'a str,
    pub(super) access: Access,
    pub(super) span: Span,
}

/// A path where a command runs; none where that isn't known, and for a path that none can be.
pub(super) fn at(path: &str, place: &Place) -> Option<AbsPath> {
    match &place.cwd {
        _ if path.starts_with('/') => AbsPath::new(path).ok(),
        Cwd::Known(cwd) => cwd.join(path).ok(),
        Cwd::Unknown => None,
    }
}

/// The paths that a command's words name.
pub(super) fn of<'a>(simple: &'a Simple, table: Table<'_>) -> Vec<Operand<'a>> {
    let Some(program) = simple.words.first().and_then(Word::known) else { return Vec::new() };
    let line = table.find(program);
    let words = line.map_or(Words::Reads, |line| line.words);
    if words == Words::Data {
        return Vec::new();
    }
    let script = line.is_some_and(|line| matches!(line.runs, Runs::Sed | Runs::Awk)) || words == Words::Search;
    let mut skipped = !script;
    let mut behind = false;
    let mut found: Vec<Operand<'a>> = Vec::new();
    for word in simple.words.iter().skip(1) {
        let (text, whole) = match &word.value {
            Value::Known(text) => (text.as_str(), true),
            Value::Pattern(_) | Value::Partly(_) => (literal_folder(word), false),
            Value::Unknown => continue,
        };
        if text == "--" && whole && !behind {
            behind = true;
            continue;
        }
        let option = text.starts_with('-') && !behind;
        if !option && !skipped {
            skipped = true;
            continue;
        }
        let path = if option || !is_path(text) { value_of(text) } else { text };
        let writes = matches!(words, Words::Writes) || text.starts_with("of=");
        let named = is_path(path) || writes && !option;
        if named && !path.is_empty() && !(option && path == text) {
            let access = if writes { Access::Write } else { Access::Read };
            found.push(Operand { path, access, span: word.span });
        } else if words == Words::Last && !option && !text.is_empty() {
            found.push(Operand { path: text, access: Access::Read, span: word.span });
        }
    }
    if words == Words::Last
        && found.len() > 1
        && let Some(last) = found.last_mut()
    {
        last.access = Access::Write;
    }
    found
}

/// Whether a word looks like a path. One without a slash lies where the command runs.
fn is_path(text: &str) -> bool {
    (text.contains('/') && !text.contains("://")) || text.starts_with('.')
}

/// What stands behind `=` or `@`: `--file=x`, `if=x`, `@x`, `f=@x`.
fn value_of(text: &str) -> &str {
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    value.strip_prefix('@').unwrap_or(value)
}

/// Of a pattern, the folder in which its names lie.
fn literal_folder(word: &Word) -> &str {
    let start = word.start();
    start.rfind('/').and_then(|end| start.get(..=end)).unwrap_or_default()
}
