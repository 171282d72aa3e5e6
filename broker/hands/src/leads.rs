//! Where paths lead, their symlinks followed: hundreds of roots and globs share most of their way, and each step of it is
//! looked up once.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What is known so far. Good for a moment in which nothing is moved.
#[derive(Debug, Default)]
pub(crate) struct Leads {
    known: HashMap<OsString, End>,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    /// Its symlinks followed as far as it exists.
    pub(crate) real: PathBuf,
    /// Whether all of it exists.
    pub(crate) exists: bool,
}

impl Leads {
    /// Where an absolute path leads.
    pub(crate) fn end(&mut self, path: &Path) -> End {
        if let Some(end) = self.known.get(path.as_os_str()) {
            return end.clone();
        }
        let end = match (path.parent(), path.file_name()) {
            (Some(above), Some(name)) => step(&self.end(above), name),
            // the root; or `..`, which is looked up whole
            _ => fs::canonicalize(path).map_or_else(|_| self.missing(path), |real| End { real, exists: true }),
        };
        self.known.insert(path.as_os_str().to_owned(), end.clone());
        end
    }

    /// A path that can't be followed to its end, as far as it can.
    fn missing(&mut self, path: &Path) -> End {
        let Some(above) = path.parent() else {
            return End { real: path.to_owned(), exists: false };
        };
        let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
        End { real: self.end(above).real.join(rest), exists: false }
    }
}

/// One name further.
fn step(above: &End, name: &OsStr) -> End {
    let place = above.real.join(name);
    if !above.exists {
        return End { real: place, exists: false };
    }
    match fs::read_link(&place) {
        Ok(_) => match fs::canonicalize(&place) {
            Ok(real) => End { real, exists: true },
            Err(_) => End { real: place, exists: false },
        },
        // there is something, and it is no symlink
        Err(err) => End { real: place, exists: err.raw_os_error() == Some(libc::EINVAL) },
    }
}

/// The bytes of a path.
pub(crate) fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The same asked the long way.
    fn expected(path: &Path) -> End {
        let mut rest = Vec::new();
        for above in path.ancestors() {
            if let Ok(real) = fs::canonicalize(above) {
                let real = rest.iter().rev().fold(real, |path: PathBuf, name| path.join(name));
                return End { real, exists: rest.is_empty() };
            }
            rest.extend(above.file_name());
        }
        End { real: path.to_owned(), exists: false }
    }

    #[test]
    fn steps_lead_where_the_whole_path_does() {
        let dir = std::env::temp_dir().join(format!("leads-{}", std::process::id()));
        fs::create_dir_all(dir.join("real/deep")).unwrap();
        fs::write(dir.join("real/file"), "").unwrap();
        let links = [("link", "real"), ("real/up", "../link/deep"), ("dangling", "real/no"), ("round", "round")];
        for (name, to) in links {
            std::os::unix::fs::symlink(to, dir.join(name)).unwrap();
        }
        let mut leads = Leads::default();
        for path in [
            "",
            "real",
            "link",
            "link/up",
            "link/up/x",
            "link/deep/x/y",
            "link/file",
            "link/file/x",
            "dangling",
            "dangling/x",
            "round/x",
            "no/x/y",
            "link/up/../file",
            "real/../real/file",
        ] {
            let path = dir.join(path);
            assert_eq!(leads.end(&path), expected(&path), "{path:?}");
            assert_eq!(leads.end(&path), expected(&path), "again {path:?}");
        }
        for path in ["/", "/proc/self/exe", "/usr/bin/sh", "/bin/sh", "/no"] {
            assert_eq!(leads.end(Path::new(path)), expected(Path::new(path)), "{path}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
