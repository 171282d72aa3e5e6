//! Path globs of the language: read, resolved in a place, matched. Gitignore-like: without an anchor at any
//! depth; `*` stays within a component, `**` doesn't; what covers a directory covers what is beneath.

pub(crate) mod placed;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::OnceLock;

use globset::{GlobBuilder, GlobMatcher};

use crate::key::{Key, Kind};
use crate::path::AbsPath;
use crate::place::Place;

/// What a written path starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head<'a> {
    /// `/`
    Root,
    /// `~`
    Home,
    /// `@workspace`
    Workspace,
    /// `@temp`
    Temp,
    /// `@state`
    State,
    /// `$NAME`
    Variable(&'a str),
    /// Nothing: at any depth.
    Anywhere,
}

/// The short forms that start with `@`.
pub(crate) const SHORT: [&str; 3] = ["@workspace", "@temp", "@state"];

/// Characters that make a glob of a path.
const SPECIAL: [char; 6] = ['*', '?', '[', '{', '\\', ']'];

/// Splits a written path into what it starts with and the rest, which is empty or starts with `/` (except for
/// [`Head::Anywhere`]).
///
/// # Errors
/// What is wrong, as a message.
pub(crate) fn split(text: &str) -> Result<(Head<'_>, &str), String> {
    let end = text.find('/').unwrap_or(text.len());
    let (first, rest) = text.split_at(end);
    let head = match first {
        "" if text.is_empty() => return Err("the path is empty".to_owned()),
        "" => Head::Root,
        "~" => Head::Home,
        "@workspace" => Head::Workspace,
        "@temp" => Head::Temp,
        "@state" => Head::State,
        _ if first.starts_with('~') => {
            return Err(format!("`{first}` is no path: only one's own home has a short form, `~`"));
        }
        _ if first.starts_with('@') => return Err(format!("`{first}` stands for no path")),
        _ if first.starts_with('$') => Head::Variable(variable(first)?),
        _ => return Ok((Head::Anywhere, text)),
    };
    Ok((head, rest))
}

fn variable(first: &str) -> Result<&str, String> {
    let name = first.strip_prefix('$').unwrap_or_default();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain && !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) {
        Ok(name)
    } else {
        Err(format!("`{first}` is no variable's name"))
    }
}

/// What is wrong with a written glob, as a message; none if nothing is.
pub(crate) fn fault(text: &str) -> Option<String> {
    if text.starts_with('!') {
        return Some("a glob can't be negated: write a rule with another effect".to_owned());
    }
    let rest = match split(text) {
        Ok((_, rest)) => rest,
        Err(message) => return Some(message),
    };
    if let Some(message) = parts_fault(rest) {
        return Some(message);
    }
    glob(rest).err().map(|e| format!("`{text}` is no glob: {}", e.kind()))
}

/// What is wrong with a written path that must be no glob and anchored, as a message.
pub(crate) fn path_fault(text: &str) -> Option<String> {
    match split(text) {
        Err(message) => Some(message),
        Ok((Head::Anywhere, _)) => Some(format!("`{text}` is not absolute")),
        Ok((_, rest)) if rest.contains(SPECIAL) => Some(format!("`{text}` is a glob; a root is one path")),
        Ok((_, rest)) => parts_fault(rest),
    }
}

fn parts_fault(rest: &str) -> Option<String> {
    if rest.contains('\0') {
        return Some("a path can't hold a NUL byte".to_owned());
    }
    let dots = rest.split('/').find(|part| *part == "." || *part == "..")?;
    Some(format!("`{dots}` can't be part of a path here"))
}

fn glob(text: &str) -> Result<globset::Glob, globset::Error> {
    GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build()
}

/// The path that a written path without globs stands for; none where its variable is unset.
pub(crate) fn resolve(text: &str, place: &Place) -> Option<AbsPath> {
    let (head, rest) = split(text).ok()?;
    if head == Head::Root {
        return AbsPath::new(text).ok();
    }
    place.base(head)?.join(rest.trim_start_matches('/')).ok()
}

/// Whether a written glob may cover or guard a path: a first look at its letters, which finds too much rather than too
/// little. A root is as a glob without special characters.
pub(crate) fn near(text: &str, place: &Place, path: &AbsPath) -> bool {
    let Some((head, rest)) = split(text).ok().filter(|(_, rest)| !rest.contains("//")) else { return true };
    let whole = path.as_path().as_os_str().as_bytes();
    let base = match head {
        Head::Root => return whole.starts_with(literal(rest)),
        Head::Anywhere => return near_anywhere(trimmed(rest.strip_prefix("**/").unwrap_or(rest)), whole),
        Head::Variable(_) => return true,
        Head::Home => &place.home,
        Head::Workspace => &place.workspace,
        Head::Temp => &place.temp,
        Head::State => &place.state,
    };
    let base = base.as_path().as_os_str().as_bytes();
    let below = whole.strip_prefix(base.strip_suffix(b"/").unwrap_or(base));
    below.map_or_else(|| std::str::from_utf8(base).is_err(), |below| below.starts_with(literal(rest)))
}

