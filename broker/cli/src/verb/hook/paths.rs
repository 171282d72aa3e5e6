//! A path of a client's own tool, resolved as far as it can be from outside: every object that it may stand for.
//!
//! What can't be held here: the client opens the path again after it was judged, and who can change a folder on its way
//! in between (a contained command that runs in the background can, within its roots) may put a link there. Links that
//! lead out of a workspace are therefore judged by where they lead at that moment and no more; a client inside
//! `tollgate run` has no such gap.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use tollgate_policy::path::AbsPath;

/// As many links as the kernel follows (`path_resolution(7)`).
const LINKS: usize = 40;

/// Longest path, in bytes; the kernel's own limit (`PATH_MAX`).
const LONGEST: usize = 4096;

/// Every place that `written` may mean from `cwd`: as the kernel resolves it, and as programs do that take `..` away
/// before they ask the kernel; with `~` as home where it starts with that. None where it can't be told.
pub(super) fn meant(written: &str, cwd: &AbsPath, home: &AbsPath) -> Option<Vec<AbsPath>> {
    if written.is_empty() || written.len() > LONGEST || written.contains('\0') {
        return None;
    }
    let mut starts = vec![cwd.as_path().join(written)];
    if written == "~" || written.starts_with("~/") {
        starts.push(home.as_path().join(written.trim_start_matches('~').trim_start_matches('/')));
    } else if written.starts_with('~') {
        // Somebody else's home, to some; a file's name, to others.
        return None;
    }
    if let Some(rest) = written.strip_prefix("file://") {
        starts.push(PathBuf::from("/").join(rest.trim_start_matches('/')));
    }
    let mut places = Vec::new();
    for start in starts {
        let lexical = AbsPath::new(&start).ok()?;
        let plain = lexical.as_path().as_os_str() == start.as_os_str();
        let paths = [Some(start.as_path()), (!plain).then_some(lexical.as_path())];
        for path in paths.into_iter().flatten() {
            let place = AbsPath::new(real(path)?).ok()?;
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    Some(places)
}

/// Where a path leads, links and all; what doesn't exist stays as it is written, and a link to nowhere leads to what it
/// names, since writing would make that. None for a loop, or a folder that can't be looked into.
fn real(path: &Path) -> Option<PathBuf> {
    let mut parts: VecDeque<OsString> = names(path).collect();
    let mut place = PathBuf::from("/");
    let mut links = 0;
    while let Some(part) = parts.pop_front() {
        if part == ".." {
            place.pop();
            continue;
        }
        let next = place.join(&part);
        match next.symlink_metadata() {
            Ok(meta) if meta.is_symlink() => {
                links += 1;
                if links > LINKS {
                    return None;
                }
                let target = next.read_link().ok()?;
                if target.is_absolute() {
                    place = PathBuf::from("/");
                }
                for name in names(&target).collect::<Vec<_>>().into_iter().rev() {
                    parts.push_front(name);
                }
            }
            Ok(_) => place = next,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                place = next;
            }
            Err(_) => return None,
        }
    }
    Some(place)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("w/sub")).unwrap();
        std::fs::create_dir_all(root.join("out/deep")).unwrap();
        symlink(root.join("out/deep"), root.join("w/link")).unwrap();
        symlink("../nowhere", root.join("w/dangling")).unwrap();
        symlink("loop", root.join("w/loop")).unwrap();
        let (cwd, home) = (AbsPath::new(root.join("w")).unwrap(), AbsPath::new(root.join("home")).unwrap());
        let table: &[(&str, Option<&[&str]>)] = &[
            ("a", Some(&["w/a"])),
            ("sub/../a", Some(&["w/a"])),
            ("../b", Some(&["b"])),
            ("link/x", Some(&["out/deep/x"])),
            ("link/../x", Some(&["out/x", "w/x"])),
            ("dangling", Some(&["nowhere"])),
            ("dangling/x", Some(&["nowhere/x"])),
            ("~/x", Some(&["w/~/x", "home/x"])),
            ("~root/x", None),
            ("loop", None),
            ("", None),
            ("a\0b", None),
        ];
        for (written, expected) in table {
            let found = meant(written, &cwd, &home);
            let expected = expected.map(|list| list.iter().map(|p| AbsPath::new(root.join(p)).unwrap()).collect());
            assert_eq!(found, expected, "{written:?}");
        }
    }
}
