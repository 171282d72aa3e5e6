//! Where the ledger, the runs and their sockets are; and whether such a directory can be trusted.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::geteuid;

/// The folders of this person on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The ledger and the runs: `$TOLLGATE_STATE_DIR`, else `$XDG_STATE_HOME/tollgate`, else
    /// `~/.local/state/tollgate`.
    pub state: PathBuf,
    /// `$XDG_RUNTIME_DIR/tollgate`, where that folder is there and is this user's (after `sudo` it may be
    /// another's).
    pub runtime: Option<PathBuf>,
}

/// No folder for the state can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unplaced {
    /// None of the variables is set.
    Homeless,
    /// `TOLLGATE_STATE_DIR` is relative.
    Relative(PathBuf),
}

impl fmt::Display for Unplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Homeless => f.write_str("no folder for the state: neither TOLLGATE_STATE_DIR nor HOME is set"),
            Self::Relative(path) => write!(f, "TOLLGATE_STATE_DIR is not absolute: `{}`", path.display()),
        }
    }
}

impl std::error::Error for Unplaced {}

impl Places {
    /// The folders that the environment names.
    ///
    /// # Errors
    /// [`Unplaced`].
    pub fn here() -> Result<Self, Unplaced> {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// The folders that these variables name. Relative XDG variables count as unset, as their specification says.
    ///
    /// # Errors
    /// [`Unplaced`].
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Unplaced> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
        let state = match set("TOLLGATE_STATE_DIR") {
            Some(path) if path.is_absolute() => path,
            Some(path) => return Err(Unplaced::Relative(path)),
            None => absolute("XDG_STATE_HOME")
                .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
                .map(|base| base.join("tollgate"))
                .ok_or(Unplaced::Homeless)?,
        };
        let runtime = absolute("XDG_RUNTIME_DIR").filter(|path| is_ours(path)).map(|path| path.join("tollgate"));
        Ok(Self { state, runtime })
    }

    /// Where a run makes its socket.
    #[must_use]
    pub fn sockets(&self) -> PathBuf {
        self.runtime.clone().unwrap_or_else(|| self.state.join("run"))
    }

    /// Where sockets may be: a run may have been started in another environment than this one.
    #[must_use]
    pub fn all_sockets(&self) -> Vec<PathBuf> {
        self.runtime.iter().cloned().chain([self.state.join("run")]).collect()
    }

    /// The file of the ledger.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.state.join("ledger.sqlite")
    }
}

fn is_ours(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == geteuid().as_raw())
}

/// A directory can't be used.
#[derive(Debug)]
pub struct Unfit {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub why: Why,
}

/// Why a directory can't be used.
#[derive(Debug)]
pub enum Why {
    /// The system refused.
    Io(io::Error),
    /// It is a symbolic link, or no directory.
    NoDirectory,
    /// It belongs to another user.
    Owner(u32),
    /// Others may write there, or (for sockets) look in.
    Mode(u32),
}

impl Unfit {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let path = self.path.display();
        match &self.why {
            Why::Io(_) => "set TOLLGATE_STATE_DIR to a folder that you can write to".to_owned(),
            Why::NoDirectory => {
                format!("move `{path}` away, or set TOLLGATE_STATE_DIR to another folder")
            }
            Why::Owner(_) => "set TOLLGATE_STATE_DIR to a folder of your own".to_owned(),
            Why::Mode(_) => format!("chmod 700 {path}"),
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.why {
            Why::Io(_) => write!(f, "can't use the folder `{path}`"),
            Why::NoDirectory => write!(f, "`{path}` is a symbolic link or no folder"),
            Why::Owner(uid) => write!(f, "the folder `{path}` belongs to another user (uid {uid})"),
            Why::Mode(mode) => write!(f, "the folder `{path}` is open to others (mode {mode:04o})"),
        }
    }
}

impl std::error::Error for Unfit {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Io(cause) => Some(cause),
            Why::NoDirectory | Why::Owner(_) | Why::Mode(_) => None,
        }
    }
}

/// Which permission bits must be off, and whose the directory may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Ours, and nobody else writes there.
    Own,
    /// Ours, and nobody else looks in.
    Private,
    /// As [`Trust::Private`], but root may also look at another user's: to answer for them.
    Visited,
}

/// Makes the directory (mode 0700) where it is missing, and opens it if it can be trusted.
///
/// # Errors
/// [`Unfit`].
pub fn make(path: &Path, trust: Trust) -> Result<OwnedFd, Unfit> {
    let built = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    // A symlink to nowhere, or a file, is reported by `open_dir` in its own words.
    match open_dir(path, trust) {
        Err(Unfit { why: Why::Io(_), path }) if built.is_err() => {
            Err(Unfit { path, why: Why::Io(built.err().unwrap_or_else(|| io::ErrorKind::Other.into())) })
        }
        opened => opened,
    }
}