/// What stands before the first special character, without slashes at the end.
fn literal(text: &str) -> &[u8] {
    text.split(SPECIAL).next().unwrap_or_default().trim_end_matches('/').as_bytes()
}

fn near_anywhere(text: &str, path: &[u8]) -> bool {
    let begins = literal(text);
    // `*.pem`: only stars, so what follows them must be there.
    let ends = text.rsplit('*').next().filter(|ends| !ends.contains(SPECIAL) && !text.contains(['{', '[', '\\']));
    let ends = ends.unwrap_or_default().as_bytes();
    let begins = |at: usize| path.get(at + 1..).is_some_and(|rest| rest.starts_with(begins));
    (0..path.len()).any(|at| path.get(at) == Some(&b'/') && begins(at))
        && (ends.is_empty() || path.windows(ends.len()).any(|part| part == ends))
}

/// A glob resolved in a place.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Absolute; what the place gave is escaped. A byte of the place that is no UTF-8 is `?`.
    text: String,
    /// Whether such a byte was there, so that the text covers more than was meant.
    blurred: bool,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    /// A path, and what is beneath.
    Exact(AbsPath),
    /// What is beneath a path.
    Beneath(AbsPath),
    /// Anything else; compiled when first asked. `dir` is the glob without its trailing `/**`.
    Wild { glob: Lazy, dir: Option<Box<Wild>> },
}

#[derive(Debug)]
struct Wild {
    text: String,
    glob: Lazy,
}

type Lazy = OnceLock<Option<GlobMatcher>>;

/// A glob that passed [`fault`] but can't be compiled. A floor then speaks, a grant doesn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Uncompiled;

impl Pattern {
    /// The glob in a place; none where its variable is unset or the text was never checked.
    pub(crate) fn new(text: &str, place: &Place) -> Option<Self> {
        let (head, rest) = split(text).ok()?;
        let rest = trimmed(rest);
        let (text, blurred) = placed((head, rest), place)?;
        let Some(tree) = tree_of(head, rest) else {
            return Some(Self { blurred, ..Self::wild(text) });
        };
        let path = place.base(head)?.join(tree.trim_start_matches('/')).ok()?;
        let shape = if rest.ends_with("/**") { Shape::Beneath(path) } else { Shape::Exact(path) };
        Some(Self { text, blurred, shape })
    }

    fn wild(text: String) -> Self {
        let dir = text.strip_suffix("/**").filter(|dir| !dir.is_empty());
        let dir = dir.map(|dir| Box::new(Wild { text: dir.to_owned(), glob: Lazy::new() }));
        Self { text, blurred: false, shape: Shape::Wild { glob: Lazy::new(), dir } }
    }

    /// As [`Self::text`].
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// The glob as text, absolute.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether the text covers more than was meant: a grant must not be made of it.
    pub(crate) const fn is_blurred(&self) -> bool {
        self.blurred
    }

    /// The directory that it grants, where it is one path or all beneath one.
    pub(crate) const fn tree(&self) -> Option<&AbsPath> {
        match &self.shape {
            Shape::Exact(path) | Shape::Beneath(path) => Some(path),
            Shape::Wild { .. } => None,
        }
    }

    /// Whether it names this path or a directory above it.
    pub(crate) fn covers(&self, path: &AbsPath) -> Result<bool, Uncompiled> {
        match &self.shape {
            Shape::Exact(root) => Ok(path.is_within(root)),
            Shape::Beneath(root) => Ok(path != root && path.is_within(root)),
            Shape::Wild { glob, .. } => {
                let glob = compiled(glob, &self.text)?;
                Ok(path.as_path().ancestors().any(|above| glob.is_match(above)))
            }
        }
    }

    /// As [`Self::covers`], and the directory itself where the glob is all beneath it: who may replace the
    /// directory has replaced what is in it.
    pub(crate) fn guards(&self, path: &AbsPath) -> Result<bool, Uncompiled> {
        match &self.shape {
            Shape::Beneath(root) => Ok(path.is_within(root)),
            Shape::Wild { dir: Some(dir), .. } => {
                Ok(compiled(&dir.glob, &dir.text)?.is_match(path.as_path()) || self.covers(path)?)
            }
            Shape::Exact(_) | Shape::Wild { dir: None, .. } => self.covers(path),
        }
    }

    /// Keys of which each must hold for a path that this covers or guards; see [`keys_of`].
    pub(crate) fn keys(&self) -> Vec<u64> {
        match &self.shape {
            Shape::Exact(path) | Shape::Beneath(path) => {
                vec![prefix_key(path.as_path().as_os_str().as_bytes())]
            }
            Shape::Wild { .. } => wild_keys(&self.text),
        }
    }
}

fn compiled<'a>(lazy: &'a Lazy, text: &str) -> Result<&'a GlobMatcher, Uncompiled> {
    lazy.get_or_init(|| glob(text).ok().map(|glob| glob.compile_matcher())).as_ref().ok_or(Uncompiled)
}

