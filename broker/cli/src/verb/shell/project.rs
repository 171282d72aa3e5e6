//! Where a call happens: the nearest folder with `.git` or `.tollgate` at or above the working directory, below home and
//! `/`; else the working directory, where that can be a project at all.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::layers::PROJECT;
use crate::place::shown;

/// What makes a folder a project.
const MARKS: [&str; 2] = [".git", ".tollgate"];

/// Folders that are the system's, with all beneath them: who is there without a project's mark is not at work on one.
const SYSTEM: [&str; 11] =
    ["/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/boot", "/dev", "/proc", "/sys", "/run"];

/// Folders that everybody shares; a folder of one's own beneath them is fine.
const SHARED: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/home", "/var"];

/// The workspace of a call that starts here.
pub(super) fn of(here: &Path, home: Option<&Path>) -> Result<PathBuf, Failure> {
    let marked = candidates(here, home).find(|folder| is_marked(folder));
    if let Some(root) = marked {
        return Ok(root.to_owned());
    }
    if is_nobodys_project(here, home) {
        return Err(Failure::new(Exit::Refused, format!("{} is no project", shown(here)))
            .hint("a call starts in a folder with .git or .tollgate at or above it; --workspace names another"));
    }
    Ok(here.to_owned())
}

/// Policies of folders around a workspace. A repository within a project has not left it: what the project forbids stays
/// forbidden.
pub(crate) fn policies_above(workspace: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let above = candidates(workspace, home).skip(1).filter(|folder| !is_everybodys(folder));
    above.map(|folder| folder.join(PROJECT)).filter(|file| file.symlink_metadata().is_ok()).collect()
}

/// This folder and those above, up to but without home and `/`, and what home lies in.
fn candidates<'a>(here: &'a Path, home: Option<&'a Path>) -> impl Iterator<Item = &'a Path> {
    here.ancestors()
        .take_while(move |folder| folder.parent().is_some() && !home.is_some_and(|home| home.starts_with(folder)))
}

fn is_marked(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).symlink_metadata().is_ok())
}

/// Whether anybody may make files there, whose policy would then count.
fn is_everybodys(folder: &Path) -> bool {
    folder.metadata().is_ok_and(|meta| meta.mode() & 0o002 != 0)
}

/// Whether a folder without a project's mark is the system's, holds everybody's homes, or a person's settings.
pub(crate) fn is_no_place_for_work(here: &Path, home: Option<&Path>) -> bool {
    let own = ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|folder| here.starts_with(folder));
    !own && is_nobodys_project(here, home)
}

fn is_nobodys_project(here: &Path, home: Option<&Path>) -> bool {
    let settings =
        |home: &Path| here.strip_prefix(home).is_ok_and(|rest| rest.as_os_str().as_encoded_bytes().starts_with(b"."));
    SYSTEM.iter().any(|folder| here.starts_with(folder))
        || SHARED.iter().any(|folder| here == Path::new(folder))
        || home.is_some_and(settings)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn the_nearest_mark_below_home() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        for folder in [".git", "a/.git", "a/b/c", "a/b/d/.tollgate", "plain/x", ".config/x", ".dots/.git", ".dots/x"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        std::fs::create_dir(home.join("a/w")).unwrap();
        std::fs::write(home.join("a/w/.git"), "gitdir: ../.git/worktrees/w\n").unwrap();
        let table = [
            ("a", Some("a")),
            ("a/b/c", Some("a")),
            ("a/b/d", Some("a/b/d")),
            ("a/w", Some("a/w")),
            ("plain/x", Some("plain/x")),
            (".dots/x", Some(".dots")),
            (".config/x", None),
        ];
        for (here, root) in table {
            let found = of(&home.join(here), Some(&home)).ok();
            assert_eq!(found, root.map(|root| home.join(root)), "{here}");
        }
        for place in ["/etc", "/usr/share", "/tmp", "/proc/self"] {
            assert!(of(Path::new(place), Some(&home)).is_err(), "{place}");
        }
        for place in ["/etc/x", "/usr", "/proc", "/dev", "/home", "/var"] {
            assert!(is_no_place_for_work(Path::new(place), Some(&home)), "{place}");
        }
        assert!(is_no_place_for_work(&home.join(".config/x"), Some(&home)) || home.starts_with("/tmp"));
        for place in ["/tmp", "/tmp/x", "/var/tmp", "/dev/shm/x", "/opt/x", "/home/me/x"] {
            assert!(!is_no_place_for_work(Path::new(place), Some(&home)), "{place}");
        }
    }

    #[test]
    fn policies_of_what_lies_around() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().canonicalize().unwrap();
        for folder in [".tollgate", "a/.tollgate", "a/b/.tollgate", "a/b/c/.git"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        for file in [".tollgate/policy.toml", "a/.tollgate/policy.toml", "a/b/.tollgate/policy.toml"] {
            std::fs::write(home.join(file), "version = 1\n").unwrap();
        }
        let expected = ["a/b/.tollgate/policy.toml", "a/.tollgate/policy.toml"].map(|file| home.join(file));
        assert_eq!(policies_above(&home.join("a/b/c"), Some(&home)), expected);
        assert!(policies_above(&home.join("a"), Some(&home)).is_empty());
    }
}
