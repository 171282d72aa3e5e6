//! Which names are guarded: the boundary's globs as one machine that reads a true path component by component. It
//! says not only whether a path is guarded but whether a guarded one could come to lie beneath it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use globset::{GlobBuilder, GlobMatcher};

use crate::leads::Leads;

/// More spellings of one glob than this (braces in braces) are not spelled out.
const SPELLINGS: usize = 256;

/// One component of a glob.
#[derive(Debug, Clone)]
enum Part {
    /// This name.
    Name(Vec<u8>),
    /// A name that fits.
    Like(Rc<Like>, String),
    /// Any number of names.
    Any,
}

/// What a name is to be like.
#[derive(Debug)]
enum Like {
    /// It begins and ends so: a glob with one `*` and nothing else, as most are.
    Ends(Vec<u8>, Vec<u8>),
    /// Any other.
    Glob(GlobMatcher),
}

impl Like {
    /// None for what is no glob.
    fn new(part: &str) -> Option<Self> {
        let glob = GlobBuilder::new(part).literal_separator(true).backslash_escape(true).build().ok()?;
        Some(match part.split_once('*') {
            Some((front, back)) if !part.contains(['?', '[', ']', '{', '}', '\\']) && !back.contains('*') => {
                Self::Ends(front.into(), back.into())
            }
            _ => Self::Glob(glob.compile_matcher()),
        })
    }

    fn fits(&self, name: &[u8]) -> bool {
        match self {
            Self::Ends(front, back) => name.strip_prefix(&**front).is_some_and(|rest| rest.ends_with(back)),
            Self::Glob(glob) => glob.is_match(Path::new(OsStr::from_bytes(name))),
        }
    }
}

/// A place in the machine.
#[derive(Debug, Default)]
struct Node {
    names: HashMap<Vec<u8>, usize>,
    like: Vec<(String, Rc<Like>, usize)>,
    /// The node behind `**`.
    any: Option<usize>,
    /// Whether it is such a node: it stays where it is, whatever name comes.
    stays: bool,
    /// Whether it was reached by a name that the glob spells out.
    named: bool,
    /// The glob that ends here.
    ends: Option<usize>,
}

/// All guarded globs.
#[derive(Debug)]
pub(crate) struct Guards {
    nodes: Vec<Node>,
    globs: Vec<String>,
}

/// Where in the machine a path stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trail(Vec<usize>);

/// What the guards say of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// Neither it nor anything that could lie beneath.
    Free,
    /// Not itself, but what could lie beneath.
    Above(Above),
    /// It is covered by this glob.
    By(usize),
}

/// A path that leads to guarded ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Above {
    /// Where the machine goes on.
    pub(crate) trail: Trail,
    /// Whether a glob spells this very name out: then only a directory may stand here, since anything else (a symlink,
    /// a `.git` file) would put something in place of what is guarded.
    pub(crate) named: bool,
}

/// A glob that can't be read. Nothing may start with it: a guard that is not understood guards nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the guarded path `{}` can't be read as a glob", self.0.escape_debug())
    }
}

impl std::error::Error for Unreadable {}

