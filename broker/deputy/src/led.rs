//! Where a path leads, and whether something inside could lead it elsewhere.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use tollgate_policy::action::Form;
use tollgate_policy::path::AbsPath;

use crate::Asking;

/// As many symlinks as the kernel follows (`MAXSYMLINKS`).
const LINKS: u32 = 40;

/// The end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Led {
    /// What is there, without a symlink on its way.
    pub(crate) to: AbsPath,
    /// Whether a symlink on the way can be changed from inside.
    pub(crate) loosely: bool,
}

/// Follows a path from the command's directory; none where it leads to nothing.
pub(crate) fn follow(asking: &Asking<'_>, path: &[u8]) -> Option<Led> {
    let (mut at, mut links, mut loosely) = (asking.exec.cwd.as_path().canonicalize().ok()?, 0, false);
    let mut left = steps(Path::new(OsStr::from_bytes(path)));
    while let Some(step) = left.pop_front() {
        match step.as_bytes() {
            b"/" => at = PathBuf::from("/"),
            b".." => drop(at.pop()),
            _ => {
                let next = at.join(&step);
                let Ok(target) = std::fs::read_link(&next) else {
                    at = next;
                    continue;
                };
                links += 1;
                if links > LINKS {
                    return None;
                }
                loosely |= AbsPath::new(&next).is_ok_and(|next| (asking.changeable)(&next));
                let mut through = steps(&target);
                through.append(&mut left);
                left = through;
            }
        }
    }
    std::fs::symlink_metadata(&at).ok()?;
    Some(Led { to: AbsPath::new(at).ok()?, loosely })
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let step = |part: Component<'_>| (part != Component::CurDir).then(|| part.as_os_str().to_owned());
    path.components().filter_map(step).collect()
}

/// Whether a command is started by the name under which its program lies where nothing inside can change it. By another
/// (`exec -a git python3 push`, a link `gh` to a shell) it only looks like what a rule names.
pub(crate) fn goes_by_its_name(asking: &Asking<'_>) -> bool {
    let exec = asking.exec;
    let real = match &exec.image.form {
        Form::Native => exec.image.executable.as_ref(),
        Form::Script { script } => script.as_ref(),
        Form::Loader { .. } => None,
    };
    let (given, zero) = (Path::new(exec.given.os()), exec.argv.first().map(|zero| Path::new(zero.os())));
    let is_named = given.file_name().is_some() && zero.is_some_and(|zero| zero.file_name() == given.file_name());
    is_named && follow(asking, exec.given.bytes()).is_some_and(|led| !led.loosely && Some(&led.to) == real)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::fs::symlink;

    use tollgate_policy::action::{Exec, Image};
    use tollgate_policy::raw::Raw;

    use super::*;

    fn exec(cwd: &Path, (given, zero, real): (&str, &str, &str)) -> Exec {
        let executable = Some(AbsPath::new(Path::new(real)).unwrap());
        Exec {
            given: Raw::from(given),
            image: Image { executable, form: Form::Native, writable: false, sha256: None },
            argv: vec![Raw::from(zero), Raw::from("push")],
            cwd: AbsPath::new(cwd).unwrap(),
        }
    }

    #[test]
    fn what_links_inside_lead_to_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let (inside, outside) = (real.join("in"), real.join("out"));
        for folder in ["in/sub", "out"] {
            std::fs::create_dir_all(real.join(folder)).unwrap();
        }
        for file in ["in/plain", "out/key", "out/tool"] {
            std::fs::write(real.join(file), "").unwrap();
        }
        for (to, link) in
            [("../out/key", "in/notes"), ("../out", "in/way"), ("tool", "out/git"), ("../in/notes", "out/back")]
        {
            symlink(to, real.join(link)).unwrap();
        }
        let exec = exec(&inside, ("x", "x", "/x"));
        let changeable = |path: &AbsPath| path.as_path().starts_with(&inside);
        let asking = Asking { exec: &exec, changeable: &changeable };
        let to = |path: &str| follow(&asking, path.as_bytes()).map(|led| (led.to.as_path().to_owned(), led.loosely));
        for (path, expected, loosely) in [
            ("plain", inside.join("plain"), false),
            ("./sub/../plain", inside.join("plain"), false),
            ("notes", outside.join("key"), true),
            ("way/key", outside.join("key"), true),
            ("way/../in/plain", inside.join("plain"), true),
            ("../out/git", outside.join("tool"), false),
            ("../out/back", outside.join("key"), true),
        ] {
            assert_eq!(to(path), Some((expected, loosely)), "{path}");
        }
        assert_eq!(to("missing"), None);
        symlink("round", inside.join("round")).unwrap();
        assert_eq!(to("round"), None);
    }

    #[test]
    fn only_a_programs_own_name_counts() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        let inside = real.join("in");
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(real.join("bin")).unwrap();
        std::fs::write(real.join("bin/git"), "").unwrap();
        std::fs::write(real.join("bin/python3.11"), "").unwrap();
        symlink("python3.11", real.join("bin/python3")).unwrap();
        symlink(real.join("bin/python3.11"), inside.join("git")).unwrap();
        let text = |path: &str| real.join(path).to_str().unwrap().to_owned();
        let (git, python) = (text("bin/git"), text("bin/python3.11"));
        let changeable = |path: &AbsPath| path.as_path().starts_with(&inside);
        for (given, zero, is, expected) in [
            (git.as_str(), "git", &git, true),
            (&git, &git, &git, true),
            (&text("bin/python3"), "python3", &python, true),
            (&python, "git", &python, false),
            (&python, "python3", &python, false),
            (&text("in/git"), "git", &python, false),
            ("git", "git", &python, false),
            (&git, "git", &python, false),
            ("", "git", &git, false),
            ("/proc/self/exe", "exe", &git, false),
        ] {
            let exec = exec(&inside, (given, zero, is));
            let asking = Asking { exec: &exec, changeable: &changeable };
            assert_eq!(goes_by_its_name(&asking), expected, "{given} as {zero}, which is {is}");
        }
    }
}