/// The glob as text, absolute, and whether it covers more than was meant.
fn placed((head, rest): (Head<'_>, &str), place: &Place) -> Option<(String, bool)> {
    match head {
        Head::Anywhere => Some((format!("/**/{}", rest.strip_prefix("**/").unwrap_or(rest)), false)),
        Head::Root => Some((if rest.is_empty() { "/".to_owned() } else { rest.to_owned() }, false)),
        Head::Home | Head::Workspace | Head::Temp | Head::State | Head::Variable(_) => {
            let (mut text, blurred) = escaped(place.base(head)?.as_path());
            if text == "/" {
                text.clear();
            }
            text.push_str(rest);
            Some((if text.is_empty() { "/".to_owned() } else { text }, blurred))
        }
    }
}

/// What a written glob names, itself or all beneath it, where that is one path: as it is written for a root.
pub(crate) fn tree(text: &str) -> Option<&str> {
    let (head, rest) = split(text).ok()?;
    let tree = tree_of(head, trimmed(rest))?;
    let whole = text.get(..text.len() - rest.len() + tree.len())?;
    Some(if whole.is_empty() { "/" } else { whole })
}

/// A slash at the end says nothing.
fn trimmed(rest: &str) -> &str {
    if rest.len() > 1 { rest.strip_suffix('/').unwrap_or(rest) } else { rest }
}

fn tree_of<'a>(head: Head<'_>, rest: &'a str) -> Option<&'a str> {
    let plain = rest.strip_suffix("/**").unwrap_or(rest);
    (head != Head::Anywhere && !plain.contains(SPECIAL)).then_some(plain)
}

fn escaped(path: &Path) -> (String, bool) {
    if let Some(plain) = path.to_str().filter(|text| text.bytes().all(is_ordinary)) {
        return (plain.to_owned(), false);
    }
    let mut out = String::new();
    let mut blurred = false;
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        // globset's escape knows no backslash, which is special here.
        let parts: Vec<String> = chunk.valid().split('\\').map(globset::escape).collect();
        out.push_str(&parts.join("\\\\"));
        for _ in chunk.invalid() {
            out.push('?');
            blurred = true;
        }
    }
    (out, blurred)
}

/// Bytes of most paths, none of which is special in a glob.
const fn is_ordinary(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-')
}

fn prefix_key(path: &[u8]) -> u64 {
    Key::new(Kind::Prefix).bytes(if path == b"/" { b"" } else { path }).done()
}

/// Keys of a glob with special characters: the literal components in front, each literal component, and the
/// extension of the last one. Braces may hold slashes, so nothing behind the first brace counts.
fn wild_keys(text: &str) -> Vec<u64> {
    let sure = text.split(['{', '[', '\\']).next().unwrap_or_default();
    let whole = sure.len() == text.len();
    let mut parts: Vec<&str> = sure.split('/').skip(1).collect();
    if !whole {
        parts.pop();
    }
    if whole && parts.last() == Some(&"**") {
        parts.pop();
    }
    let is_plain = |part: &&str| !part.is_empty() && !part.contains(SPECIAL);
    let mut keys = Vec::new();
    let last = parts.last().filter(|_| whole);
    let ext = last.and_then(|last| last.strip_prefix("*."));
    if let Some(ext) = ext.filter(|ext| is_plain(ext) && !ext.contains('.')) {
        keys.push(Key::new(Kind::Extension).bytes(ext.as_bytes()).done());
    }
    let front = parts.iter().take_while(|part| is_plain(part)).count();
    let behind = parts.iter().skip(front).rev().filter(|part| is_plain(part));
    keys.extend(behind.map(|part| component_key(part.as_bytes())));
    let front = parts.get(..front).unwrap_or_default();
    keys.extend(front.iter().rev().map(|part| component_key(part.as_bytes())));
    if !front.is_empty() {
        let prefix = front.iter().fold(Key::new(Kind::Prefix), |key, part| key.byte(b'/').bytes(part.as_bytes()));
        keys.push(prefix.done());
    }
    keys
}

fn component_key(part: &[u8]) -> u64 {
    Key::new(Kind::Component).bytes(part).done()
}

/// All keys that hold for a path: each directory above and itself, each component, each extension.
pub(crate) fn keys_of(path: &AbsPath) -> Vec<u64> {
    let mut prefix = Key::new(Kind::Prefix);
    let mut keys = vec![prefix.done()];
    for part in path.as_path().iter().map(OsStr::as_bytes).filter(|part| *part != b"/") {
        prefix = prefix.byte(b'/').bytes(part);
        keys.push(prefix.done());
        keys.push(component_key(part));
        if let Some(dot) = part.iter().rposition(|b| *b == b'.') {
            let ext = part.get(dot + 1..).unwrap_or_default();
            keys.push(Key::new(Kind::Extension).bytes(ext).done());
        }
    }
    keys
}

/// The key of a directory: it holds for every path in it.
pub(crate) fn path_key(path: &AbsPath) -> u64 {
    prefix_key(path.as_path().as_os_str().as_bytes())
}
