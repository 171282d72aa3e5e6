//! The only place where a path is normalised or compared.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::raw::Raw;

/// An absolute path without `.`, `..`, doubled or trailing slashes. Lexical: it says nothing of symlinks;
/// who needs the object behind the name resolves it first and builds this from the result.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct AbsPath(Cow<'static, Path>);

/// Why a path is no [`AbsPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// It doesn't start with `/`.
    Relative,
    /// It has a NUL byte.
    Nul,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Relative => "path is not absolute",
            Self::Nul => "path holds a NUL byte",
        })
    }
}

impl std::error::Error for PathFault {}

impl AbsPath {
    /// The one constructor. `..` above the root stays at the root, as the kernel has it.
    ///
    /// # Errors
    /// [`PathFault`] where the path is relative or holds a NUL byte.
    pub fn new(path: impl AsRef<Path>) -> Result<Self, PathFault> {
        let path = path.as_ref();
        if !path.is_absolute() {
            return Err(PathFault::Relative);
        }
        if path.as_os_str().as_bytes().contains(&0) {
            return Err(PathFault::Nul);
        }
        if is_clean(path.as_os_str().as_bytes()) {
            return Ok(Self(Cow::Owned(path.to_owned())));
        }
        let mut clean = PathBuf::with_capacity(path.as_os_str().len());
        clean.push("/");
        for part in path.components() {
            match part {
                Component::Normal(name) => clean.push(name),
                Component::ParentDir => {
                    clean.pop();
                }
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        Ok(Self(Cow::Owned(clean)))
    }

    /// A path that is part of the program, as it stands there; none if it is not normalised.
    pub(crate) fn fixed(path: &'static str) -> Option<Self> {
        is_clean(path.as_bytes()).then(|| Self(Cow::Borrowed(Path::new(path))))
    }

    /// `self` with what is empty or starts with `/` behind it; none if that is not normalised.
    pub(crate) fn beneath(&self, rest: &str) -> Option<Self> {
        if rest.is_empty() {
            return Some(self.clone());
        }
        if !is_clean(rest.as_bytes()) {
            return None;
        }
        let base = self.0.as_os_str();
        let mut path = OsString::with_capacity(base.len() + rest.len());
        path.push(if base == "/" { OsStr::new("") } else { base });
        path.push(rest);
        Some(Self(Cow::Owned(path.into())))
    }

    /// The root directory.
    #[must_use]
    pub fn root() -> Self {
        Self(Cow::Borrowed(Path::new("/")))
    }

    /// `self` with a relative (or absolute) path laid on top, normalised.
    ///
    /// # Errors
    /// [`PathFault::Nul`] where `rest` holds a NUL byte.
    pub fn join(&self, rest: impl AsRef<Path>) -> Result<Self, PathFault> {
        let joined = self.0.join(rest);
        if is_clean(joined.as_os_str().as_bytes()) { Ok(Self(Cow::Owned(joined))) } else { Self::new(joined) }
    }

    /// The path for the operating system.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The parent; none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.parent().map(|p| Self(Cow::Owned(p.to_owned())))
    }

    /// The last component's bytes; none for the root.
    #[must_use]
    pub fn name(&self) -> Option<&std::ffi::OsStr> {
        self.0.file_name()
    }

    /// Whether `self` is `root` or lies beneath it, by component: `/home` does not contain `/homeless`.
    #[must_use]
    pub fn is_within(&self, root: &Self) -> bool {
        // Both are normalised, so bytes tell what components would.
        let (path, root) = (self.0.as_os_str().as_bytes(), root.0.as_os_str().as_bytes());
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || root == b"/")
    }
}

/// Whether an absolute path is normalised already, as nearly all are: no empty part, `.` or `..`, no slash at the end, and
/// no NUL byte.
fn is_clean(path: &[u8]) -> bool {
    let mut dots = 0;
    let mut length = 1;
    for byte in path {
        match byte {
            b'/' if length == dots => return path == b"/",
            b'/' => (dots, length) = (0, 0),
            0 => return false,
            _ => {
                dots += usize::from(*byte == b'.' && dots == length && dots < 2);
                length += 1;
            }
        }
    }
    path == b"/" || path.starts_with(b"/") && length > dots
}

impl fmt::Debug for AbsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Raw::from(self.0.as_os_str()).fmt(f)
    }
}

impl TryFrom<Raw> for AbsPath {
    type Error = PathFault;
    fn try_from(raw: Raw) -> Result<Self, PathFault> {
        Self::new(Path::new(raw.os()))
    }
}

impl From<AbsPath> for Raw {
    fn from(path: AbsPath) -> Self {
        Self::from(path.0.into_owned().into_os_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::AbsPath;

    #[test]
    fn paths_are_normalised_however_they_are_written() {
        for (written, clean) in [
            ("/", "/"),
            ("//", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a//b", "/a/b"),
            ("/./a/./b/.", "/a/b"),
            ("/../a/x/../b", "/a/b"),
            ("/a/...", "/a/..."),
            ("/a/.b", "/a/.b"),
            ("/a./..b/b..", "/a./..b/b.."),
            ("/a/..", "/"),
            ("/a/.", "/a"),
        ] {
            let path = AbsPath::new(written).unwrap();
            assert_eq!(path.as_path().as_os_str(), clean, "{written}");
        }
    }

    #[test]
    fn within_is_by_component() {
        for (path, root, within) in [
            ("/home/u", "/home", true),
            ("/home", "/home", true),
            ("/homeless", "/home", false),
            ("/home", "/home/u", false),
            ("/home", "/", true),
            ("/", "/", true),
            ("/", "/home", false),
        ] {
            let [path, root] = [path, root].map(|text| AbsPath::new(text).unwrap());
            assert_eq!(path.is_within(&root), within, "{path:?} {root:?}");
            assert_eq!(path.as_path().starts_with(root.as_path()), within, "as the library says");
        }
    }
}
