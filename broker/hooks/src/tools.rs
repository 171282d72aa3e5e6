//! The tools of clients as data: which arguments of which tool mean what.

use serde_json::{Map, Value};
use tollgate_policy::action::Access;

use crate::event::{Deed, Rewritable, Touch};
use crate::patch;
use crate::payload::{Fields, Misread};

/// Longest text of a change that is kept for an approver, in bytes.
const CHANGE: usize = 64 << 10;

/// What a tool's arguments mean; each word is the name of one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// Runs a command line, perhaps in a folder of its own.
    Shell { text: &'static str, cwd: &'static str },
    /// Reads a file, or lists a folder.
    Read(&'static str),
    /// Reads what lies in a folder, the working directory if it names none, and matches a pattern that may name another.
    Search { path: &'static str, pattern: &'static str },
    /// Writes a file.
    Write { path: &'static str, content: &'static str },
    /// Replaces a part of a file.
    Edit { path: &'static str, old: &'static str, new: &'static str },
    /// Writes what a patch names.
    Patch(&'static str),
    /// Fetches a page.
    Fetch(&'static str),
    /// Fetches each page that a text names.
    FetchAll(&'static str),
    /// Reaches out in a way of its own: its name is all that can be judged.
    Out,
    /// Touches nothing by itself.
    Own,
}

/// The tools of one client.
pub(crate) type Tools = &'static [(&'static str, Shape)];

/// What a call would do; none if the table has no such tool.
pub(crate) fn deed(
    tools: Tools,
    tool: &str,
    (input, rewritable): (&Map<String, Value>, Rewritable),
) -> Result<Option<Deed>, Misread> {
    let Some((_, shape)) = tools.iter().find(|(name, _)| *name == tool) else { return Ok(None) };
    let fields = Fields(input);
    let one = |path: &str, access, change: String| {
        Deed::Files(vec![Touch { path: path.to_owned(), access, change: cut(change) }])
    };
    Ok(Some(match *shape {
        Shape::Shell { text, cwd } => {
            let cwd = fields.maybe(cwd)?.map(str::to_owned);
            Deed::Shell { text: fields.text(text)?.to_owned(), cwd, key: text, rewritable }
        }
        Shape::Read(path) => one(fields.text(path)?, Access::Read, String::new()),
        Shape::Search { path, pattern } => Deed::Files(searched(fields, path, pattern)?),
        Shape::Write { path, content } => {
            one(fields.text(path)?, Access::Write, lines('+', fields.maybe(content)?.unwrap_or_default()))
        }
        Shape::Edit { path, old, new } => {
            let [old, new] = [fields.maybe(old)?, fields.maybe(new)?].map(Option::unwrap_or_default);
            one(fields.text(path)?, Access::Write, lines('-', old) + &lines('+', new))
        }
        Shape::Patch(text) => Deed::Files(patch::touched(fields.text(text)?)?),
        Shape::Fetch(url) => Deed::Fetch(vec![fields.text(url)?.to_owned()]),
        Shape::FetchAll(text) => Deed::Fetch(urls(fields.text(text)?)),
        Shape::Out => Deed::Tool(vec![("builtin".to_owned(), tool.to_owned())]),
        Shape::Own => Deed::Own,
    }))
}

/// Where a search looks: the folder that it names, and the folders from which its pattern starts anew.
fn searched(fields: Fields<'_>, path: &str, pattern: &str) -> Result<Vec<Touch>, Misread> {
    let read = |path: &str| Touch { path: path.to_owned(), access: Access::Read, change: String::new() };
    let mut touched = match fields.0.get(path) {
        Some(Value::Array(list)) => {
            let paths = list.iter().map(|path| path.as_str().map(read));
            paths.collect::<Option<Vec<_>>>().ok_or_else(|| Misread::Field(format!("`{path}` is no list of texts")))?
        }
        _ => vec![read(fields.maybe(path)?.filter(|path| !path.is_empty()).unwrap_or("."))],
    };
    if pattern.is_empty() {
        return Ok(touched);
    }
    let pattern = fields.maybe(pattern)?.unwrap_or_default();
    // Only what a pattern says before its first wildcard can lead out of the folder, and what climbs after it.
    let fixed = pattern.split(['*', '?', '[', '{']).next().unwrap_or_default();
    if pattern.starts_with(['/', '~', '{', '[']) || pattern.contains("..") {
        let whole = fixed.len() == pattern.len();
        let folder = if whole { fixed } else { fixed.rsplit_once('/').map_or("", |(folder, _)| folder) };
        touched.push(read(if folder.is_empty() { "/" } else { folder }));
    }
    Ok(touched)
}

/// What looks like a page's address in a text. A client may see more of them, so what has a scheme but is no address is
/// given too, for the judge to refuse.
fn urls(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '`' | ','));
    words
        .filter(|word| word.contains("://"))
        .map(|word| word.trim_end_matches(['.', ';', ':', '!', '?']).to_owned())
        .collect()
}

fn lines(mark: char, text: &str) -> String {
    text.lines().flat_map(|line| [mark.to_string(), line.to_owned(), "\n".to_owned()]).collect()
}

/// Cuts what is too long to be looked at, between characters.
fn cut(mut text: String) -> String {
    if text.len() > CHANGE {
        let at = (0..=CHANGE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(at);
        text.push_str("\n… (cut)\n");
    }
    text
}

/// All the ways in which a word is a server's name, a mark and a tool's name.
pub(crate) fn splits(word: &str, mark: &str) -> Vec<(String, String)> {
    let found = word.match_indices(mark).map(|(at, _)| (&word[..at], &word[at + mark.len()..]));
    found.filter(|(server, tool)| !server.is_empty() && !tool.is_empty()).map(|(s, t)| (s.into(), t.into())).collect()
}

/// A tool named `mcp__SERVER__TOOL`, as several clients do.
pub(crate) fn mcp(tool: &str, server: Option<&str>) -> Option<Deed> {
    let rest = tool.strip_prefix("mcp__")?;
    let mut names = splits(rest, "__");
    // The client's own word on the server: rules may name it as it is configured.
    if let Some(server) = server.filter(|server| !server.is_empty()) {
        let own: Vec<_> = names.iter().map(|(_, tool)| (server.to_owned(), tool.clone())).collect();
        names.extend(own);
    }
    names.sort();
    names.dedup();
    Some(if names.is_empty() { Deed::Unknown } else { Deed::Tool(names) })
}
