//! Anchored globs against the tree: which existing paths they cover. One bounded walk for all of them, the shallow
//! first, links never followed.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::pattern::matches;

/// How much of a tree is looked at for globs that name no path outright.
const MOST_DIRECTORIES: usize = 100;
const MOST_ENTRIES: usize = 2000;

/// An existing path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Where.
    pub(crate) path: PathBuf,
    /// What.
    pub(crate) kind: Kind,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A directory.
    Directory,
    /// Anything else, but a symlink: what that leads to is governed by its own path.
    File,
}

/// Whether the walk saw all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// It did.
    Whole,
    /// It came to its bounds: deeper matches may be missing.
    Bounded,
}

/// What is left of a glob beneath a directory.
type Rest<'a> = &'a [&'a str];

/// Finds what the globs cover. A glob that ends in `/**` covers the directory before it.
pub(crate) fn expand(globs: &[String]) -> (Vec<Found>, Extent) {
    let mut walk = Walk::default();
    let (single, globs): (Vec<&str>, Vec<&str>) =
        globs.iter().map(|glob| glob.strip_suffix("/**").unwrap_or(glob)).partition(|glob| !is_magic(glob));
    for path in single {
        walk.note(Path::new(path));
    }
    let split: Vec<Vec<&str>> =
        globs.iter().map(|glob| glob.split('/').filter(|part| !part.is_empty()).collect()).collect();
    let mut start = Vec::new();
    for parts in &split {
        // As far as a path is literal nothing is listed.
        let literal = parts.iter().take_while(|part| !is_magic(part)).count();
        let (head, rest) = parts.split_at_checked(literal).unwrap_or((parts, &[]));
        let base = PathBuf::from(if head.is_empty() { "/".to_owned() } else { format!("/{}", head.join("/")) });
        if let Some((_, rests)) = start.iter_mut().find(|(known, _): &&mut (PathBuf, Vec<Rest<'_>>)| *known == base) {
            rests.push(rest);
        } else {
            start.push((base, vec![rest]));
        }
    }
    walk.queue.extend(start);
    walk.run();
    walk.found.sort();
    walk.found.dedup();
    (walk.found, walk.extent)
}

fn is_magic(part: &str) -> bool {
    part.contains(['*', '?'])
}

struct Walk<'a> {
    queue: VecDeque<(PathBuf, Vec<Rest<'a>>)>,
    found: Vec<Found>,
    extent: Extent,
}

impl Default for Walk<'_> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), found: Vec::new(), extent: Extent::Whole }
    }
}

impl<'a> Walk<'a> {
    fn note(&mut self, path: &Path) {
        if let Ok(seen) = path.symlink_metadata()
            && !seen.file_type().is_symlink()
        {
            let kind = if seen.is_dir() { Kind::Directory } else { Kind::File };
            self.found.push(Found { path: path.to_owned(), kind });
        }
    }

    fn run(&mut self) {
        let (mut directories, mut entries) = (0, 0);
        while let Some((base, mut rests)) = self.queue.pop_front() {
            directories += 1;
            if directories > MOST_DIRECTORIES || entries > MOST_ENTRIES {
                self.extent = Extent::Bounded;
                return;
            }
            // `**` also covers no directory at all.
            let here: Vec<_> =
                rests.iter().filter(|rest| rest.first() == Some(&"**")).filter_map(|rest| rest.get(1..)).collect();
            rests.extend(here.into_iter().filter(|rest| !rest.is_empty()));
            let Ok(listing) = fs::read_dir(&base) else { continue };
            for entry in listing.flatten().take(MOST_ENTRIES + 1) {
                entries += 1;
                self.entry(&entry, &rests);
            }
        }
    }

    fn entry(&mut self, entry: &fs::DirEntry, rests: &[Rest<'a>]) {
        let Ok(kind) = entry.file_type() else { return };
        if kind.is_symlink() {
            return;
        }
        let mut beneath = Vec::new();
        for rest in rests {
            match rest {
                ["**", ..] => beneath.push(*rest),
                [last] if matches(last.as_bytes(), entry.file_name().as_bytes()) => {
                    let kind = if kind.is_dir() { Kind::Directory } else { Kind::File };
                    self.found.push(Found { path: entry.path(), kind });
                    return;
                }
                [part, after @ ..] if !after.is_empty() && matches(part.as_bytes(), entry.file_name().as_bytes()) => {
                    beneath.push(after);
                }
                _ => {}
            }
        }
        if kind.is_dir() && !beneath.is_empty() {
            self.queue.push_back((entry.path(), beneath));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{Extent, expand};
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn finds_what_globs_cover() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for directory in ["a/b/secrets", "c", "keys/inner"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        for file in [".env", "a/.env", "a/b/.env", "a/b/x.pem", "c/x.pem", "keys/inner/k", "c/env"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink(at("c/env"), at("c/.env")).unwrap();
        for (globs, expected) in [
            (vec![".env"], vec![".env"]),
            (vec!["missing", "c"], vec!["c"]),
            (vec!["**/.env"], vec![".env", "a/.env", "a/b/.env"]),
            (vec!["**/*.pem", "**/.env"], vec![".env", "a/.env", "a/b/.env", "a/b/x.pem", "c/x.pem"]),
            (vec!["*/*.pem"], vec!["c/x.pem"]),
            (vec!["keys/**"], vec!["keys"]),
            (vec!["**/secrets/**"], vec!["a/b/secrets"]),
            (vec!["a/**/x.pem"], vec!["a/b/x.pem"]),
        ] {
            let globs: Vec<String> = globs.iter().map(|glob| format!("{}/{glob}", root.path().display())).collect();
            let (found, extent) = expand(&globs);
            let found: Vec<_> =
                found.iter().map(|f| f.path.strip_prefix(root.path()).unwrap().to_str().unwrap()).collect();
            assert_eq!((found, extent), (expected, Extent::Whole), "{globs:?}");
        }
    }

    #[test]
    fn says_when_a_tree_is_too_large() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..150 {
            fs::create_dir(root.path().join(n.to_string())).unwrap();
        }
        let glob = format!("{}/**/.env", root.path().display());
        assert_eq!(expand(&[glob]).1, Extent::Bounded);
    }
}