impl Guards {
    /// Reads anchored globs. Symlinks on the way to what they spell out are followed as they stand now, and both the
    /// name and where it leads are guarded.
    pub(crate) fn new<'a>(globs: impl IntoIterator<Item = &'a String>, leads: &mut Leads) -> Result<Self, Unreadable> {
        let mut guards = Self { nodes: vec![Node::default()], globs: Vec::new() };
        for text in globs {
            let spellings = read(text)?;
            guards.globs.push(text.clone());
            for parts in spellings {
                for real in real(&parts, leads) {
                    guards.add(&real);
                }
            }
        }
        Ok(guards)
    }

    /// Whether they can all be read.
    pub(crate) fn check<'a>(globs: impl IntoIterator<Item = &'a String>) -> Result<(), Unreadable> {
        globs.into_iter().try_for_each(|text| read(text).map(drop))
    }

    /// The text of a glob.
    pub(crate) fn text(&self, glob: usize) -> &str {
        self.globs.get(glob).map_or("", String::as_str)
    }

    fn add(&mut self, parts: &[Part]) {
        let mut at = 0;
        for part in parts {
            at = match part {
                Part::Name(name) => self.named(at, name),
                Part::Like(glob, text) => self.like(at, glob, text),
                Part::Any => self.any(at),
            };
        }
        let glob = self.globs.len().saturating_sub(1);
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends.get_or_insert(glob);
        }
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn named(&mut self, at: usize, name: &[u8]) -> usize {
        if let Some(&next) = self.nodes.get(at).and_then(|node| node.names.get(name)) {
            return next;
        }
        let next = self.push(Node { named: true, ..Node::default() });
        if let Some(node) = self.nodes.get_mut(at) {
            node.names.insert(name.to_vec(), next);
        }
        next
    }

    fn like(&mut self, at: usize, glob: &Rc<Like>, text: &str) -> usize {
        let known = self.nodes.get(at).and_then(|node| node.like.iter().find(|(known, ..)| known == text));
        if let Some((.., next)) = known {
            return *next;
        }
        let next = self.push(Node::default());
        if let Some(node) = self.nodes.get_mut(at) {
            node.like.push((text.to_owned(), Rc::clone(glob), next));
        }
        next
    }

    fn any(&mut self, at: usize) -> usize {
        match self.nodes.get(at) {
            Some(Node { any: Some(next), .. }) => return *next,
            Some(Node { stays: true, .. }) => return at,
            Some(_) | None => {}
        }
        let next = self.push(Node { stays: true, ..Node::default() });
        if let Some(node) = self.nodes.get_mut(at) {
            node.any = Some(next);
        }
        next
    }

    fn trail(&self, mut at: Vec<usize>) -> Trail {
        let mut behind: Vec<usize> = at.iter().filter_map(|&n| self.nodes.get(n)?.any).collect();
        at.append(&mut behind);
        at.sort_unstable();
        at.dedup();
        Trail(at)
    }

    fn told(&self, trail: Trail) -> Guarded {
        let mut nodes = trail.0.iter().filter_map(|&n| self.nodes.get(n));
        if let Some(glob) = nodes.find_map(|node| node.ends) {
            return Guarded::By(glob);
        }
        if trail.0.is_empty() {
            return Guarded::Free;
        }
        let named = trail.0.iter().filter_map(|&n| self.nodes.get(n)).any(|node| node.named);
        Guarded::Above(Above { trail, named })
    }

    /// One name further.
    pub(crate) fn step(&self, trail: &Trail, name: &[u8]) -> Guarded {
        let mut next = Vec::new();
        for &n in &trail.0 {
            let Some(node) = self.nodes.get(n) else { continue };
            next.extend(node.names.get(name));
            if node.stays {
                next.push(n);
            }
            for (_, glob, to) in &node.like {
                if glob.fits(name) {
                    next.push(*to);
                }
            }
        }
        self.told(self.trail(next))
    }

    /// What is said of an absolute true path.
    pub(crate) fn look(&self, path: &[u8]) -> Guarded {
        let mut told = self.told(self.trail(vec![0]));
        for name in path.split(|&b| b == b'/').filter(|name| !name.is_empty()) {
            told = match told {
                Guarded::Above(above) => self.step(&above.trail, name),
                Guarded::Free | Guarded::By(_) => return told,
            };
        }
        told
    }

    /// A glob that could guard something beneath.
    pub(crate) fn beneath(&self, trail: &Trail) -> usize {
        let mut pending = trail.0.clone();
        let mut seen = Vec::new();
        while let Some(n) = pending.pop() {
            let Some(node) = self.nodes.get(n).filter(|_| !seen.contains(&n)) else { continue };
            if let Some(glob) = node.ends {
                return glob;
            }
            seen.push(n);
            pending.extend(node.names.values().chain(node.like.iter().map(|(.., to)| to)).chain(&node.any));
        }
        usize::MAX // every node leads to an end
    }

    /// The names to look for in a directory, where the globs spell out all of them; none where it must be listed.
    pub(crate) fn names(&self, trail: &Trail) -> Option<Vec<&[u8]>> {
        let mut names = Vec::new();
        for node in trail.0.iter().filter_map(|&n| self.nodes.get(n)) {
            if node.stays || !node.like.is_empty() {
                return None;
            }
            names.extend(node.names.keys().map(Vec::as_slice));
        }
        Some(names)
    }
}