/// Opens the directory if it can be trusted; what is done afterwards is done beneath the descriptor, so it is the
/// same object that was checked.
///
/// # Errors
/// [`Unfit`]; one that is missing is [`Why::Io`] of kind `NotFound`.
pub fn open_dir(path: &Path, trust: Trust) -> Result<OwnedFd, Unfit> {
    let unfit = |why| Unfit { path: path.to_owned(), why };
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
    let dir = open(path, flags, Mode::empty()).map_err(|errno| {
        let none = errno == nix::Error::ENOTDIR || errno == nix::Error::ELOOP;
        unfit(if none { Why::NoDirectory } else { Why::Io(errno.into()) })
    })?;
    let meta = fstat(&dir).map_err(|errno| unfit(Why::Io(errno.into())))?;
    let me = geteuid();
    if meta.st_uid != me.as_raw() && !(trust == Trust::Visited && me.is_root()) {
        return Err(unfit(Why::Owner(meta.st_uid)));
    }
    let forbidden = if trust == Trust::Own { 0o022 } else { 0o077 };
    if meta.st_mode & forbidden != 0 {
        return Err(unfit(Why::Mode(meta.st_mode & 0o7777)));
    }
    Ok(dir)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn places(set: &[(&str, &str)]) -> Result<Places, Unplaced> {
        Places::from_variables(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into()))
    }

    #[test]
    fn the_state_folder_follows_its_variables() {
        type Variables = &'static [(&'static str, &'static str)];
        let table: &[(Variables, Result<&str, Unplaced>)] = &[
            (&[("TOLLGATE_STATE_DIR", "/a"), ("XDG_STATE_HOME", "/b"), ("HOME", "/c")], Ok("/a")),
            (&[("XDG_STATE_HOME", "/b"), ("HOME", "/c")], Ok("/b/tollgate")),
            (&[("XDG_STATE_HOME", "b"), ("HOME", "/c")], Ok("/c/.local/state/tollgate")),
            (&[("TOLLGATE_STATE_DIR", ""), ("HOME", "/c")], Ok("/c/.local/state/tollgate")),
            (&[("TOLLGATE_STATE_DIR", "a"), ("HOME", "/c")], Err(Unplaced::Relative("a".into()))),
            (&[], Err(Unplaced::Homeless)),
        ];
        for (set, expected) in table {
            assert_eq!(places(set).map(|p| p.state), expected.clone().map(PathBuf::from), "{set:?}");
        }
    }

    #[test]
    fn sockets_are_in_the_runtime_folder_if_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().to_str().unwrap();
        let with = |runtime: &str| places(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", runtime)]).unwrap().sockets();
        assert_eq!(with(ours), dir.path().join("tollgate"));
        assert_eq!(with("/nonexistent"), PathBuf::from("/h/.local/state/tollgate/run"));
        let both = places(&[("TOLLGATE_STATE_DIR", "/s"), ("XDG_RUNTIME_DIR", ours)]).unwrap();
        assert_eq!(both.all_sockets(), [dir.path().join("tollgate"), "/s/run".into()]);
    }

    #[test]
    fn a_made_folder_is_private_and_checked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er");
        make(&path, Trust::Private).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        make(&path, Trust::Own).unwrap();
        assert!(matches!(make(&path, Trust::Private).unwrap_err().why, Why::Mode(0o755)));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(make(&path, Trust::Own).unwrap_err().why, Why::Mode(0o770)));
    }

    #[test]
    fn links_and_files_are_no_folders() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        make(&real, Trust::Private).unwrap();
        for (name, target) in [("to-real", real.as_path()), ("to-nowhere", Path::new("/nonexistent/x"))] {
            let link = dir.path().join(name);
            symlink(target, &link).unwrap();
            assert!(matches!(make(&link, Trust::Private).unwrap_err().why, Why::NoDirectory), "{name}");
        }
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(make(&file, Trust::Private).unwrap_err().why, Why::NoDirectory));
        assert!(matches!(make(&file.join("sub"), Trust::Private).unwrap_err().why, Why::Io(_) | Why::NoDirectory));
    }

    #[test]
    fn anothers_folder_is_refused() {
        if geteuid().is_root() {
            let dir = tempfile::tempdir().unwrap();
            std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
            nix::unistd::chown(dir.path(), Some(nix::unistd::Uid::from_raw(12345)), None).unwrap();
            assert!(matches!(open_dir(dir.path(), Trust::Own).unwrap_err().why, Why::Owner(12345)));
            open_dir(dir.path(), Trust::Visited).unwrap();
        } else {
            assert!(matches!(open_dir(Path::new("/"), Trust::Own).unwrap_err().why, Why::Owner(0)));
        }
    }
}