/// A glob in all its spellings, by component.
fn read(text: &str) -> Result<Vec<Vec<Part>>, Unreadable> {
    let spellings = spell(text).ok_or_else(|| Unreadable(text.to_owned()))?;
    let parts = spellings.iter().map(|spelling| parts(spelling));
    parts.collect::<Option<_>>().ok_or_else(|| Unreadable(text.to_owned()))
}

/// A glob without its braces, in all its spellings; none where they don't close or are too many.
fn spell(text: &str) -> Option<Vec<String>> {
    let (mut depth, mut open, mut escaped, mut class) = (0usize, 0usize, false, false);
    let mut commas = Vec::new();
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' if !class => class = true,
            ']' if class => class = false,
            _ if class => {}
            '{' => {
                if depth == 0 {
                    open = at;
                }
                depth += 1;
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth == 1 => {
                let (front, rest) = (text.get(..open)?, text.get(at + 1..)?);
                let mut out = Vec::new();
                let mut from = open + 1;
                for to in commas.into_iter().chain([at]) {
                    out.extend(spell(&format!("{front}{}{rest}", text.get(from..to)?))?);
                    from = to + 1;
                    if out.len() > SPELLINGS {
                        return None;
                    }
                }
                return Some(out);
            }
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    (depth == 0).then(|| vec![text.to_owned()])
}

/// The components; what covers all beneath a directory covers the directory too.
fn parts(glob: &str) -> Option<Vec<Part>> {
    let mut out = Vec::new();
    for part in glob.strip_prefix('/')?.split('/').filter(|part| !part.is_empty()) {
        out.push(match part {
            "**" => Part::Any,
            _ if !part.contains(['*', '?', '[', '\\']) => Part::Name(part.as_bytes().to_vec()),
            _ => {
                let like = Like::new(part)?;
                match spelled_out(part) {
                    Some(name) => Part::Name(name),
                    None => Part::Like(Rc::new(like), part.to_owned()),
                }
            }
        });
    }
    while matches!(out.last(), Some(Part::Any)) {
        out.pop();
    }
    Some(out)
}

/// The name that a component stands for if it is only escaped: `a\*b`, `[*]`.
fn spelled_out(part: &str) -> Option<Vec<u8>> {
    let mut out = String::new();
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' | '?' => return None,
            '\\' => out.push(rest.next()?),
            '[' => match (rest.next()?, rest.next()?) {
                (c, ']') if c != '!' && c != '^' => out.push(c),
                _ => return None,
            },
            _ => out.push(c),
        }
    }
    Some(out.into_bytes())
}

/// The glob as written, with the symlinks above its last plain name followed, and with that one followed too.
fn real(parts: &[Part], leads: &mut Leads) -> Vec<Vec<Part>> {
    let mut plain = PathBuf::from("/");
    let mut above = plain.clone();
    let mut count = 0;
    for part in parts {
        let Part::Name(name) = part else { break };
        above.clone_from(&plain);
        plain.push(OsStr::from_bytes(name));
        count += 1;
    }
    let rest = parts.get(count..).unwrap_or_default();
    let last = parts.get(count.saturating_sub(1)..count).unwrap_or_default();
    let lead = |path: &Path, tails: [&[Part]; 2]| -> Vec<Part> {
        let names = path.iter().filter(|name| name.as_bytes() != b"/");
        let front = names.map(|name| Part::Name(name.to_owned().into_vec()));
        front.chain(tails.into_iter().flatten().cloned()).collect()
    };
    let (parent, whole) = (leads.end(&above).real, leads.end(&plain).real);
    let mut all = vec![parts.to_vec()];
    // most lead nowhere else; by bytes, since a path with `.` in it equals one without
    if parent.as_os_str() != above.as_os_str() {
        all.push(lead(&parent, [last, rest]));
    }
    if whole.as_os_str() != plain.as_os_str() {
        all.push(lead(&whole, [&[], rest]));
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn guards(globs: &[&str]) -> Guards {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        Guards::new(&globs, &mut Leads::default()).unwrap()
    }

    fn told(guards: &Guards, path: &str) -> &'static str {
        match guards.look(path.as_bytes()) {
            Guarded::Free => "free",
            Guarded::Above(Above { named: true, .. }) => "named",
            Guarded::Above(_) => "above",
            Guarded::By(_) => "by",
        }
    }

    #[test]
    fn paths_are_told() {
        let guards = guards(&[
            "/w/.git/hooks/**",
            "/w/.git/config",
            "/w/.git/modules/**/{hooks,config}",
            "/w/.git/worktrees/*/config.worktree",
            "/w/**/.envrc",
            "/w/od[d]/[*]x",
        ]);
        for (path, expected) in [
            ("/", "above"),
            ("/v", "free"),
            ("/w", "named"),
            ("/ww", "free"),
            ("/w/.git", "named"),
            ("/w/.git/hooks", "by"),
            ("/w/.git/hooks/a/b", "by"),
            ("/w/.git/hooksx", "above"), // through /w/**
            ("/w/.git/config", "by"),
            ("/w/.git/config.lock", "above"),
            ("/w/.git/modules", "named"),
            ("/w/.git/modules/a", "above"),
            ("/w/.git/modules/config", "by"),
            ("/w/.git/modules/a/b/hooks/x", "by"),
            ("/w/.git/worktrees/t", "above"),
            ("/w/.git/worktrees/t/config.worktree", "by"),
            ("/w/.git/worktrees/t/u/config.worktree", "above"),
            ("/w/.envrc", "by"),
            ("/w/a/b/.envrc", "by"),
            ("/w/odd/*x", "by"),
            ("/w/odd/yx", "above"),
        ] {
            assert_eq!(told(&guards, path), expected, "{path}");
        }
    }

    #[test]
    fn without_wildcards_other_paths_are_free() {
        let guards = guards(&["/w/.git/config", "/w/.vscode"]);
        assert_eq!(told(&guards, "/w/src"), "free");
        assert_eq!(told(&guards, "/w/.git/objects"), "free");
        let Guarded::Above(above) = guards.look(b"/w/.git") else { unreachable!() };
        assert_eq!(guards.names(&above.trail), Some(vec![b"config".as_slice()]));
    }

    #[test]
    fn unreadable_globs_are_errors() {
        for glob in ["relative", "/a/{b", "/a/[b"] {
            assert!(Guards::new(&[glob.to_owned()], &mut Leads::default()).is_err(), "{glob}");
            assert!(Guards::check(&[glob.to_owned()]).is_err(), "{glob}");
        }
        assert!(Guards::new(&[String::from("/a/{b,{c,d}}/e")], &mut Leads::default()).is_ok());
    }

    #[test]
    fn a_star_is_read_as_a_glob_is() {
        for part in ["*", "a*", "*b", "a*b", ".env.*", "a*a", "*.pem"] {
            let Some(Like::Ends(front, back)) = Like::new(part) else { unreachable!("{part}") };
            let ends = Like::Ends(front, back);
            let glob = GlobBuilder::new(part).literal_separator(true).backslash_escape(true).build().unwrap();
            let glob = Like::Glob(glob.compile_matcher());
            let names =
                ["", "a", "b", "ab", "aa", "axb", ".env", ".env.", ".env.x", "x.pem", ".pem", "a\nb", "xaxbx", "*"];
            for name in names.map(str::as_bytes).into_iter().chain([b"a\xffb".as_slice(), b"\xff", b"a\nb\xff.pem"]) {
                assert_eq!(ends.fits(name), glob.fits(name), "{part} {name:?}");
            }
        }
        assert!(matches!(Like::new("a**b"), Some(Like::Glob(_))));
        assert!(matches!(Like::new("a*b?"), Some(Like::Glob(_))));
    }

    #[test]
    fn symlinks_on_the_way_are_followed() {
        let dir = std::env::temp_dir().join(format!("guards-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.join("link")).unwrap();
        std::fs::create_dir(dir.join("elsewhere")).unwrap();
        std::os::unix::fs::symlink("../elsewhere", dir.join("real/hooks")).unwrap();
        let dir = std::fs::canonicalize(&dir).unwrap();
        let guards = guards(&[&format!("{}/link/hooks", dir.display())]);
        for name in ["link/hooks", "real/hooks/x", "elsewhere/x"] {
            assert_eq!(told(&guards, &format!("{}/{name}", dir.display())), "by", "{name}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
